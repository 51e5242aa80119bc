"""Fifty panels in one kernel cost little while nothing happens, and leave nothing behind."""

from __future__ import annotations

import sys
import threading

import pytest

from pkgwidgets import PackagePanel, PackageService

PANELS = 50


def watching_threads() -> int:
    return sum(thread.name == "pkgwidgets-watch" for thread in threading.enumerate())


@pytest.mark.slow
def test_idle_panels_open_no_file_and_closed_ones_leave_no_thread(service: PackageService) -> None:
    opened: list[str] = []
    is_recording = False

    def record(event: str, arguments: tuple[object, ...]) -> None:
        if is_recording and event == "open":
            opened.append(str(arguments[0]))

    sys.addaudithook(record)
    panels = [PackagePanel(service, check_updates=False) for _ in range(PANELS)]
    for number, panel in enumerate(panels):
        panel._on_connection({"type": "here", "view": str(number)})
        assert panel.wait(60)
    assert watching_threads() == PANELS
    token = service.change_token()
    is_recording = True
    for _ in range(3 * PANELS):  # what each panel does twice a second
        assert service.change_token() == token
    is_recording = False
    assert [path for path in opened if "site-packages" in path or ".pkgwidgets" in path] == []
    for panel in panels:
        panel.close()
    assert watching_threads() == 0
