"""Look after the packages under a running notebook kernel: see, plan, upgrade, undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .core.errors import PkgwidgetsError
from .core.versions import compare_versions

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .notebook.service import PackageService
    from .widgets.panel import PackagePanel

__all__ = ["PackagePanel", "PackageService", "PkgwidgetsError", "compare_versions"]


def __getattr__(name: str) -> Any:
    # pandas and ipywidgets are loaded on first use: the server imports this package at every start.
    if name == "PackageService":
        from .notebook.service import PackageService

        return PackageService
    if name == "PackagePanel":
        from .widgets.panel import PackagePanel

        return PackagePanel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "core", "demo"]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Give a shell the line magic `%packages`: what `%load_ext pkgwidgets` does."""
    from .notebook.magic import load

    load(shell)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "pkgwidgets.server.app"}]
