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
_PROJECT = re.compile(r"/simple/([^/]+)/?")
_FOREVER = "public, max-age=31536000, immutable"


class DemoIndex:
    """A simple index (PEP 503, 691) for tests and demonstrations; a context manager.

    `requests` are the paths asked so far, in order. While `down` is true every answer is 503.
    All of it may be used from any thread.
    """

    def __init__(self, wheels: Iterable[BuiltWheel] = ()) -> None:
        self.requests: list[str] = []
        self.down = False
        self._wheels: dict[str, BuiltWheel] = {}
        self._changing = Lock()
        self._server: _Server | None = None
        self.publish(*wheels)

    @property
    def url(self) -> str:
        """Where it listens, as an installer's index URL; raises RuntimeError unless started."""
        if self._server is None:
            raise RuntimeError("this index is not running: call start() first")
        return f"http://{_HOST}:{self._server.server_address[1]}/simple/"

    def start(self) -> Self:
        """Listen on a free port; started again after a close, it is another one."""
        if self._server is None:
            self._server = _Server(self)
            self._server.start()
        return self

    def close(self) -> None:
        """Stop listening and hang up on everybody; harmless when done already."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    def publish(self, *wheels: BuiltWheel) -> None:
        """Add wheels; one of the same file name is replaced, which is also how to yank it."""
        with self._changing:
            self._wheels = {**self._wheels, **{wheel.filename: wheel for wheel in wheels}}

    def withdraw(self, name: str, version: str | None = None) -> None:
        """Delete a release, or the whole project; LookupError if there is none."""
        id = canonicalize_name(name)
        with self._changing:
            kept = {
                filename: wheel
                for filename, wheel in self._wheels.items()
                if wheel.id != id or version not in (None, wheel.version)
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

    def _answer(self, target: str, accept: str) -> _Answer:
        self.requests.append(target)
        if self.down:
            return _Answer(HTTPStatus.SERVICE_UNAVAILABLE)
        path = unquote(urlsplit(target).path)
        if path.startswith("/files/"):
            return self._file(path.rpartition("/")[2])
        content_type = index_pages.preferred(accept)
        if content_type is None:
            return _Answer(HTTPStatus.NOT_ACCEPTABLE)
        if path == "/simple/":
            return self._projects(content_type)
        if match := _PROJECT.fullmatch(path):
            name = canonicalize_name(match[1])
            canonical = f"/simple/{name}/"
            if path != canonical:
                return _Answer(HTTPStatus.MOVED_PERMANENTLY, headers={"Location": canonical})
            return self._project(name, content_type)
        return _Answer(HTTPStatus.NOT_FOUND)

    def _projects(self, content_type: str) -> _Answer:
        ids = sorted({wheel.id for wheel in self._wheels.values()})
        write = (
            index_pages.projects_json
            if content_type == index_pages.JSON
            else index_pages.projects_html
        )
        return _page(write(ids), content_type)

    def _project(self, name: str, content_type: str) -> _Answer:
        wheels = [wheel for wheel in self._wheels.values() if wheel.id == name]
        if not wheels:
            return _Answer(HTTPStatus.NOT_FOUND)
        write = (
            index_pages.project_json
            if content_type == index_pages.JSON
            else index_pages.project_html
        )
        return _page(write(name, wheels), content_type)

    def _file(self, filename: str) -> _Answer:
        wheels = self._wheels
        if wheel := wheels.get(filename):
            return _Answer(
                HTTPStatus.OK, wheel.sent, "application/zip", {"Cache-Control": _FOREVER}
            )
        if wheel := wheels.get(filename.removesuffix(".metadata")):
            text = wheel.metadata_text.encode()
            return _Answer(HTTPStatus.OK, text, "text/plain", {"Cache-Control": _FOREVER})
        return _Answer(HTTPStatus.NOT_FOUND)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: HTTPStatus
    body: bytes = b""
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'


def _page(text: str, content_type: str) -> _Answer:
    headers = {"Cache-Control": "no-cache", "Vary": "Accept"}
    return _Answer(HTTPStatus.OK, text.encode(), content_type, headers)


def _matches(etag: str, etags: str) -> bool:
    """Tell whether a client has this answer already (If-None-Match, compared weakly)."""
    known = {text.strip().removeprefix("W/") for text in etags.split(",")}
    return bool(known & {etag, "*"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave in one write: with two, a client's delayed ACK costs 40 ms each time.
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._reply(with_body=True)

    def do_HEAD(self) -> None:
        self._reply(with_body=False)

    def _reply(self, *, with_body: bool) -> None:
        answer = self.server.index._answer(self.path, self.headers.get("Accept", "*/*"))
        fresh = answer.status is HTTPStatus.OK
        known = fresh and _matches(answer.etag, self.headers.get("If-None-Match", ""))
        self.send_response(HTTPStatus.NOT_MODIFIED if known else answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if fresh:
            self.send_header("ETag", answer.etag)
        if not known:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if with_body and not known:
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet: the notebook's log is not ours."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # a listing asks for all its projects at once

    def __init__(self, index: DemoIndex) -> None:
        self.index = index
        self._open: set[socket.socket] = set()
        self._thread = Thread(
            target=self.serve_forever,
            kwargs={"poll_interval": 0.05},  # what stop() has to wait for
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
        # Connections that clients keep alive would still get answers.
        for request in tuple(self._open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def server_bind(self) -> None:
        """Bind without asking the name service who 127.0.0.1 is, which can take seconds."""
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report what went wrong here, not that a client hung up."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)
