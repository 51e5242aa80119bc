"""HTTP as an index needs it: many small answers, each bounded in time and size."""

from __future__ import annotations

import random
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util.ssl_ import create_urllib3_context

_CONNECT, _SILENCE, _WHOLE = 10.0, 30.0, 60.0
"""Seconds: for a connection, for the next byte, for one answer in all."""
_LARGEST = 32 << 20
"""Bytes of one answer, unpacked."""
_CHUNK = 1 << 17
_TRIES = 3
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 527})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LONGEST_WAIT = 30.0
"""Seconds of `Retry-After` that are waited for; if it says more, that was the answer."""
_LEFT_ALONE = 60.0
"""Seconds that nobody is asked after as many failures in a row as there are askers: with many at
once, a moment's trouble fails several."""


class Unanswered(Exception):
    """There was no usable answer; the text says why, and holds no address."""


@dataclass(frozen=True, slots=True)
class Response:
    """What a server said; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Route:
    """How one server is reached: decided once, used for each request."""

    pool: Any  # an HTTPConnectionPool; the stubs know only its base
    target: str
    headers: Mapping[str, str]


class Client:
    """Pooled connections to one server; used by many threads at once.

    `requests` decides what it knows best: proxies, certificates, the credentials of the URL and
    of netrc, redirects. Its pool carries the rest, for a fraction of the processor time.
    """

    def __init__(self, base: str, headers: Mapping[str, str], *, at_once: int) -> None:
        self._base = base
        self._at_once = at_once
        self._session = requests.Session()
        self._session.headers.clear()
        self._session.headers.update({**headers, "Accept-Encoding": "gzip"})
        self._adapter = HTTPAdapter(pool_maxsize=at_once)
        self._session.mount("http://", self._adapter)
        self._session.mount("https://", self._adapter)
        self._guard = threading.Lock()
        self._failures = 0
        self._shut_until = 0.0
        self._known_route: _Route | None = None

    def get(self, path: str, headers: Mapping[str, str], *, until: float) -> Response:
        """Return the answer at `base + path`, after retries; raises `Unanswered`.

        `until` is the monotonic time after which nobody waits for it.
        """
        reason = "it had no time to answer"
        for tried in range(_TRIES):
            wait, said = self._tried(path, headers, until)
            if isinstance(said, Response):
                self._count(failed=False)
                return said
            reason = said
            wait = max(wait, random.uniform(0, 0.5 * 2**tried))  # noqa: S311 - it is jitter
            if tried + 1 == _TRIES or wait > _LONGEST_WAIT or monotonic() + wait > until:
                break
            sleep(wait)
        self._count(failed=True)
        raise Unanswered(reason)

    def _tried(
        self, path: str, headers: Mapping[str, str], until: float
    ) -> tuple[float, Response | str]:
        """Ask once; return the answer, or how long to wait and why there was none."""
        if monotonic() < self._shut_until:
            return _LONGEST_WAIT + 1, "it failed again and again, so it is left alone for a minute"
        try:
            answer = self._asked(path, headers, min(until, monotonic() + _WHOLE))
        except (HTTPError, requests.RequestException, OSError, zlib.error) as error:
            return 0.0, _reason(error)
        except Unanswered as error:  # asking again would give the same
            return _LONGEST_WAIT + 1, str(error)
        if answer.status in _AGAIN:
            return _retry_after(answer), f"it answered {answer.status}"
        return 0.0, answer

    def _asked(self, path: str, headers: Mapping[str, str], until: float) -> Response:
        route = self._route()
        response = route.pool.urlopen(
            "GET",
            route.target + path,
            headers={**route.headers, **headers},
            timeout=urllib3.Timeout(connect=_CONNECT, read=_SILENCE),
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            if response.status not in _REDIRECTS:
                return _read(response, until)
        finally:
            # One not read to its end cannot carry another answer; a read one is back already.
            response.close()
            response.release_conn()
        with self._session.get(
            self._base + path, headers=headers, timeout=(_CONNECT, _SILENCE), stream=True
        ) as redirected:
            return _read(redirected.raw, until)

    def _route(self) -> _Route:
        with self._guard:
            if self._known_route is None:
                prepared = self._session.prepare_request(requests.Request("GET", self._base))
                how = self._session.merge_environment_settings(self._base, {}, True, None, None)
                pool = self._adapter.get_connection_with_tls_context(
                    prepared, how["verify"], proxies=how["proxies"], cert=how["cert"]
                )
                _read_certificates_once(pool)
                target = self._adapter.request_url(prepared, how["proxies"])
                self._known_route = _Route(pool, target, dict(prepared.headers))
            return self._known_route

    def _count(self, *, failed: bool) -> None:
        with self._guard:
            self._failures = self._failures + 1 if failed else 0
            if self._failures >= self._at_once:
                self._failures = 0
                self._shut_until = monotonic() + _LEFT_ALONE


def _read_certificates_once(pool: Any) -> None:
    """Give all connections of a pool one context: else each reads the whole bundle, in 0.1 s."""
    if getattr(pool, "scheme", "") != "https" or not (pool.ca_certs or pool.ca_cert_dir):
        return
    context = create_urllib3_context()
    context.load_verify_locations(cafile=pool.ca_certs, capath=pool.ca_cert_dir)
    pool.conn_kw["ssl_context"] = context
    pool.ca_certs = pool.ca_cert_dir = None


def _read(response: Any, until: float) -> Response:
    """Read a body to its end, counting what it unpacks to, and the time.

    By `read1`, which returns what has come: a byte every ten seconds must not look like progress.
    """
    headers = {name.lower(): value for name, value in response.headers.items()}
    packing = headers.get("content-encoding", "identity").lower()
    if packing not in ("identity", "gzip"):
        raise Unanswered(f"it packed its answer by {packing[:20]}")
    unpack = zlib.decompressobj(31) if packing == "gzip" else None
    body, received = bytearray(), 0
    read = getattr(response, "read1", response.read)  # urllib3 has it since 2.1
    while chunk := read(_CHUNK):
        received += len(chunk)
        body += chunk if unpack is None else unpack.decompress(chunk, _LARGEST + 1 - len(body))
        if len(body) > _LARGEST:
            raise Unanswered(f"its answer is larger than {_LARGEST >> 20} MiB")
        if monotonic() > until:
            raise Unanswered("its answer did not end in time")
    announced = number(headers.get("content-length", ""))
    if announced is not None and announced != received and response.status != 304:
        raise urllib3.exceptions.ProtocolError("a short answer")
    if unpack is not None and received and not unpack.eof:
        raise urllib3.exceptions.ProtocolError("a short answer")
    return Response(response.status, headers, bytes(body))


def number(text: str) -> int | None:
    """Return the plain number that a header gives; None for anything else, and for absurd ones."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _retry_after(answer: Response) -> float:
    return float(number(answer.headers.get("retry-after", "")) or 0)


def _reason(error: Exception) -> str:
    """Say what went wrong without the address, which may hold credentials."""
    match error:
        case requests.exceptions.SSLError() | urllib3.exceptions.SSLError():
            return "its certificate is not trusted"
        case requests.exceptions.ProxyError() | urllib3.exceptions.ProxyError():
            return "the proxy does not answer"
        case urllib3.exceptions.NewConnectionError() | requests.exceptions.ConnectionError():
            return "no connection"
        case urllib3.exceptions.TimeoutError() | requests.exceptions.Timeout() | TimeoutError():
            return "it did not answer in time"
        case requests.exceptions.TooManyRedirects():
            return "it redirects in a circle"
        case urllib3.exceptions.ProtocolError() | zlib.error() | OSError():
            return "the connection broke"
        case _:
            return f"the request failed ({type(error).__name__})"
