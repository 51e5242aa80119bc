"""Send requests to a server's application directly, without a socket."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from server.contract import Answer
from tornado.httputil import HTTPConnection, HTTPHeaders, RequestStartLine, ResponseStartLine
from tornado.web import Application


class _Connection(HTTPConnection):
    """Collect the response. It inherits only for the type; it uses nothing of its parent."""

    def __init__(self) -> None:
        self.aborted: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._status = 0
        self._headers = HTTPHeaders()
        self._body = b""

    def write_headers(
        self, start_line: Any, headers: HTTPHeaders, chunk: bytes | None = None
    ) -> asyncio.Future[None]:
        assert isinstance(start_line, ResponseStartLine)
        self._status, self._headers = start_line.code, headers
        return self.write(chunk or b"")

    def write(self, chunk: bytes) -> asyncio.Future[None]:
        self._body += chunk
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        written.set_result(None)
        return written

    def finish(self) -> None:
        body = self._body
        content = json.loads(body) if body[:1] == b"{" else None
        answer = Answer(status=self._status, body=body, headers=self._headers, json=content)
        self.aborted.set_result(answer)

    def set_body_timeout(self, seconds: float) -> None:
        """Ignore the timeout: the body is here."""

    def set_close_callback(self, callback: object) -> None:
        """Keep the connection open."""


async def request(
    application: Application, method: str, uri: str, body: bytes, headers: dict[str, str]
) -> Answer:
    """Return the application's response."""
    connection = _Connection()
    delegate = application.start_request(object(), connection)
    sent = {"Host": "localhost", "Content-Length": str(len(body)), **headers}
    line = RequestStartLine(method, uri, "HTTP/1.1")
    waiting = delegate.headers_received(line, HTTPHeaders(sent))
    if waiting is not None:
        await waiting
    if body and not connection.aborted.done():  # as with a socket, which reads on without a report
        read = delegate.data_received(body)
        if read is not None:
            await read
    if not connection.aborted.done():
        delegate.finish()
    return await connection.aborted
