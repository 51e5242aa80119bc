"""The change token of an environment changes with each change, and only then."""

from __future__ import annotations

from pkgwidgets import PackageService


def test_change_token_changes_after_an_upgrade(service: PackageService) -> None:
    before = service.change_token()
    assert service.change_token() == before
    service.upgrade_package("seedshelf")
    assert service.change_token() != before


def test_read_only_check_and_planning_keep_the_change_token(service: PackageService) -> None:
    before = service.change_token()
    assert service.read_only_reason() is None
    service.plan_upgrade("seedshelf")
    assert service.change_token() == before


def test_change_token_changes_after_an_edit_of_the_holds(service: PackageService) -> None:
    token = service.change_token()
    (service.prefix / "pkgwidgets.toml").write_text('[holds]\nraintable = "<3"\n')
    assert service.change_token() != token
