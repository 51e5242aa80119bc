"""A stamp of an environment differs once something was changed, and only then."""

from __future__ import annotations

from pkgwidgets import PackageService

# --- stamps


def test_a_stamp_differs_once_something_is_installed_or_begun(service: PackageService) -> None:
    before = service.change_token()
    assert service.change_token() == before
    service.upgrade_package("seedshelf")
    assert service.change_token() != before


def test_asking_whether_it_may_be_changed_changes_no_stamp(service: PackageService) -> None:
    before = service.change_token()
    assert service.read_only_reason() is None
    service.plan_upgrade("seedshelf")
    assert service.change_token() == before
