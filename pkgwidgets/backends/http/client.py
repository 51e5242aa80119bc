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
from requests.utils import should_bypass_proxies
from urllib3.exceptions import HTTPError

from .circuit_breaker import OPEN_SECONDS, CircuitBreaker
from .decompression import BrokenArchive
from .fast_get import FastGet
from .http_limits import HttpLimits
from .network_settings import Credentials, NetworkSettings, without_userinfo
from .pools import get_pool, share_ssl_context
from .read_response import read_response
from .response import RequestFailed, Response, parse_number

_RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 527})


@dataclass(frozen=True, slots=True)
class _Route:
    """How to reach one server: decided once, used for each request."""

    pool: Any  # an HTTPConnectionPool; the stubs know only its base
    fast_get: FastGet
    base: str
    """The prefix of each request target: a whole URL where a proxy must know the host."""
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a request has no answer, and the URL that failed."""

    reason: str
    url: str
    wait_seconds: float = 0.0
    """Seconds to wait before a retry; `inf` forbids one."""


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
        self._breakers: dict[str, CircuitBreaker] = {}
        self._routes: dict[str, _Route] = {}

    def get(self, path: str, headers: Mapping[str, str], *, until: float) -> Response:
        """Request `base + path`, with retries, and return the answer.

        `until` is the monotonic time after which the request is given up. Raises `RequestFailed`.
        """
        limits, started = self._limits, monotonic()
        failure = _Failure("the time limit was reached", self._base)
        for attempt in range(limits.max_tries):
            result = self._try_once(path, headers, until)
            if isinstance(result, Response):
                self._record_answer()
                return result
            failure = result
            wait_seconds = max(failure.wait_seconds, random.uniform(0, 0.5 * 2**attempt))  # noqa: S311 - it is jitter
            if attempt + 1 == limits.max_tries or wait_seconds > limits.max_retry_after_seconds:
                break
            if monotonic() + wait_seconds > until:
                break
            sleep(wait_seconds)
        self._record_failure(failure, started)
        raise RequestFailed(failure.reason)

    def post(self, path: str, body: bytes, media_type: str, *, until: float) -> Response:
        """Send `body` to `base + path`, with one retry, and return the answer.

        Only for requests that ask: a retry repeats them. Redirects are not followed, so the body
        goes to no other server. Raises `RequestFailed`.
        """
        route, started = self._get_route(self._base), monotonic()
        headers = {**route.headers, "Content-Type": media_type}
        failure = _Failure("the time limit was reached", self._base)
        for _ in range(2):
            until = min(until, started + 2 * self._limits.answer_seconds)
            try:
                response = read_response(
                    route.pool, route.base + path, headers, until, self._limits, body=body
                )
            except (HTTPError, requests.RequestException, OSError, BrokenArchive) as error:
                failure = self._failure(_failure_reason(error), self._base)
                continue
            if response.redirect_location is not None:
                raise RequestFailed("it redirects, and the request is sent to no other address")
            if response.status not in _RETRIED_STATUSES:
                self._record_answer()
                return response
            failure = self._failure(f"it answered HTTP {response.status}", self._base)
        self._record_failure(failure, started)
        raise RequestFailed(failure.reason)

    def _record_answer(self) -> None:
        with self._lock:
            self._breaker(self._base).reset()

    def _record_failure(self, failure: _Failure, started: float) -> None:
        """Count a failure of the server that failed; one that redirects has answered."""
        with self._lock:
            failed, base = self._breaker(failure.url), self._breaker(self._base)
            if failed is not base:
                base.reset()
            failed.record_failure(started, monotonic())

    def _breaker(self, url: str) -> CircuitBreaker:
        return self._breakers.setdefault(urlsplit(url).netloc, CircuitBreaker())

    def _try_once(self, path: str, headers: Mapping[str, str], until: float) -> Response | _Failure:
        """Send one request and follow redirects; return the answer, or why there is none."""
        until = min(until, monotonic() + self._limits.answer_seconds)
        url = self._base
        for _ in range(self._limits.max_redirects + 1):
            try:
                answer = self._request(url, path, headers, until)
                if isinstance(answer, str):
                    url, path = _redirect_target(url + path, answer), ""
                    continue
            except (HTTPError, requests.RequestException, OSError, BrokenArchive) as error:
                return self._failure(_failure_reason(error), url)
            except RequestFailed as error:  # a retry would fail in the same way
                return self._failure(str(error), url, inf)
            if answer.status in _RETRIED_STATUSES:
                return self._failure(f"it answered HTTP {answer.status}", url, _retry_after(answer))
            return answer
        return _Failure("too many redirects", self._base, inf)

    def _request(
        self, url: str, path: str, headers: Mapping[str, str], until: float
    ) -> Response | str:
        """Send one request; return the response or the location of a redirect.

        `requests` decides where credentials are sent.
        """
        with self._lock:
            is_open = monotonic() < self._breaker(url).open_until
        if is_open:
            seconds = f"{OPEN_SECONDS:.0f} seconds"
            raise RequestFailed(f"it failed too often; pkgwidgets asks it again in {seconds}")
        return _send_request(self._get_route(url), path, headers, until, self._limits)

    def _failure(self, reason: str, url: str, wait_seconds: float = 0.0) -> _Failure:
        """Return a failure that names the server if a redirect led to another one."""
        address = urlsplit(url)
        if address.netloc != urlsplit(self._base).netloc:
            reason = f"the redirect to {address.scheme}://{address.netloc} failed ({reason})"
        return _Failure(reason, url, wait_seconds)

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
        pool = get_pool(self._adapter, prepared, proxies, verify, cert)
        share_ssl_context(pool, self._network, verify=verify)
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
