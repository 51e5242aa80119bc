"""One question over one connection, and its answer: bounded in time and size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import urllib3

from .decompression import TooLarge, decompress
from .limits import HttpLimits

_CHUNK_BYTES = 1 << 17
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class RequestFailed(Exception):
    """There was no usable answer; the text says why, and holds no address."""


@dataclass(frozen=True, slots=True)
class Response:
    """What a server said; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def elsewhere(self) -> str | None:
        """Where it sends us; then nobody has read its body."""
        return location(self.status, self.headers)


def location(status: int, headers: Mapping[str, str]) -> str | None:
    """Return where an answer sends us, None if nowhere."""
    return headers.get("location") or None if status in _REDIRECTS else None


def read_response(
    pool: Any,
    target: str,
    headers: Mapping[str, str],
    until: float,
    limits: HttpLimits = HttpLimits(),
) -> Response:
    """Ask over a connection of a pool of urllib3, opened if there is none.

    Raises what urllib3 raises, OSError, `BrokenArchive`, `Unanswered`.
    """
    response = pool.urlopen(
        "GET",
        target,
        headers=headers,
        timeout=urllib3.Timeout(connect=limits.connect_seconds, read=limits.read_seconds),
        retries=False,
        redirect=False,
        assert_same_host=False,  # what a proxy is asked for is on another one
        preload_content=False,
        decode_content=False,
    )
    try:
        return _read(response, until, limits.max_bytes)
    finally:
        # One not read to its end cannot carry another answer; a read one is back already.
        response.close()
        response.release_conn()


def _read(response: Any, until: float, max_bytes: int) -> Response:
    """Read a body to its end, counting what it unpacks to, and the time.

    By `read1`, which returns what has come: a byte every ten seconds must not look like progress.
    """
    headers = {name.lower(): value for name, value in response.headers.items()}
    if location(response.status, headers):
        return Response(response.status, headers, b"")
    packing = check_encoding(headers)
    came, received = list[bytes](), 0
    read = getattr(response, "read1", None) or _read1_of_the_answer_inside(response)
    while chunk := read(_CHUNK_BYTES):
        came.append(chunk)
        received += len(chunk)
        check_bounds(received, until, max_bytes)
    announced = number(headers.get("content-length", ""))
    if announced is not None and announced != received and response.status != 304:
        raise urllib3.exceptions.ProtocolError("a short answer")
    return Response(response.status, headers, plain_text(packing, b"".join(came), max_bytes))


def _read1_of_the_answer_inside(response: Any) -> Callable[[int], bytes]:
    """Return what urllib3 has itself since 2.1; the connection can carry another answer then."""

    def read1(most: int) -> bytes:
        some: bytes = response._fp.read1(most)
        if not some:
            response._fp.close()
            response.release_conn()
        return some

    return read1


def check_encoding(headers: Mapping[str, str]) -> str:
    """Return how a body is packed; raises `Unanswered` for a way that was not asked for."""
    packing = headers.get("content-encoding", "identity").lower()
    if packing not in ("identity", "gzip"):
        raise RequestFailed(f"it packed its answer by {packing[:20]}")
    return packing


def check_bounds(received: int, until: float, max_bytes: int) -> None:
    """Raise `Unanswered` if so many bytes are too many, or the time is up."""
    if received > max_bytes:
        raise RequestFailed(_too_large(max_bytes))
    if monotonic() > until:
        raise RequestFailed("its answer did not end in time")


def plain_text(packing: str, body: bytes, max_bytes: int) -> bytes:
    """Unpack a body; raises `BrokenArchive`, `Unanswered` if it unpacks to too much."""
    try:
        return decompress(body, max_bytes) if packing == "gzip" else body
    except TooLarge:
        raise RequestFailed(_too_large(max_bytes)) from None


def number(text: str) -> int | None:
    """Return the plain number that a header gives; None for anything else, and for absurd ones."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _too_large(max_bytes: int) -> str:
    return f"its answer is larger than {max_bytes >> 20} MiB"
