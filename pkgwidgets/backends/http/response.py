"""The response to a request, and its limits in time and size.

Without urllib3, which is loaded only to send a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

from pkgwidgets.core.text import format_size

from .decompression import TooLarge
from .room import decompress_in_room

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
