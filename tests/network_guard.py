"""A server in front of an index that requires credentials, on request over TLS."""

from __future__ import annotations

import base64
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

Reply = tuple[int, dict[str, str], bytes]
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_PASSED_ON = ("Content-Type", "ETag", "Cache-Control", "Location")


@dataclass
class Guard:
    """The requests with their credentials; `reply` may replace the answer of the index."""

    url: str
    requests: list[tuple[str, str]] = field(default_factory=list)
    reply: Callable[[str], Reply | None] = lambda path: None

    def with_credentials(self, text: str) -> str:
        """Return the address with `text` as its user and password."""
        return self.url.replace("//", f"//{text}@", 1)

    @property
    def netloc(self) -> str:
        """Host and port."""
        return urlsplit(self.url).netloc


def basic(user: str, password: str) -> str:
    """Return the header of these credentials (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@contextmanager
def guarded(
    index: str,
    credentials: tuple[str, str] | None = None,
    *,
    certificate: Path | None = None,
    clients: Path | None = None,
) -> Iterator[Guard]:
    """Serve `index`, also as a proxy, to clients with the credentials.

    With `clients`, they must present a certificate, too.

    `certificate` is a PEM file of the server's key and certificate, `clients` one of those that
    clients may show.
    """
    behind = index.removesuffix("/simple/")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            authorization = self.headers.get("Authorization", "")
            guard.requests.append((self.path, authorization))
            answer = guard.reply(self.path)
            if answer is None and credentials is not None and authorization != basic(*credentials):
                answer = 401, {"WWW-Authenticate": 'Basic realm="packages"'}, b""
            status, headers, body = answer or _behind(
                behind + urlsplit(self.path).path, self.headers.get("Accept", "*/*")
            )
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the handler's own spelling

        def log_message(self, format: str, *arguments: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        # A handshake that is refused is no news.
        setattr(listener, "handle_error", lambda *_: None)  # noqa: B010 - no method, says mypy
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            if clients is not None:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(clients)
            listener.socket = context.wrap_socket(
                listener.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "http" if certificate is None else "https"
        guard = Guard(f"{scheme}://127.0.0.1:{listener.server_port}/simple/")
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield guard
        listener.shutdown()
        thread.join()


def _behind(url: str, accept: str) -> Reply:
    try:
        with _DIRECTLY.open(
            urllib.request.Request(url, headers={"Accept": accept}), timeout=10
        ) as answer:
            passed = {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}
            return answer.status, passed, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {}, error.read()
