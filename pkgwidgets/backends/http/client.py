"""HTTP as an index needs it: many small answers, each bounded in time and size."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf
from time import monotonic, sleep
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, should_bypass_proxies
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util.ssl_ import create_urllib3_context

from .circuit_breaker import CircuitBreaker
from .decompression import BrokenArchive
from .fast_get import FastGet
from .limits import HttpLimits
from .network_settings import Credentials, NetworkSettings, without_userinfo
from .transport import RequestFailed, Response, number, read_response

_RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 527})


@dataclass(frozen=True, slots=True)
class _Route:
    """How one server is reached: decided once, used for each request."""

    pool: Any  # an HTTPConnectionPool; the stubs know only its base
    open: FastGet
    base: str
    """What a path begins with on the wire: more than the path where a proxy must know the host."""
    headers: Mapping[str, str]


class Client:
    """Pooled connections to one server; used by many threads at once.

    `requests` decides what it knows best: which proxy, which certificates, whether credentials may
    follow a redirect. Its pools carry the rest, for a fraction of the processor time.
    """

    def __init__(
        self,
        base: str,
        headers: Mapping[str, str],
        *,
        at_once: int,
        access: NetworkSettings | None = None,
        limits: HttpLimits = HttpLimits(),
    ) -> None:
        self._limits = limits
        self._given = base
        self._base = without_userinfo(base)
        self._access = access if access is not None else NetworkSettings()
        self._session = requests.Session()
        self._session.headers.clear()
        self._session.headers.update({**headers, "Accept-Encoding": "gzip"})
        self._adapter = HTTPAdapter(pool_maxsize=at_once)
        self._guard = threading.Lock()
        self._row = CircuitBreaker()
        self._routes: dict[str, _Route] = {}

    def get(self, path: str, headers: Mapping[str, str], *, until: float) -> Response:
        """Return the answer at `base + path`, after retries; raises `Unanswered`.

        `until` is the monotonic time after which nobody waits for it.
        """
        limits = self._limits
        reason, begun = "it had no time to answer", monotonic()
        for tried in range(limits.max_tries):
            wait, said = self._tried(path, headers, until)
            if isinstance(said, Response):
                with self._guard:
                    self._row.end()
                return said
            reason = said
            wait = max(wait, random.uniform(0, 0.5 * 2**tried))  # noqa: S311 - it is jitter
            if tried + 1 == limits.max_tries or wait > limits.max_retry_after_seconds:
                break
            if monotonic() + wait > until:
                break
            sleep(wait)
        with self._guard:
            self._row.add(begun, monotonic())
        raise RequestFailed(reason)

    def _tried(
        self, path: str, headers: Mapping[str, str], until: float
    ) -> tuple[float, Response | str]:
        """Ask once; return the answer, or how long to wait and why there was none."""
        if monotonic() < self._row.shut_until:
            return inf, "it failed again and again, so it is left alone for a minute"
        try:
            by = min(until, monotonic() + self._limits.answer_seconds)
            answer = self._asked(path, headers, by)
        except (HTTPError, requests.RequestException, OSError, BrokenArchive) as error:
            return 0.0, _reason(error)
        except RequestFailed as error:  # asking again would give the same
            return inf, str(error)
        if answer.status in _RETRIED_STATUSES:
            return _retry_after(answer), f"it answered {answer.status}"
        return 0.0, answer

    def _asked(self, path: str, headers: Mapping[str, str], until: float) -> Response:
        """Ask, and go where one is sent; credentials follow as far as `requests` lets them."""
        url = self._base
        for _ in range(self._limits.max_redirects + 1):
            route = self._route(url)
            answer = _answered(route, path, headers, until, self._limits)
            if isinstance(answer, Response):
                return answer
            url, path = _redirected(url + path, answer), ""
        raise RequestFailed("it redirects in a circle")

    def _route(self, url: str) -> _Route:
        with self._guard:
            known = self._routes.get(url)
            if known is None:
                known = self._found_route(url)
                if url == self._base:  # each project may be elsewhere, but only one place is asked
                    self._routes[url] = known
            return known

    def _found_route(self, url: str) -> _Route:
        prepared = self._session.prepare_request(requests.Request("GET", url))
        strange = self._session.should_strip_auth(self._base, url)  # type: ignore[no-untyped-call]
        if not strange:
            credentials = self._credentials
            if credentials is not None:
                prepared.prepare_auth(credentials, url)
        proxies, verify, cert = self._reached(url)
        pool = self._adapter.get_connection_with_tls_context(
            prepared, verify, proxies=proxies, cert=cert
        )
        _trust(pool, self._access, verify=verify)
        host = urlsplit(prepared.url or "").netloc
        base = self._adapter.request_url(prepared, proxies)
        return _Route(pool, FastGet(pool, host, self._limits), base, dict(prepared.headers))

    @cached_property
    def _credentials(self) -> Credentials | None:
        return self._access.credentials(self._given)  # once: a keyring may take its time

    def _reached(self, url: str) -> tuple[dict[str, str], bool | str, Any]:
        """Return the proxies, the certificates and one's own certificate for an address."""
        access = self._access
        how = self._session.merge_environment_settings(url, {}, True, None, None)
        proxies: dict[str, str] = dict(how["proxies"])
        if access.proxies and not should_bypass_proxies(url, access.no_proxy or None):
            proxies |= access.proxies
        elif access.no_proxy and should_bypass_proxies(url, access.no_proxy):
            proxies = {}
        verify: bool | str = access.certificates or how["verify"] or True
        if access.is_insecure(url):
            verify = False
        return proxies, verify, access.client or how["cert"]


