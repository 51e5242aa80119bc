"""The panel of JupyterLab's side bar: one for each kernel, displayed again when it is opened."""

from __future__ import annotations

from threading import Lock

from pkgwidgets.core.lock import Export

from .panel import PackagePanel

_lock = Lock()
_panels: list[PackagePanel] = []
"""The panel, once it was opened."""


def restore(text: str) -> None:
    """Show in the side bar's panel the plan that returns to the lock in a text.

    The labextension runs this in the kernel, when a notebook's packages differ from its lock.
    """
    with _lock:
        panels = tuple(_panels)
    for panel in panels:
        panel.plan_restore(Export(file_name="", text=text))


def show() -> None:
    """Display the side bar's panel; create it the first time.

    The labextension runs this in the kernel, in a subshell where the kernel has them.
    """
    from IPython.display import display

    with _lock:
        if not _panels or _panels[0].comm is None:  # it was closed
            _panels[:] = [PackagePanel()]
    # Without its static copy, which is for notebooks that are saved: to make it takes a while.
    live = super(PackagePanel, _panels[0])._repr_mimebundle_()
    display(live, raw=True)  # type: ignore[no-untyped-call]
