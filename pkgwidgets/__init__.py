"""Look after the packages under a running notebook kernel: see, plan, upgrade, undo."""

from __future__ import annotations

TYPE_CHECKING = False  # as `typing` has it, which takes a while to load
if TYPE_CHECKING:
    from typing import Any

    from IPython.core.interactiveshell import InteractiveShell

    from pkgwidgets.core.errors import PkgwidgetsError
    from pkgwidgets.core.versions import compare_versions
    from pkgwidgets.notebook.service import PackageService
    from pkgwidgets.widgets.panel import PackagePanel

__all__ = ["PackagePanel", "PackageService", "PkgwidgetsError", "compare_versions"]

_PLACES = {
    "PackagePanel": "pkgwidgets.widgets.panel",
    "PackageService": "pkgwidgets.notebook.service",
    "PkgwidgetsError": "pkgwidgets.core.errors",
    "compare_versions": "pkgwidgets.core.versions",
}


def __getattr__(name: str) -> Any:
    # All is loaded on first use: the server imports this package at every start, and the command
    # line before it can hear an interrupt.
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(_PLACES[name]), name)
    return found


def __dir__() -> list[str]:
    return [*__all__, "core", "demo"]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Give a shell the line magic `%packages`: what `%load_ext pkgwidgets` does."""
    from pkgwidgets.notebook.magic import load

    load(shell, _open_panel)


def _open_panel(service: PackageService) -> PackagePanel:
    from pkgwidgets.widgets.panel import PackagePanel

    return PackagePanel(service)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "pkgwidgets.server.app"}]