def _redirected(url: str, location: str) -> str:
    """Return where one is sent; raises `Unanswered` if that is no http address."""
    try:
        target = urljoin(url, location)
        if urlsplit(target).scheme in ("http", "https"):
            return without_userinfo(target).partition("#")[0]
    except ValueError:
        pass
    raise RequestFailed("it redirects to what is no http address")


class _UnverifiedHTTPSConnection(HTTPSConnection):
    """A connection whose certificate the user said not to check: no warning at each request."""

    @property
    def is_verified(self) -> bool:
        return True

    @is_verified.setter
    def is_verified(self, value: bool) -> None:
        pass


def _answered(
    route: _Route, path: str, headers: Mapping[str, str], until: float, limits: HttpLimits
) -> Response | str:
    """Return what a server said, or where it sends us."""
    asked = route.base + path, {**route.headers, **headers}, until
    response = route.open.answered(*asked) or read_response(route.pool, *asked, limits)
    elsewhere = response.elsewhere
    if elsewhere is None:
        return response
    return elsewhere.encode("latin-1", "replace").decode("utf-8", "replace")


def _trust(pool: Any, access: NetworkSettings, *, verify: bool | str) -> None:
    """Give all connections of a pool one context: else each reads the whole bundle, in 0.1 s."""
    if getattr(pool, "scheme", "") != "https" or "ssl_context" in pool.conn_kw:
        return
    if verify is False:
        pool.ConnectionCls = _UnverifiedHTTPSConnection
        return
    context = create_urllib3_context()
    if access.system and not access.certificates:
        context.load_default_certs()
    else:
        file, folder = pool.ca_certs, pool.ca_cert_dir
        try:
            context.load_verify_locations(
                file or (None if folder else DEFAULT_CA_BUNDLE_PATH), folder
            )
        except OSError as error:
            raise RequestFailed(f"the certificates to trust cannot be read ({error})") from None
    pool.conn_kw["ssl_context"] = context
    pool.ca_certs = pool.ca_cert_dir = None


_NO_TLS = "it does not speak TLS"


def _retry_after(answer: Response) -> float:
    return float(number(answer.headers.get("retry-after", "")) or 0)


def _reason(error: Exception) -> str:
    """Say what went wrong without the address, which may hold credentials."""
    match error:
        case requests.exceptions.SSLError() | urllib3.exceptions.SSLError():
            said = str(error).lower()
            return "its certificate is not trusted" if "certificate" in said else _NO_TLS
        case requests.exceptions.ProxyError() | urllib3.exceptions.ProxyError():
            return "the proxy does not answer"
        case urllib3.exceptions.NewConnectionError() | requests.exceptions.ConnectionError():
            return "no connection"
        case urllib3.exceptions.TimeoutError() | requests.exceptions.Timeout() | TimeoutError():
            return "it did not answer in time"
        case requests.exceptions.TooManyRedirects():
            return "it redirects in a circle"
        case urllib3.exceptions.ProtocolError() | BrokenArchive() | OSError():
            return "the connection broke"
        case _:
            return f"the request failed ({type(error).__name__})"
