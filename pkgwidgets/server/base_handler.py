"""What all routes share: permissions, reading a request, writing an answer."""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web
from tornado.iostream import StreamClosedError

from pkgwidgets.core.errors import InvalidRequest, PkgwidgetsError
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.presentation.hints import Face

from . import hub_access, payloads, request_body
from .agent_settings import PkgwidgetsAgents
from .coalesce import Coalescer
from .copy_runs import CopyRuns
from .environments import Environments, KernelSelector
from .errors import RequestRefused
from .event_feed import EventFeeds
from .plan_store import PlanStore
from .questions import Questions
from .response_cache import JsonResponse, ResponseCache

RESOURCE = "pkgwidgets"
"""The resource that users need permissions on: `read` to read, `execute` to change."""
SETTINGS_KEY = "pkgwidgets"
"""The key of the `ServerContext` in the settings of the web application."""

Method = Callable[..., Awaitable[None]]

_METHODS = ("GET", "PUT", "POST", "DELETE")
_JUPYTER_ARGUMENTS = frozenset({"token", "_xsrf", "_", "no_track_activity"})
_GENERATED_NAME = re.compile(r"[0-9a-f]{32}")
_REASONS = {
    400: "The URL cannot be parsed",
    403: "You do not have permission to do this",
    404: "There is no such route",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerContext:
    """What the routes of one server share."""

    environments: Environments
    questions: Questions
    agents: PkgwidgetsAgents
    plans: PlanStore = field(default_factory=PlanStore)
    copies: CopyRuns = field(default_factory=CopyRuns)
    coalescer: Coalescer = field(default_factory=Coalescer)
    cache: ResponseCache = field(default_factory=ResponseCache)
    feeds: EventFeeds = field(default_factory=EventFeeds)
    body_seconds: float = 60.0
    """Seconds in which a client must have sent a whole body."""
    stalled_seconds: float = 300.0
    """Seconds after which a client that reads nothing of a stream is disconnected."""


def requires_read(method: Method) -> Method:
    """Require the permission to read, and answer errors as JSON."""
    return _require(method, "read")


def requires_execute(method: Method) -> Method:
    """Require the permission to execute, and answer errors as JSON."""
    return _require(method, "execute")


def _require(method: Method, action: str) -> Method:
    @functools.wraps(method)
    async def wrapper(self: BaseHandler, *arguments: str) -> None:
        try:
            self.check_request()
            await method(self, *arguments)
        except PkgwidgetsError as error:
            await self.write_failure(error)

    guarded: Method = authorized(action=action, resource=RESOURCE)(wrapper)
    return cast("Method", web.authenticated(guarded))


@web.stream_request_body
class BaseHandler(APIHandler):
    """One route. Bodies are streamed, so that reading stops at the size limit."""

    arguments: ClassVar[frozenset[str]] = frozenset()
    """The names of its query arguments, besides those that name a kernel."""
    face: ClassVar[Face] = Face.REST
    """The front end whose users read the hints of errors."""

    async def prepare(self) -> None:  # type: ignore[override]  # as its own base does
        """Authenticate the request before any of its body is read."""
        connection: Any = self.request.connection
        connection.set_body_timeout(self.context.body_seconds)
        self._body = bytearray()
        self._size = 0
        self._etag: str | None = None
        await super().prepare()

    def data_received(self, chunk: bytes) -> None:
        """Keep a part of the body while the body is within the limit."""
        self._size += len(chunk)
        if self._size <= request_body.MAX_BYTES:
            self._body += chunk

    def check_request(self) -> None:
        """Refuse an ambiguous request before anything is done.

        Raises `RequestRefused` for a body that is too large or not JSON, and `InvalidRequest` for
        an unknown query argument.
        """
        if self._size > request_body.MAX_BYTES:
            raise RequestRefused(413, f"The body is larger than {request_body.MAX_BYTES} bytes")
        content_type = self.request.headers.get("Content-Type", "")
        is_json = content_type.partition(";")[0].strip().lower() == "application/json"
        if (self._body or content_type) and not is_json:
            raise RequestRefused(415, "The content type of a body must be application/json")
        known = {*self.arguments, "kernel", "kernelspec", *_JUPYTER_ARGUMENTS}
        for name in self.request.query_arguments:
            if name not in known:
                raise InvalidRequest("query argument", name)

    def fields(self, *known: str) -> Mapping[str, Any]:
        """Return the fields of the body; raises `InvalidRequest`."""
        return request_body.parse_body(bytes(self._body), known)

    def query_argument(self, name: str) -> str | None:
        """Return a query argument, unstripped; raises `InvalidRequest` if it is given twice."""
        values = self.get_query_arguments(name, strip=False)
        if len(values) > 1:
            raise InvalidRequest(name, None, f"{name} is given more than once")
        return values[0] if values else None

    def query_flag(self, name: str) -> bool:
        """Return a boolean query argument; raises `InvalidRequest` for other values."""
        value = self.query_argument(name)
        if value not in (None, "true", "false"):
            raise InvalidRequest(name, value, "use true or false")
        return value == "true"

    @property
    def context(self) -> ServerContext:
        """What the routes of this server share."""
        context: ServerContext = self.settings[SETTINGS_KEY]
        return context

    @property
    def user(self) -> str:
        """The user who asks; `""` for everyone who has the server's token and no name."""
        name = str(self.current_user.username)
        # Jupyter generates a new name for each request that is authenticated by token alone.
        return "" if self.token_authenticated and _GENERATED_NAME.fullmatch(name) else name

    @property
    def responds_async(self) -> bool:
        """Whether the client prefers an answer at once. Source: RFC 7240 §4.1."""
        preferences = ",".join(self.request.headers.get_list("Prefer")).split(",")
        return "respond-async" in [preference.strip().lower() for preference in preferences]

    @property
    def wants_stream(self) -> bool:
        """Whether the client accepts a stream of events."""
        return "text/event-stream" in self.request.headers.get("Accept", "")

    @property
    def last_event(self) -> int:
        """The number of events that the client has from an interrupted stream."""
        text = self.request.headers.get("Last-Event-ID", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0

    def kernel_selector(self) -> KernelSelector:
        """Return the kernel that the query arguments name; raises `InvalidRequest`."""
        return KernelSelector(
            kernel=self.query_argument("kernel"), kernelspec=self.query_argument("kernelspec")
        )

    async def backend(self) -> Backend:
        """Return the backend of the environment of the kernel that the request names."""
        return await self.context.environments.of(self.kernel_selector())

    async def flush_or_disconnect(self) -> None:
        """Send what is written; disconnect a client that reads nothing for too long.

        Raises `StreamClosedError` if the client is disconnected.
        """
        sending = asyncio.ensure_future(self.flush())
        done, _ = await asyncio.wait({sending}, timeout=self.context.stalled_seconds)
        if not done:
            connection: Any = self.request.connection
            connection.close()
            sending.cancel()
            raise StreamClosedError
        sending.result()

    async def write_stream(self, messages: AsyncGenerator[str, None], name: str) -> None:
        """Answer with server-sent events about `name`, until their end or until the client goes."""
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Accel-Buffering", "no")
        try:
            async with aclosing(messages):  # also when the client has gone
                async for message in messages:
                    self.write(message)
                    await self.flush_or_disconnect()
            await self.finish(set_content_type="text/event-stream")
        except StreamClosedError:
            self.log.debug("the client that followed %s has disconnected", name)

    async def write_success(self, **fields: Any) -> None:
        """Answer that the request succeeded, with more fields."""
        await self.finish(payloads.to_json_text({"success": True, **fields}))

    async def write_json(self, response: JsonResponse) -> None:
        """Answer with a response that is already serialized."""
        self._etag = response.etag
        await self.finish(response.body)

    def compute_etag(self) -> str | None:
        """Return the tag computed with the response: hashing here would block the event loop."""
        return self._etag

    async def write_failure(self, error: PkgwidgetsError, **fields: Any) -> None:
        """Answer with an error, its HTTP status and more fields."""
        self.set_status(payloads.http_status(error))
        await self.finish(
            payloads.to_json_text({**payloads.error_payload(error, self.face), **fields})
        )

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer a request that tornado or Jupyter refused, or that raised in a route."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        reason = _REASONS.get(status_code)
        if status_code == 405:
            allowed = ", ".join(self._allowed_methods())
            self.set_header("Allow", allowed)
            reason = f"This method is not allowed here; use {allowed}"
        lacking = hub_access.missing_scope(self) if status_code == 403 else None
        if lacking is not None:
            self.finish(payloads.to_json_text(payloads.error_payload(lacking, self.face)))
            return
        if status_code == 403 and isinstance(error, web.HTTPError) and error.log_message:
            reason = error.log_message % error.args if error.args else error.log_message
        elif reason is None:
            reason = (
                "The server failed; its log has the details" if status_code >= 500 else self._reason
            )
        self.finish(
            payloads.to_json_text(
                payloads.error_payload(RequestRefused(status_code, reason), self.face)
            )
        )

    def _allowed_methods(self) -> list[str]:
        return [
            name
            for name in _METHODS
            if getattr(type(self), name.lower()) is not web.RequestHandler._unimplemented_method
        ]
