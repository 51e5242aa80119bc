"""A request typed into the panel is planned as in the service; bad input is refused."""

from __future__ import annotations

import pytest

from pkgwidgets import PackageService
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.interfaces import no_report
from pkgwidgets.widgets import panel_request


@pytest.mark.parametrize("text", ["", "pip install", "--index-url=x", "../x", "a b", None])
def test_invalid_requirement_is_refused(text: str, service: PackageService) -> None:
    with pytest.raises(InvalidRequest):
        panel_request.install(service, text)


@pytest.mark.slow
def test_equivalent_cell_makes_the_same_changes_as_the_plan(service: PackageService) -> None:
    requests = [
        panel_request.upgrade(service, ["raintable"]),
        panel_request.upgrade(service, ["raintable"], "2.4.0"),
        panel_request.upgrade(service, ["raintable"], allow="all"),
        panel_request.upgrade(service, ["seedshelf", "frostcall"]),
        panel_request.install(service, "moonsower==6.0.0rc1"),
        panel_request.install(service, "moonsower==6.0.0rc1", "all"),
        panel_request.uninstall(service, ["moonsower"]),
        panel_request.uninstall(service, ["sundrift", "bedplanner"]),
    ]
    for request in requests:
        planned = request.plan(no_report)
        done = eval(request.cell, {"service": service})
        assert done.changes == planned.changes, request.cell
        service.undo(done)


def test_upgrade_of_all_packages_is_one_call(service: PackageService) -> None:
    assert panel_request.upgrade(service, None).cell == "service.upgrade_all_packages()"
    assert panel_request.upgrade(service, None).title == "Upgrade all"


def test_undo_request_names_the_transaction_id(service: PackageService) -> None:
    done = service.upgrade_package("seedshelf")
    request = panel_request.undo(service, done)
    assert (request.title, request.cell) == ("Undo: seedshelf", f"service.undo({done.id!r})")
    assert request.plan(no_report).undoes == done.id
