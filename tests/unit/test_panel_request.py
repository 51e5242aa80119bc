"""What is asked for in the panel: titles, pasted commands, and source that does the same."""

from __future__ import annotations

import pytest

from pkgwidgets import PackageService
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.interfaces import no_report
from pkgwidgets.widgets import panel_request


@pytest.mark.parametrize(
    ("text", "requirement", "name"),
    [
        ("polars", "polars", "polars"),
        ("  polars>=1 ", "polars>=1", "polars"),
        ("pip install polars", "polars", "polars"),
        ("%pip install -U polars[all]>=1", "polars[all]>=1", "polars"),
        ("!uv pip install --upgrade 'polars'", "polars", "polars"),
        ("python -m pip install polars==1.0", "polars==1.0", "polars"),
        ("uv add polars", "polars", "polars"),
        ("pip", "pip", "pip"),
        ("add", "add", "add"),
    ],
)
def test_what_is_pasted_is_understood(text: str, requirement: str, name: str) -> None:
    assert panel_request.strip_command(text) == requirement
    assert panel_request.project_name(text) == name


@pytest.mark.parametrize("text", ["", "pip install", "--index-url=x", "../x", "a b", None])
def test_what_is_no_requirement_is_refused_before_anything_is_done(
    text: str, service: PackageService
) -> None:
    with pytest.raises(InvalidRequest):
        panel_request.install(service, text)


@pytest.mark.slow
def test_the_source_does_the_same_as_the_plan(service: PackageService) -> None:
    wishes = [
        panel_request.upgrade(service, ["raintable"]),
        panel_request.upgrade(service, ["raintable"], "2.4.0"),
        panel_request.upgrade(service, ["raintable"], allow="all"),
        panel_request.upgrade(service, ["seedshelf", "frostcall"]),
        panel_request.install(service, "moonsower==6.0.0rc1"),
        panel_request.install(service, "moonsower==6.0.0rc1", "all"),
        panel_request.uninstall(service, ["moonsower"]),
        panel_request.uninstall(service, ["sundrift", "bedplanner"]),
    ]
    for wish in wishes:
        planned = wish.plan(no_report)
        done = eval(wish.cell, {"service": service})
        assert done.changes == planned.changes, wish.cell
        service.undo(done)


def test_everything_at_once_is_one_call(service: PackageService) -> None:
    assert panel_request.upgrade(service, None).cell == "service.upgrade_all_packages()"
    assert panel_request.upgrade(service, None).title == "Upgrade all"


def test_an_undo_is_asked_for_by_its_id(service: PackageService) -> None:
    done = service.upgrade_package("seedshelf")
    wish = panel_request.undo(service, done)
    assert (wish.title, wish.cell) == ("Undo: seedshelf", f"service.undo({done.id!r})")
    assert wish.plan(no_report).undoes == done.id


def test_only_a_few_are_named() -> None:
    assert panel_request.format_names(None) == "all"
    assert panel_request.format_names(["a", "b", "c"]) == "a, b, c"
    assert panel_request.format_names(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
