"""An HTTP client for indexes: many small answers, each limited in time and size."""

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

from .circuit_breaker import OPEN_SECONDS, CircuitBreaker
from .decompression import BrokenArchive
from .fast_get import FastGet
from .http_limits import HttpLimits
from .network_settings import Credentials, NetworkSettings, without_userinfo
from .response import RequestFailed, Response, parse_number, read_response

_RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 527})


@dataclass(frozen=True, slots=True)
class _Route:
    """How to reach one server: decided once, used for each request."""

    pool: Any  # an HTTPConnectionPool; the stubs know only its base
    fast_get: FastGet
    base: str
    """The prefix of each request target: a whole URL where a proxy must know the host."""
    headers: Mapping[str, str]


class Client:
    """Pooled connections to one server, for many threads at once.

    `requests` chooses the proxy and the certificates, and whether credentials follow a redirect.
    Its urllib3 pools send the requests: that takes a fraction of the processor time.
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
        self._configured_url = base
        self._base = without_userinfo(base)
        self._network = access if access is not None else NetworkSettings()
        self._session = requests.Session()
        self._session.headers.clear()
        self._session.headers.update({**headers, "Accept-Encoding": "gzip"})
        self._adapter = HTTPAdapter(pool_maxsize=at_once)
        self._lock = threading.Lock()
        self._breaker = CircuitBreaker()
        self._routes: dict[str, _Route] = {}

    def get(self, path: str, headers: Mapping[str, str], *, until: float) -> Response:
        """Request `base + path`, with retries, and return the answer.

        `until` is the monotonic time after which the request is given up. Raises `RequestFailed`.
        """
        limits = self._limits
        reason, started = "the time limit was reached", monotonic()
        for attempt in range(limits.max_tries):
            wait_seconds, result = self._try_once(path, headers, until)
            if isinstance(result, Response):
                with self._lock:
                    self._breaker.reset()
                return result
            reason = result
            wait_seconds = max(wait_seconds, random.uniform(0, 0.5 * 2**attempt))  # noqa: S311 - it is jitter
            if attempt + 1 == limits.max_tries or wait_seconds > limits.max_retry_after_seconds:
                break
            if monotonic() + wait_seconds > until:
                break
            sleep(wait_seconds)
        with self._lock:
            self._breaker.record_failure(started, monotonic())
        raise RequestFailed(reason)

    def _try_once(
        self, path: str, headers: Mapping[str, str], until: float
    ) -> tuple[float, Response | str]:
        """Send one request, and return the seconds to wait before a retry and the result.

        The result is the response, or the reason of the failure. `inf` seconds forbid a retry.
        """
        if monotonic() < self._breaker.open_until:
            return (
                inf,
                f"it failed too often; pkgwidgets asks it again in {OPEN_SECONDS:.0f} seconds",
            )
        try:
            answer_until = min(until, monotonic() + self._limits.answer_seconds)
            answer = self._follow_redirects(path, headers, answer_until)
        except (HTTPError, requests.RequestException, OSError, BrokenArchive) as error:
            return 0.0, _failure_reason(error)
        except RequestFailed as error:  # a retry would fail in the same way
            return inf, str(error)
        if answer.status in _RETRIED_STATUSES:
            return _retry_after(answer), f"it answered HTTP {answer.status}"
        return 0.0, answer

    def _follow_redirects(self, path: str, headers: Mapping[str, str], until: float) -> Response:
        """Send a request and follow redirects; `requests` decides where credentials are sent."""
        url = self._base
        for _ in range(self._limits.max_redirects + 1):
            route = self._get_route(url)
            answer = _send_request(route, path, headers, until, self._limits)
            if isinstance(answer, Response):
                return answer
            url, path = _redirect_target(url + path, answer), ""
        raise RequestFailed("too many redirects")

    def _get_route(self, url: str) -> _Route:
        with self._lock:
            route = self._routes.get(url)
            if route is None:
                route = self._create_route(url)
                # Each project may redirect to another URL: those routes are not kept.
                if url == self._base:
                    self._routes[url] = route
            return route

    def _create_route(self, url: str) -> _Route:
        prepared = self._session.prepare_request(requests.Request("GET", url))
        strips_credentials = self._session.should_strip_auth(self._base, url)  # type: ignore[no-untyped-call]
        if not strips_credentials:
            credentials = self._credentials
            if credentials is not None:
                prepared.prepare_auth(credentials, url)
        proxies, verify, cert = self._connection_settings(url)
        pool = self._adapter.get_connection_with_tls_context(
            prepared, verify, proxies=proxies, cert=cert
        )
        _share_ssl_context(pool, self._network, verify=verify)
        host = urlsplit(prepared.url or "").netloc
        base = self._adapter.request_url(prepared, proxies)
        return _Route(pool, FastGet(pool, host, self._limits), base, dict(prepared.headers))

    @cached_property
    def _credentials(self) -> Credentials | None:
        return self._network.credentials(self._configured_url)  # cached: a keyring may be slow

    def _connection_settings(self, url: str) -> tuple[dict[str, str], bool | str, Any]:
        """Return the proxies, the CA certificates and the client certificate for a URL."""
        access = self._network
        settings = self._session.merge_environment_settings(url, {}, True, None, None)
        proxies: dict[str, str] = dict(settings["proxies"])
        if access.proxies and not should_bypass_proxies(url, access.no_proxy or None):
            proxies |= access.proxies
        elif access.no_proxy and should_bypass_proxies(url, access.no_proxy):
            proxies = {}
        verify: bool | str = access.certificates or settings["verify"] or True
        if access.is_insecure(url):
            verify = False
        return proxies, verify, access.client_certificate or settings["cert"]


def _redirect_target(url: str, location: str) -> str:
    """Return the URL of a redirect; raise `RequestFailed` if it is not an HTTP URL."""
    try:
        target = urljoin(url, location)
        if urlsplit(target).scheme in ("http", "https"):
            return without_userinfo(target).partition("#")[0]
    except ValueError:
        pass
    raise RequestFailed("it redirects to an address that is not http or https")


class _UnverifiedHTTPSConnection(HTTPSConnection):
    """A connection to an insecure host that the user allowed, without a warning per request."""

    @property
    def is_verified(self) -> bool:
        return True

    @is_verified.setter
    def is_verified(self, value: bool) -> None:
        pass


def _send_request(
    route: _Route, path: str, headers: Mapping[str, str], until: float, limits: HttpLimits
) -> Response | str:
    """Send a request, and return the response or the location of a redirect."""
    arguments = route.base + path, {**route.headers, **headers}, until
    response = route.fast_get.get(*arguments) or read_response(route.pool, *arguments, limits)
    redirect = response.redirect_location
    if redirect is None:
        return response
    return redirect.encode("latin-1", "replace").decode("utf-8", "replace")


def _share_ssl_context(pool: Any, access: NetworkSettings, *, verify: bool | str) -> None:
    """Give all connections of a pool one TLS context.

    Otherwise each connection reads the whole certificate bundle, which takes 0.1 s.
    """
    if getattr(pool, "scheme", "") != "https" or "ssl_context" in pool.conn_kw:
        return
    if verify is False:
        pool.ConnectionCls = _UnverifiedHTTPSConnection
        return
    context = create_urllib3_context()
    if access.use_system_store and not access.certificates:
        context.load_default_certs()
    else:
        certificate_file, certificate_folder = pool.ca_certs, pool.ca_cert_dir
        try:
            context.load_verify_locations(
                certificate_file or (None if certificate_folder else DEFAULT_CA_BUNDLE_PATH),
                certificate_folder,
            )
        except OSError as error:
            raise RequestFailed(f"the trusted certificates cannot be read ({error})") from None
    pool.conn_kw["ssl_context"] = context
    pool.ca_certs = pool.ca_cert_dir = None


_NO_TLS = "it does not speak TLS"


def _retry_after(answer: Response) -> float:
    return float(parse_number(answer.headers.get("retry-after", "")) or 0)


def _failure_reason(error: Exception) -> str:
    """Return why a request failed, without its URL, which may hold credentials."""
    match error:
        case requests.exceptions.SSLError() | urllib3.exceptions.SSLError():
            message = str(error).lower()
            return "its certificate is not trusted" if "certificate" in message else _NO_TLS
        case requests.exceptions.ProxyError() | urllib3.exceptions.ProxyError():
            return "the proxy does not answer"
        case urllib3.exceptions.NewConnectionError() | requests.exceptions.ConnectionError():
            return "the connection failed"
        case urllib3.exceptions.TimeoutError() | requests.exceptions.Timeout() | TimeoutError():
            return "it did not answer in time"
        case requests.exceptions.TooManyRedirects():
            return "too many redirects"
        case urllib3.exceptions.ProtocolError() | BrokenArchive() | OSError():
            return "the connection was lost"
        case _:
            return f"the request failed ({type(error).__name__})"
