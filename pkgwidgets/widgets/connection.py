"""Track which views are displayed, and take their requests while a cell runs.

Widget messages wait in the kernel until the running cell has ended (with ipykernel 6 and 7.4;
between them a subshell takes some). A click must not wait. So it is also sent as a request on the
kernel's control channel, which has its own thread. Whichever comes first counts:
https://jupyter-client.readthedocs.io/en/stable/messaging.html#control
"""

from __future__ import annotations

import re
import uuid
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

import anywidget
import traitlets

from .assets import STATIC, bundle
from .background import OnFailure, run_safely
from .package_table import Message

REQUEST, REPLY = "pkgwidgets_request", "pkgwidgets_reply"
_KEPT_CLICKS = 200
"""Clicks that are remembered. Each comes a second time once the running cell has ended."""
_CONNECTION_FILE = re.compile(r"kernel-(?P<id>[\w-]+)\.json", re.ASCII)


class PanelConnection(anywidget.AnyWidget):
    """Shows nothing while the kernel lives; sends `here` and `gone`, and takes requests."""

    _esm = bundle("connection")
    _css = STATIC / "views.css"

    kernel = traitlets.Unicode().tag(sync=True)
    key = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, on_message: Callable[[Message], None], on_failure: OnFailure, **options: Any
    ) -> None:
        super().__init__(kernel=_register_requests(), key=uuid.uuid4().hex, **options)
        self._on_failure = on_failure
        self._parts: dict[str, Callable[[Message], None]] = {}
        self._clicks: deque[str] = deque(maxlen=_KEPT_CLICKS)
        self._lock = Lock()
        self.on_msg(lambda _, message, __: on_message(message))
        _connections[self.key] = self

    def add_part(self, name: str, on_message: Callable[[Message], None]) -> None:
        """Take the clicks of a view, whose messages `on_message` gets."""
        self._parts[name] = on_message

    def click(self, part: str, message: Message) -> None:
        """Pass on a click of a view that came on the control channel."""
        if part in self._parts:
            self._parts[part](message)

    def once(self, on_message: Callable[[Message], None]) -> Callable[[Message], None]:
        """Return a handler that gets each click once, and confirms it to the page.

        Nothing above it would report an error, so `on_failure` gets its sentence.
        """

        def handle(message: Message) -> None:
            match message:
                case {"click": str(click)}:
                    with self._lock:
                        if click in self._clicks:
                            return
                        self._clicks.append(click)
                    self.send({"type": "confirmed", "click": click})
            run_safely(partial(on_message, message), self._on_failure)

        return handle


_connections: WeakValueDictionary[str, PanelConnection] = WeakValueDictionary()


def _register_requests() -> str:
    """Register the panel's requests on this kernel's control channel; return the kernel's id.

    Return "" without a kernel, and for a kernel that no notebook server started.
    """
    kernel = _find_kernel()
    handlers = getattr(kernel, "control_handlers", None)
    if not isinstance(handlers, dict):
        return ""
    handlers[REQUEST] = _answer_request
    try:
        from ipykernel.connect import get_connection_file

        match = _CONNECTION_FILE.fullmatch(Path(get_connection_file()).name)
    except (ImportError, RuntimeError):
        return ""
    return match["id"] if match else ""


def _answer_request(stream: Any, ident: Any, parent: dict[str, Any]) -> None:
    """Answer one request; the reply says whether this kernel still knows the panel."""
    content = parent.get("content", {})
    connection = _connections.get(str(content.get("key")))
    action = content.get("do")
    if connection is not None and action == "click" and isinstance(content.get("message"), dict):
        connection.click(str(content.get("part")), content["message"])
    kernel = _find_kernel()
    if kernel is not None:
        kernel.session.send(stream, REPLY, {"known": connection is not None}, parent, ident=ident)


def _find_kernel() -> Any:
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None)
