"""A server on loopback that sends given bytes: invalid index answers, and valid pages.

A small environment sends the requests.

The certificates are for these tests only: one key, with a certificate for 127.0.0.1 and another
for a different host.
"""

from __future__ import annotations

import json
import socket
import socketserver
import ssl
import struct
import sys
import sysconfig
import threading
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.demo.wheel_installer import WheelInstallation

JSON = "application/vnd.pypi.simple.v1+json"
KEPT_OPEN = "kept-open"
"""After this project's page the connection stays open."""
GOOD_NAME, BAD_NAME = "named-right.pem", "named-wrong.pem"

_HELLO = b"\x16"
"""The first byte of a TLS handshake."""
_KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgHiVClRKkrmz8BE6c
DQ5wotwSUUyfJG8J0xWsE5s9oQyhRANCAASaENlVTSdLqkGGRuIbHKOA7LfUadz7
o7KGNdnSZahnM/Rn0mpZfFJRkMmDYwZKFymifE9IZ7IPxWxre1gAtUz1
-----END PRIVATE KEY-----
"""
_NAMED_RIGHT = """\
-----BEGIN CERTIFICATE-----
MIIBbTCCARSgAwIBAgIBATAKBggqhkjOPQQDAjAVMRMwEQYDVQQDDAp0ZXN0IGlu
ZGV4MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAVMRMwEQYDVQQD
DAp0ZXN0IGluZGV4MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEmhDZVU0nS6pB
hkbiGxyjgOy31Gnc+6OyhjXZ0mWoZzP0Z9JqWXxSUZDJg2MGShcponxPSGeyD8Vs
a3tYALVM9aNTMFEwDwYDVR0RBAgwBocEfwAAATAPBgNVHRMBAf8EBTADAQH/MA4G
A1UdDwEB/wQEAwIChDAdBgNVHQ4EFgQUA5fVwqLw+kLgi9HBx4vm0BBVodwwCgYI
KoZIzj0EAwIDRwAwRAIgCh790lvuBvzZ4nO/3wUi+NQjcc1TyUwX6xow/rTjYekC
IHHrVFIG+FE6LpSwvzUoY9h03yS/xJGve5jkYcUxvu+Z
-----END CERTIFICATE-----
"""
_NAMED_WRONG = """\
-----BEGIN CERTIFICATE-----
MIIBezCCASGgAwIBAgIBAjAKBggqhkjOPQQDAjAVMRMwEQYDVQQDDAp0ZXN0IGlu
ZGV4MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAVMRMwEQYDVQQD
DAp0ZXN0IGluZGV4MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEmhDZVU0nS6pB
hkbiGxyjgOy31Gnc+6OyhjXZ0mWoZzP0Z9JqWXxSUZDJg2MGShcponxPSGeyD8Vs
a3tYALVM9aNgMF4wHAYDVR0RBBUwE4IRZWxzZXdoZXJlLmludmFsaWQwDwYDVR0T
AQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAoQwHQYDVR0OBBYEFAOX1cKi8PpC4IvR
wceL5tAQVaHcMAoGCCqGSM49BAMCA0gAMEUCIQDxekTtbN0U2cKJoK+xrN3nOAL/
6iOSB5IGgL/NTaaCEwIgftu/xuNcMX+rno8AA2hgBShVIwywGCEHHNoUCnGm8bw=
-----END CERTIFICATE-----
"""


@dataclass(frozen=True)
class Request:
    """A request and its socket."""

    path: str
    headers: Mapping[str, str]
    socket: socket.socket
    nth: int
    """The number of earlier requests for this path."""
    server: Server
    port: int
    """The client's port: the same for all requests of one connection."""

    @property
    def project(self) -> str:
        return self.path.strip("/").rpartition("/")[2]

    def answer(self, body: bytes = b"", status: str = "200 OK", **headers: str) -> None:
        """Send a whole answer; a header's `_` is its `-`, and one that is empty is left out."""
        given = {"Content-Type": JSON, "Content-Length": str(len(body)), "Connection": "close"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{name}: {value}" for name, value in given.items() if value]
        self.raw("\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode() + body)

    def raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def dribble(self, data: bytes, gap: float) -> None:
        """Send these bytes repeatedly until the client or the test ends."""
        while not self.server.stopped.wait(gap):
            self.raw(data)

    def reset(self) -> None:
        """Close the connection with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


Play = Callable[[Request], None]


@dataclass
class Server:
    """The behaviour for each project; any other project has a good page of 1.0 and 2.0."""

    plays: dict[str, Play] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    bystanders: dict[str, Server] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def requests_of(self, project: str) -> list[Request]:
        return [request for request in self.requests if request.project == project]

    def play(self, request: Request) -> None:
        """Answer with the file, or as `plays` defines for the project."""
        content = self.files.get(request.project)
        if content is not None:
            request.answer(content, Content_Type="application/zip")
        else:
            self.plays.get(request.project, good)(request)


def good(request: Request) -> None:
    kept = {"Connection": "keep-alive"} if request.project == KEPT_OPEN else {}
    request.answer(page(*files(request.project, "1.0", "2.0")), **kept)


def page(*files: Mapping[str, Any], **more: Any) -> bytes:
    return json.dumps({"meta": {"api-version": "1.1"}, "files": files} | more).encode()


def files(project: str, *versions: str) -> list[dict[str, Any]]:
    return [file(f"{project.replace('-', '_')}-{version}-py3-none-any.whl") for version in versions]


def file(filename: str, **more: Any) -> dict[str, Any]:
    """Return a file of a page; a `_` in a key is a `-`, and what is None is left out."""
    given: dict[str, Any] = {"filename": filename}
    given |= {"url": f"/files/{filename}", "hashes": {"sha256": "0" * 64}}
    given |= {name.replace("_", "-"): value for name, value in more.items()}
    return {name: value for name, value in given.items() if value is not None}


@contextmanager
def running(server: Server, certificate: Path | None = None) -> Iterator[Server]:
    """Serve until the block ends; with a certificate over TLS."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    listener = _Listener(server, context)
    scheme = "http" if context is None else "https"
    server.url = f"{scheme}://127.0.0.1:{listener.server_address[1]}/simple/"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.stopped.set()
        listener.shutdown()
        thread.join()
        listener.server_close()


def certificates(folder: Path) -> Mapping[str, Path]:
    """Write both certificates with their key; each may also be trusted as an authority."""
    texts = {GOOD_NAME: _NAMED_RIGHT, BAD_NAME: _NAMED_WRONG}
    for name, text in texts.items():
        (folder / name).write_text(_KEY + text)
    return {name: folder / name for name in texts}


def environment(folder: Path, wheels: Sequence[BuiltWheel]) -> Path:
    """Make a virtual environment with these installed and return its interpreter."""
    venv.create(folder, with_pip=False, symlinks=True)
    roots = {"base": str(folder), "platbase": str(folder)}
    scheme = {key: Path(path) for key, path in sysconfig.get_paths("venv", roots).items()}
    python = scheme["scripts"] / "python"
    for wheel in wheels:
        WheelInstallation(wheel=wheel, python=python, scheme=scheme, requested=True).run()
    return python


class _Handler(socketserver.BaseRequestHandler):
    server: _Listener

    def handle(self) -> None:
        if self.server.context is None:
            return self._serve(self.request)
        with self.server.context.wrap_socket(self.request, server_side=True) as wrapped:
            self._serve(wrapped)

    def _serve(self, connection: socket.socket) -> None:
        while self._answer(connection) == KEPT_OPEN:
            pass

    def _answer(self, connection: socket.socket) -> str | None:
        """Answer one request; return its project."""
        head = b""
        while b"\r\n\r\n" not in head:
            received = connection.recv(1 << 16)
            if not received:
                return None
            head += received
            if head[:1] == _HELLO:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return None
        first, *lines = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        path = first.split(" ")[1]
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        played = self.server.played
        nth = sum(request.path == path for request in played.requests)
        request = Request(path, headers, connection, nth, played, self.client_address[1])
        played.requests.append(request)
        played.play(request)
        return request.project


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, played: Server, context: ssl.SSLContext | None) -> None:
        self.played = played
        self.context = context
        super().__init__(("127.0.0.1", 0), _Handler)

    def shutdown_request(self, request: Any) -> None:
        with suppress(OSError):
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report what went wrong here, not that a client hung up."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)
