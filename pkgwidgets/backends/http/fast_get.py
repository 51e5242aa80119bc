"""A fast path for requests over open connections, read straight from the socket (RFC 9112).

`http.client` and urllib3 need more interpreter time for a page than the parser of the page, and
48 threads share one interpreter. So a plain answer, with a `Content-Length`, is read here.
urllib3 opens the connections, with their proxies and certificates, and handles all other answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from urllib3.exceptions import ProtocolError

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
_MAX_HEAD_BYTES = 1 << 16
_STATUS = re.compile(rb"HTTP/1\.1 ([2-5]\d\d)(?: [^\r\n]*)?", re.ASCII)
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*", re.ASCII)
_UNSAFE = re.compile(r"[^\x20-\x7e]")
_BODYLESS = (204, 304)
"""Statuses of responses without a body, whatever length they announce (RFC 9110)."""


class FastGet:
    """Requests over the open connections of a urllib3 pool to one host, for many threads."""

    def __init__(self, pool: Any, host: str, limits: HttpLimits = HttpLimits()) -> None:
        self._limits = limits
        self._pool = pool
        self._host = host
        # urllib3 has no public method for this; `requests` used these two for years.
        can_borrow = hasattr(pool, "_get_conn") and hasattr(pool, "_put_conn")
        self._is_usable = can_borrow and getattr(pool, "proxy", None) is None

    def get(self, target: str, headers: Mapping[str, str], until: float) -> Response | None:
        """Send a request over an open connection and return its answer.

        Return None if no connection is open, or if the answer is not plain. The caller then uses
        `read_response`. After the first answer that is not plain, this always returns None.
        Raises OSError, `ProtocolError`, `BrokenArchive`, `RequestFailed`.
        """
        request = _encode_request(self._host, target, headers)
        if request is None or not self._is_usable:
            return None
        connection = self._pool._get_conn()
        if getattr(connection, "sock", None) is None:
            self._pool._put_conn(connection)
            return None
        is_reusable = False
        try:
            response = _send_request(connection.sock, request, until, self._limits)
            is_reusable = response is not None and _is_reusable(response)
        finally:
            if not is_reusable:
                connection.close()  # urllib3 opens it again for the next request
            self._pool._put_conn(connection)
        if response is None:
            self._is_usable = False
            return None
        if response.redirect_location:
            return response
        encoding = check_encoding(response.headers)
        body = decode_body(encoding, response.body, self._limits.max_bytes)
        return Response(response.status, response.headers, body)


def _is_reusable(response: Response) -> bool:
    """Tell whether the connection can carry another request."""
    return (
        response.redirect_location is None
        and "close" not in response.headers.get("connection", "").lower()
    )


def _encode_request(host: str, target: str, headers: Mapping[str, str]) -> bytes | None:
    """Return the bytes of a request; None if a value could inject another line."""
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if any(map(_UNSAFE.search, lines)) or " " in target:
        return None
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _send_request(sock: Any, request: bytes, until: float, limits: HttpLimits) -> Response | None:
    """Send a request; return a plain answer, still compressed, or None for any other."""
    sock.settimeout(limits.read_seconds)
    sock.sendall(request)
    data, head_end = b"", -1
    while head_end < 0:
        if len(data) > _MAX_HEAD_BYTES:
            return None
        data += _receive(sock, _CHUNK_BYTES)
        check_limits(0, until, limits.max_bytes)
        head_end = data.find(b"\r\n\r\n")
        if head_end < 0 and b"\n\n" in data:  # line ends without CR
            return None
    head = _parse_head(data[:head_end])
    if head is None:
        return None
    status, headers, length = head
    if redirect_location(status, headers):
        return Response(status, headers, b"")
    check_limits(length, until, limits.max_bytes)
    chunks, received = [data[head_end + 4 :]], len(data) - head_end - 4
    while received < length:
        chunks.append(_receive(sock, min(length - received, _CHUNK_BYTES)))
        received += len(chunks[-1])
        check_limits(received, until, limits.max_bytes)
    if received > length or getattr(sock, "pending", int)():  # TLS may buffer surplus bytes
        raise ProtocolError("the answer is longer than its Content-Length")
    return Response(status, headers, b"".join(chunks))


def _receive(sock: Any, max_bytes: int) -> bytes:
    chunk: bytes = sock.recv(max_bytes)
    if not chunk:
        raise ProtocolError("the answer is incomplete")
    return chunk


def _parse_head(text: bytes) -> tuple[int, dict[str, str], int] | None:
    """Return status, headers and the body's length in bytes; None for an unusual head."""
    status_line, *lines = text.split(b"\r\n")
    status = _STATUS.fullmatch(status_line)
    fields = [_FIELD.fullmatch(line) for line in lines]
    if status is None or None in fields:
        return None
    headers = dict[str, str]()
    for field in filter(None, fields):
        name, value = field[1].decode().lower(), field[2].decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    length = 0 if int(status[1]) in _BODYLESS else parse_number(headers.get("content-length", ""))
    if length is None or "transfer-encoding" in headers:
        return None
    return int(status[1]), headers, length
