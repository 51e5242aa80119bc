"""A program that embeds Python may not know its interpreter: that is an error with advice."""

from __future__ import annotations

import sys

import pytest

from pkgwidgets import PackageService
from pkgwidgets.core.errors import EnvironmentRefused
from pkgwidgets.demo import Demo


@pytest.mark.parametrize("executable", [None, ""])
def test_unknown_interpreter_is_refused(
    monkeypatch: pytest.MonkeyPatch, executable: str | None
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    with pytest.raises(EnvironmentRefused, match="embeds Python") as caught:
        PackageService()
    assert "`PackageService(python)`" in caught.value.hint


@pytest.mark.parametrize("executable", [None, ""])
def test_named_interpreter_can_be_read_from_an_embedded_python(
    garden: Demo, monkeypatch: pytest.MonkeyPatch, executable: str | None
) -> None:
    service = PackageService(garden.python, index_url=garden.index_url)
    plan = service.plan_upgrade("seedshelf")
    monkeypatch.setattr(sys, "executable", executable)
    service = PackageService(garden.python, index_url=garden.index_url)
    assert service.get_package("seedshelf").version == "1.4.1"
    with pytest.raises(EnvironmentRefused, match="embeds Python"):
        service.apply(plan)
