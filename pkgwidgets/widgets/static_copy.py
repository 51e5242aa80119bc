"""The list as static HTML in an output of its own, which pages show that have no kernel.

In one output, nbconvert and others take the widget if its state is stored with the notebook, and
drop the HTML next to it. Without the widgets' scripts, which they fetch from a CDN, the page is
then empty: https://nbconvert.readthedocs.io/en/latest/execute_api.html#widget-state. So the list is
a second output. The page hides it where the panel is alive.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from .assets import STATIC

_HTML = "text/html"
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


class StaticCopy:
    """The static copy of one panel; `render` returns its HTML, which is safe."""

    def __init__(self, render: Callable[[], str]) -> None:
        self._render = render
        self._lock = Lock()
        self._display_id = ""
        self._shown = ""

    def display_below(self, bundle: Mapping[str, Any]) -> None:
        """Display a panel's bundle, and the copy below it."""
        from IPython.display import display

        live = {kind: data for kind, data in bundle.items() if kind != _HTML}
        display(live, raw=True)  # type: ignore[no-untyped-call]
        with self._lock:
            self._display_id = self._display_id or uuid.uuid4().hex
            self._shown = self._render()
            self._publish(update=False)

    def update(self) -> None:
        """Show what the panel shows now; do nothing before the copy is displayed."""
        with self._lock:
            html = self._render() if self._display_id else ""
            if html == self._shown:
                return
            self._shown = html
            self._publish(update=True)

    def _publish(self, *, update: bool) -> None:
        from IPython.display import display

        html = f"<style>{_styles()}</style>\n<div class='pkgw-static'>{self._shown}</div>"
        display(  # type: ignore[no-untyped-call]
            {_HTML: html, "text/plain": ""}, raw=True, display_id=self._display_id, update=update
        )


def _styles() -> str:
    text = (STATIC / "static_copy.css").read_text("utf-8")
    return " ".join(_COMMENT.sub("", text).split())
