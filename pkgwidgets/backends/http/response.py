"""One request over one connection, and its response: limited in time and size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import urllib3

from pkgwidgets.core.text import format_size

from .decompression import TooLarge
from .http_limits import HttpLimits
from .room import decompress_in_room

_CHUNK_BYTES = 1 << 17
_REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})


class RequestFailed(Exception):
    """The request has no usable answer; the text says why and holds no URL."""


@dataclass(frozen=True, slots=True)
class Response:
    """The response of a server; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def redirect_location(self) -> str | None:
        """The target of a redirect, whose body was not read; None for other responses."""
        return redirect_location(self.status, self.headers)


def redirect_location(status: int, headers: Mapping[str, str]) -> str | None:
    """Return the `Location` of a redirect; None for other responses."""
    return headers.get("location") or None if status in _REDIRECT_STATUSES else None


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


def check_encoding(headers: Mapping[str, str]) -> str:
    """Return a body's encoding; raise `RequestFailed` for one that was not accepted."""
    encoding = headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        raise RequestFailed(f"its answer has the unknown encoding {encoding[:20]}")
    return encoding


def check_limits(received: int, until: float, max_bytes: int) -> None:
    """Raise `RequestFailed` if more than `max_bytes` were received, or the time is up."""
    if received > max_bytes:
        raise RequestFailed(_too_large(max_bytes))
    if monotonic() > until:
        raise RequestFailed("its answer took too long")


def decode_body(encoding: str, body: bytes, max_bytes: int) -> bytes:
    """Decompress a body; raise `BrokenArchive`, or `RequestFailed` if it is too large."""
    try:
        return decompress_in_room(body, max_bytes) if encoding == "gzip" else body
    except TooLarge:
        raise RequestFailed(_too_large(max_bytes)) from None


def parse_number(text: str) -> int | None:
    """Return the number in a header; None if it is not one, or has 12 digits or more."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _too_large(max_bytes: int) -> str:
    return f"its answer is larger than {format_size(max_bytes)}"
