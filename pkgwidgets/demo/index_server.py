"""An index on loopback that serves wheels from memory."""

from __future__ import annotations

import hashlib
import re
import socket
import socketserver
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from . import index_pages
from .wheel_builder import BuiltWheel

_HOST = "127.0.0.1"
_PROVENANCE_PATH = re.compile(r"/integrity/[^/]+/[^/]+/([^/]+)/provenance")
_PROVENANCE_TYPE = "application/vnd.pypi.integrity.v1+json"
_PROJECT_PATH = re.compile(r"/simple/([^/]+)/?")
_CACHE_FOREVER = "public, max-age=31536000, immutable"


class DemoIndex:
    """A simple index (PEP 503, 691) for tests and demonstrations; a context manager.

    `requests` are the requested paths so far, in order. While `down` is true every answer is 503.
    `fresh_seconds` is how long its pages may be reused without a request. Thread-safe.
    """

    def __init__(self, wheels: Iterable[BuiltWheel] = ()) -> None:
        self.requests: list[str] = []
        self.down = False
        self.fresh_seconds = 0
        self._wheels: dict[str, BuiltWheel] = {}
        self._statuses: dict[str, index_pages.ProjectStatus] = {}
        self._lock = Lock()
        self._server: _Server | None = None
        self.publish(*wheels)

    @property
    def url(self) -> str:
        """The URL of the index for installers; raises RuntimeError unless started."""
        if self._server is None:
            raise RuntimeError("this index is not running: call start() first")
        return f"http://{_HOST}:{self._server.server_address[1]}/simple/"

    def start(self) -> Self:
        """Listen on a free port; another one after each `close()`."""
        if self._server is None:
            self._server = _Server(self)
            self._server.start()
        return self

    def close(self) -> None:
        """Stop listening and close all connections. Idempotent."""
        server = self._server
        if server is not None:
            server.is_closing = True
            self._server = None
            server.stop()

    def publish(self, *wheels: BuiltWheel) -> None:
        """Add wheels; one with a known file name replaces it, for example to yank it."""
        with self._lock:
            self._wheels = {**self._wheels, **{wheel.filename: wheel for wheel in wheels}}

    def set_status(self, name: str, status: str, reason: str = "") -> None:
        """Set the status of a project (PEP 792), such as archived; "" is active.

        The files of a quarantined project are no longer listed.
        """
        with self._lock:
            self._statuses = {**self._statuses, canonicalize_name(name): (status, reason)}

    def withdraw(self, name: str, version: str | None = None) -> None:
        """Delete a release, or the whole project; raises LookupError if there is none."""
        normalized_name = canonicalize_name(name)
        with self._lock:
            kept = {
                filename: wheel
                for filename, wheel in self._wheels.items()
                if wheel.id != normalized_name or version not in (None, wheel.version)
            }
            if len(kept) == len(self._wheels):
                raise LookupError(f"{name} {version or ''} is not on this index")
            self._wheels = kept

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *raised: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"LocalIndex({self.url if self._server else 'not running'})"

    def _respond(self, target: str, accept: str) -> _Response:
        self.requests.append(target)
        if self.down:
            return _Response(HTTPStatus.SERVICE_UNAVAILABLE)
        path = unquote(urlsplit(target).path)
        if path.startswith("/files/"):
            return self._file_response(path.rpartition("/")[2])
        if match := _PROVENANCE_PATH.fullmatch(path):
            return self._provenance_response(match[1])
        content_type = index_pages.preferred_content_type(accept)
        if content_type is None:
            return _Response(HTTPStatus.NOT_ACCEPTABLE)
        if path == "/simple/":
            return self._projects_page(content_type)
        if match := _PROJECT_PATH.fullmatch(path):
            name = canonicalize_name(match[1])
            canonical = f"/simple/{name}/"
            if path != canonical:
                return _Response(HTTPStatus.MOVED_PERMANENTLY, headers={"Location": canonical})
            return self._project_page(name, content_type)
        return _Response(HTTPStatus.NOT_FOUND)

    def _projects_page(self, content_type: str) -> _Response:
        names = sorted({wheel.id for wheel in self._wheels.values()})
        write = (
            index_pages.projects_json
            if content_type == index_pages.JSON
            else index_pages.projects_html
        )
        return self._page_response(write(names), content_type)

    def _project_page(self, name: str, content_type: str) -> _Response:
        wheels = [wheel for wheel in self._wheels.values() if wheel.id == name]
        if not wheels:
            return _Response(HTTPStatus.NOT_FOUND)
        write = (
            index_pages.project_json
            if content_type == index_pages.JSON
            else index_pages.project_html
        )
        status = self._statuses.get(name, ("", ""))
        listed = [] if status[0] == "quarantined" else wheels
        base = self.url.removesuffix("/simple/")
        return self._page_response(write(name, listed, status, base), content_type)

    def _page_response(self, text: str, content_type: str) -> _Response:
        fresh = f"max-age={self.fresh_seconds}" if self.fresh_seconds else "no-cache"
        headers = {"Cache-Control": fresh, "Vary": "Accept"}
        return _Response(HTTPStatus.OK, text.encode(), content_type, headers)

    def _provenance_response(self, filename: str) -> _Response:
        wheel = self._wheels.get(filename)
        if wheel is None or not wheel.publisher:
            return _Response(HTTPStatus.NOT_FOUND)
        text = index_pages.provenance_json(wheel)
        return _Response(HTTPStatus.OK, text.encode(), _PROVENANCE_TYPE)

    def _file_response(self, filename: str) -> _Response:
        wheels = self._wheels
        if wheel := wheels.get(filename):
            return _Response(
                HTTPStatus.OK, wheel.sent, "application/zip", {"Cache-Control": _CACHE_FOREVER}
            )
        if wheel := wheels.get(filename.removesuffix(".metadata")):
            text = wheel.metadata_text.encode()
            return _Response(HTTPStatus.OK, text, "text/plain", {"Cache-Control": _CACHE_FOREVER})
        return _Response(HTTPStatus.NOT_FOUND)


