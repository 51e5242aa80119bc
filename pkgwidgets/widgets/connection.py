"""Knows which views are displayed, and answers them while a cell runs.

Messages of widgets wait in the kernel until the running cell has ended (with ipykernel 6 and 7.4;
between them a subshell takes some). What must not wait, calling something off, comes as a request
of its own over the kernel's control channel, which has a thread of its own:
https://jupyter-client.readthedocs.io/en/stable/messaging.html#control
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import anywidget
import traitlets

from .assets import STATIC, bundle
from .package_table import Message

REQUEST, REPLY = "pkgwidgets_request", "pkgwidgets_reply"
_FILE = re.compile(r"kernel-(?P<id>[\w-]+)\.json", re.ASCII)


class PanelConnection(anywidget.AnyWidget):
    """Shows nothing as long as the kernel lives; sends here and gone, and takes requests."""

    _esm = bundle("connection")
    _css = STATIC / "views.css"

    kernel = traitlets.Unicode().tag(sync=True)
    key = traitlets.Unicode().tag(sync=True)

    def __init__(self, on_message: Callable[[Message], None], **options: Any) -> None:
        super().__init__(kernel=_listen(), key=uuid.uuid4().hex, **options)
        self.asked = on_message
        self.on_msg(lambda _, message, __: on_message(message))
        _lives[self.key] = self


_lives: WeakValueDictionary[str, PanelConnection] = WeakValueDictionary()


def _listen() -> str:
    """Have this kernel's control channel take our requests; return the kernel's id, if it has one.

    "" without a kernel, and for one that no notebook server started.
    """
    kernel = _kernel()
    handlers = getattr(kernel, "control_handlers", None)
    if not isinstance(handlers, dict):
        return ""
    handlers[REQUEST] = _answer
    try:
        from ipykernel.connect import get_connection_file

        match = _FILE.fullmatch(Path(get_connection_file()).name)
    except (ImportError, RuntimeError):
        return ""
    return match["id"] if match else ""


def _answer(stream: Any, ident: Any, parent: dict[str, Any]) -> None:
    """Take one request; the reply tells whether the panel is still known here."""
    content = parent.get("content", {})
    life = _lives.get(str(content.get("key")))
    do = content.get("do")
    if life is not None and do in ("cancel", "stop"):
        life.asked({"type": do})
    kernel = _kernel()
    if kernel is not None:
        kernel.session.send(stream, REPLY, {"known": life is not None}, parent, ident=ident)


def _kernel() -> Any:
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None)
