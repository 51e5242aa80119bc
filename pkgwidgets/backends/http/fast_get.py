"""Another question over a connection that is open already, read without ceremony.

A page costs `http.client` and urllib3 more of the interpreter's time than all that is made of it
here, and 48 threads share one interpreter. So a plain answer, of a length that is announced, is
read straight from the socket (RFC 9112). Connections are urllib3's: it opens them, through
whatever proxy with whatever certificates, and what is not plain is left to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from urllib3.exceptions import ProtocolError

from .limits import HttpLimits
from .transport import Response, check_bounds, check_encoding, location, number, plain_text

_CHUNK_BYTES = 1 << 17
_MAX_HEAD_BYTES = 1 << 16
_STATUS = re.compile(rb"HTTP/1\.1 ([2-5]\d\d)(?: [^\r\n]*)?", re.ASCII)
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*", re.ASCII)
_UNSAFE = re.compile(r"[^\x20-\x7e]")
_EMPTY = (204, 304)
"""What has no body, whatever length it announces."""


class FastGet:
    """The open connections of a pool of urllib3 to one host; used by many threads at once."""

    def __init__(self, pool: Any, host: str, limits: HttpLimits = HttpLimits()) -> None:
        self._limits = limits
        self._pool = pool
        self._host = host
        # No other way to borrow a connection: `requests` had to do it so for years.
        known = hasattr(pool, "_get_conn") and hasattr(pool, "_put_conn")
        self._usable = known and getattr(pool, "proxy", None) is None

    def answered(self, target: str, headers: Mapping[str, str], until: float) -> Response | None:
        """Ask over an open connection.

        None if there is none, or if the answer is not plain: then it must be asked for in the
        usual way, and so must all that follow. Raises OSError, `ProtocolError`, `BrokenArchive`,
        `Unanswered`.
        """
        question = _question(self._host, target, headers)
        if question is None or not self._usable:
            return None
        connection = self._pool._get_conn()
        if getattr(connection, "sock", None) is None:
            self._pool._put_conn(connection)
            return None
        ended = False
        try:
            came = _asked(connection.sock, question, until, self._limits)
            ended = came is not None and _goes_on(came)
        finally:
            if not ended:
                connection.close()  # who borrows it next opens it anew
            self._pool._put_conn(connection)
        if came is None:
            self._usable = False
            return None
        if came.elsewhere:
            return came
        packing = check_encoding(came.headers)
        body = plain_text(packing, came.body, self._limits.max_bytes)
        return Response(came.status, came.headers, body)


def _goes_on(answer: Response) -> bool:
    """Tell whether the connection can carry another answer."""
    return answer.elsewhere is None and "close" not in answer.headers.get("connection", "").lower()


def _question(host: str, target: str, headers: Mapping[str, str]) -> bytes | None:
    """Return the bytes of a request; None for what could break out of its line."""
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if any(map(_UNSAFE.search, lines)) or " " in target:
        return None
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _asked(sock: Any, question: bytes, until: float, limits: HttpLimits) -> Response | None:
    """Return a plain answer as it came, packed; None for any other, of which more may come."""
    sock.settimeout(limits.read_seconds)
    sock.sendall(question)
    text, end = b"", -1
    while end < 0:
        if len(text) > _MAX_HEAD_BYTES:
            return None
        text += _some(sock, _CHUNK_BYTES)
        check_bounds(0, until, limits.max_bytes)
        end = text.find(b"\r\n\r\n")
        if end < 0 and b"\n\n" in text:  # lines that end otherwise
            return None
    head = _head(text[:end])
    if head is None:
        return None
    status, headers, length = head
    if location(status, headers):
        return Response(status, headers, b"")
    check_bounds(length, until, limits.max_bytes)
    came, received = [text[end + 4 :]], len(text) - end - 4
    while received < length:
        came.append(_some(sock, min(length - received, _CHUNK_BYTES)))
        received += len(came[-1])
        check_bounds(received, until, limits.max_bytes)
    if received > length or getattr(sock, "pending", int)():  # TLS may hold what came too much
        raise ProtocolError("a longer answer than announced")
    return Response(status, headers, b"".join(came))


def _some(sock: Any, most: int) -> bytes:
    some: bytes = sock.recv(most)
    if not some:
        raise ProtocolError("a short answer")
    return some


def _head(text: bytes) -> tuple[int, dict[str, str], int] | None:
    """Return status, headers and the length of the body; None unless all of it is plain."""
    first, *lines = text.split(b"\r\n")
    status = _STATUS.fullmatch(first)
    fields = [_FIELD.fullmatch(line) for line in lines]
    if status is None or None in fields:
        return None
    headers = dict[str, str]()
    for field in filter(None, fields):
        name, value = field[1].decode().lower(), field[2].decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    length = 0 if int(status[1]) in _EMPTY else number(headers.get("content-length", ""))
    if length is None or "transfer-encoding" in headers:
        return None
    return int(status[1]), headers, length
