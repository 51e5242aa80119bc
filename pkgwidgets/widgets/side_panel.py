"""The panel of JupyterLab's side bar: one for each kernel, displayed again when it is opened."""

from __future__ import annotations

from threading import Lock

from .panel import PackagePanel

_lock = Lock()
_panels: list[PackagePanel] = []
"""The panel, once it was opened."""


def show() -> None:
    """Display the side bar's panel; create it the first time.

    The labextension runs this in the kernel, in a subshell where the kernel has them.
    """
    from IPython.display import display

    with _lock:
        if not _panels or _panels[0].comm is None:  # it was closed
            _panels[:] = [PackagePanel()]
    display(_panels[0])  # type: ignore[no-untyped-call]
