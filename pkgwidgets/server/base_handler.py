"""What all routes have in common: who may ask, what is read of a request, how it is answered."""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from pkgwidgets.core.errors import InvalidRequest, PkgwidgetsError
from pkgwidgets.core.interfaces import Backend

from . import error_status, request_body
from .coalesce import Coalescer
from .environments import Environments, KernelSelector
from .errors import RequestRefused
from .plan_store import PlanStore
from .response_cache import JsonResponse, ResponseCache

RESOURCE = "pkgwidgets"
"""What a user needs rights on: `read` to look, `execute` to change."""
SETTING = "pkgwidgets"
"""Where the server keeps our `Ground`."""

Method = Callable[..., Awaitable[None]]

_METHODS = ("GET", "PUT", "POST", "DELETE")
_JUPYTERS_OWN = frozenset({"token", "_xsrf", "_", "no_track_activity"})
_DRAWN = re.compile(r"[0-9a-f]{32}")
_SAYS = {
    400: "The address cannot be read",
    403: "You may not do this",
    404: "There is nothing here",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerContext:
    """What the routes of one server stand on."""

    environments: Environments
    plans: PlanStore = field(default_factory=PlanStore)
    together: Coalescer = field(default_factory=Coalescer)
    listed: ResponseCache = field(default_factory=ResponseCache)


def requires_read(method: Method) -> Method:
    """Let those call a method who may read, and answer errors."""
    return _guarded(method, "read")


def requires_execute(method: Method) -> Method:
    """Let those call a method who may execute, and answer errors."""
    return _guarded(method, "execute")


def _guarded(method: Method, action: str) -> Method:
    @functools.wraps(method)
    async def answering(self: BaseHandler, *arguments: str) -> None:
        try:
            self.check_request()
            await method(self, *arguments)
        except PkgwidgetsError as raised:
            await self.refuse(raised)

    may: Method = authorized(action=action, resource=RESOURCE)(answering)
    return cast("Method", web.authenticated(may))


@web.stream_request_body
class BaseHandler(APIHandler):
    """One route; its bodies are read as they come, to stop where they are too large."""

    arguments: ClassVar[frozenset[str]] = frozenset()
    """The arguments of its address, beside those that name a kernel."""

    async def prepare(self) -> None:  # type: ignore[override]  # as its own base does
        """Check who asks, before anything of the body is looked at."""
        self._body = bytearray()
        self._size = 0
        self._etag: str | None = None
        await super().prepare()

    def data_received(self, chunk: bytes) -> None:
        """Keep a part of the body, as long as it is not too large."""
        self._size += len(chunk)
        if self._size <= request_body.MAX_BYTES:
            self._body += chunk

    def check_request(self) -> None:
        """Refuse, before anything is done, what could be meant otherwise than it is understood."""
        if self._size > request_body.MAX_BYTES:
            raise RequestRefused(413, f"A body may have {request_body.MAX_BYTES} bytes")
        kind = self.request.headers.get("Content-Type", "")
        is_json = kind.partition(";")[0].strip().lower() == "application/json"
        if (self._body or kind) and not is_json:
            raise RequestRefused(415, "A body must be of the type application/json")
        known = {*self.arguments, "kernel", "kernelspec", *_JUPYTERS_OWN}
        for name in self.request.query_arguments:
            if name not in known:
                raise InvalidRequest("argument of this address", name)

    def fields(self, *known: str) -> Mapping[str, Any]:
        """Return the fields of the body; raises `InvalidRequest`."""
        return request_body.parse_body(bytes(self._body), known)

    def argument(self, name: str) -> str | None:
        """Return an argument of the address, untouched; raises `InvalidRequest` if given twice."""
        given = self.get_query_arguments(name, strip=False)
        if len(given) > 1:
            raise InvalidRequest(name, None, f"{name} is given twice")
        return given[0] if given else None

    def flag(self, name: str) -> bool:
        """Return a yes or no of the address; raises `InvalidRequest` for what is neither."""
        given = self.argument(name)
        if given not in (None, "true", "false"):
            raise InvalidRequest(name, given, "true or false is wanted")
        return given == "true"

    @property
    def ground(self) -> ServerContext:
        """What all routes stand on."""
        found: ServerContext = self.settings[SETTING]
        return found

    @property
    def user(self) -> str:
        """Who asks; all who have the server's token, and no name beside it, are one."""
        name = str(self.current_user.username)
        # Jupyter draws a new name for each request of such a one.
        return "" if self.token_authenticated and _DRAWN.fullmatch(name) else name

    def asked(self) -> KernelSelector:
        """Return the kernel whose environment is asked for; raises `InvalidRequest`."""
        return KernelSelector(
            kernel=self.argument("kernel"), kernelspec=self.argument("kernelspec")
        )

    async def backend(self) -> Backend:
        """Return the backend of the environment that is asked for, by a kernel of it."""
        return await self.ground.environments.of(self.asked())

    async def answer(self, **said: Any) -> None:
        """Answer that it went well, with what there is to say."""
        await self.finish(error_status.to_json_text({"success": True, **said}))

    async def say(self, said: JsonResponse) -> None:
        """Answer with what is ready to be sent."""
        self._etag = said.etag
        await self.finish(said.body)

    def compute_etag(self) -> str | None:
        """Return what was made with the answer: to make it here, the loop would stand still."""
        return self._etag

    async def refuse(self, raised: PkgwidgetsError, **more: Any) -> None:
        """Answer with an error and its status."""
        self.set_status(error_status.http_status(raised))
        await self.finish(error_status.to_json_text({**error_status.error_payload(raised), **more}))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer what was refused before a route was asked, or broke in one."""
        raised = kwargs.get("exc_info", (None, None, None))[1]
        said = _SAYS.get(status_code)
        if status_code == 405:
            allowed = ", ".join(self._allowed())
            self.set_header("Allow", allowed)
            said = f"This is not answered here, but {allowed} is"
        if status_code == 403 and isinstance(raised, web.HTTPError) and raised.log_message:
            said = raised.log_message % raised.args if raised.args else raised.log_message
        elif said is None:
            said = "The server failed; its log says more" if status_code >= 500 else self._reason
        self.finish(
            error_status.to_json_text(error_status.error_payload(RequestRefused(status_code, said)))
        )

    def _allowed(self) -> list[str]:
        return [
            name
            for name in _METHODS
            if getattr(type(self), name.lower()) is not web.RequestHandler._unimplemented_method
        ]