@dataclass(frozen=True, slots=True)
class _Response:
    status: HTTPStatus
    body: bytes = b""
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'


def _matches(etag: str, etags: str) -> bool:
    """Return whether `If-None-Match` names this entity tag (weak comparison, RFC 9110 §8.8.3.2)."""
    client_etags = {text.strip().removeprefix("W/") for text in etags.split(",")}
    return bool(client_etags & {etag, "*"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are sent in one write: with two, a client's delayed ACK costs 40 ms each time.
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._send_response(with_body=True)

    def do_HEAD(self) -> None:
        self._send_response(with_body=False)

    def _send_response(self, *, with_body: bool) -> None:
        response = self.server.index._respond(self.path, self.headers.get("Accept", "*/*"))
        is_ok = response.status is HTTPStatus.OK
        is_cached = is_ok and _matches(response.etag, self.headers.get("If-None-Match", ""))
        self.send_response(HTTPStatus.NOT_MODIFIED if is_cached else response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if is_ok:
            self.send_header("ETag", response.etag)
        if not is_cached:
            self.send_header("Content-Type", response.content_type)
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if with_body and not is_cached:
            self.wfile.write(response.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature of http.server
        """Log nothing: a notebook would show it."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # an update check requests all projects at once

    def __init__(self, index: DemoIndex) -> None:
        self.index = index
        self.is_closing = False
        self._connections: set[socket.socket] = set()
        self._thread = Thread(
            target=self.serve_forever,
            kwargs={"poll_interval": 0.05},  # seconds that stop() may have to wait
            name="pkgwidgets-demo-index",
            daemon=True,
        )
        super().__init__((_HOST, 0), _Handler)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
        # Requests on kept-alive connections would still be answered.
        for request in tuple(self._connections):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def server_bind(self) -> None:
        """Bind without a reverse lookup of 127.0.0.1, which can take seconds."""
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report errors of the server, not that a client or the index closed the connection."""
        if not self.is_closing and not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)
