"""One request over one connection of urllib3, and its response: limited in time and size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import urllib3

from .http_limits import HttpLimits
from .response import (
    Response,
    check_encoding,
    check_limits,
    decode_body,
    parse_number,
    redirect_location,
)

_CHUNK_BYTES = 1 << 17


def read_response(
    pool: Any,
    target: str,
    headers: Mapping[str, str],
    until: float,
    limits: HttpLimits = HttpLimits(),
    *,
    body: bytes | None = None,
) -> Response:
    """Send a request over a urllib3 pool, which opens a connection if none is free.

    It is a GET without a `body`, else a POST. Raises the errors of urllib3, OSError,
    `BrokenArchive`, `RequestFailed`.
    """
    response = pool.urlopen(
        "GET" if body is None else "POST",
        target,
        body=body,
        headers=headers,
        timeout=urllib3.Timeout(connect=limits.connect_seconds, read=limits.read_seconds),
        retries=False,
        redirect=False,
        assert_same_host=False,  # a request through a proxy is for another host
        preload_content=False,
        decode_content=False,
    )
    try:
        return _read_body(response, until, limits.max_bytes)
    finally:
        # Close an unread response: its connection is unusable. A read one is in the pool already.
        response.close()
        response.release_conn()


def _read_body(response: Any, until: float, max_bytes: int) -> Response:
    """Read a body to its end, and check size and time after each chunk.

    `read1` returns what has arrived, so a server that sends a byte every ten seconds times out.
    """
    headers = {name.lower(): value for name, value in response.headers.items()}
    if redirect_location(response.status, headers):
        return Response(response.status, headers, b"")
    encoding = check_encoding(headers)
    chunks, received = list[bytes](), 0
    read = getattr(response, "read1", None) or _make_read1(response)
    while chunk := read(_CHUNK_BYTES):
        chunks.append(chunk)
        received += len(chunk)
        check_limits(received, until, max_bytes)
    announced = parse_number(headers.get("content-length", ""))
    if announced is not None and announced != received and response.status != 304:
        raise urllib3.exceptions.ProtocolError("the answer is incomplete")
    return Response(response.status, headers, decode_body(encoding, b"".join(chunks), max_bytes))


def _make_read1(response: Any) -> Callable[[int], bytes]:
    """Return the `read1` that urllib3 has since 2.1, which frees the connection at the end."""

    def read1(max_bytes: int) -> bytes:
        chunk: bytes = response._fp.read1(max_bytes)
        if not chunk:
            response._fp.close()
            response.release_conn()
        return chunk

    return read1
