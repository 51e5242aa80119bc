"""Read the provenance objects of files from the index that lists them.

Source: https://packaging.python.org/en/latest/specifications/index-hosted-attestations/. The
signatures in them are not verified.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from threading import Lock
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from packaging.utils import NormalizedName

from pkgwidgets.backends.config.index_selection import SourceFactory
from pkgwidgets.backends.http.client import Client
from pkgwidgets.backends.http.http_limits import HttpLimits
from pkgwidgets.backends.http.response import RequestFailed, Response
from pkgwidgets.backends.http.status import status_reason
from pkgwidgets.core.provenance import Publisher, PublisherResult

from .fetch import fetch_all

_MEDIA_TYPES = ("application/vnd.pypi.integrity.v1+json", "application/json")
"""The media types of provenance objects: that of PyPI, and the plain one."""
_LIMITS = HttpLimits(
    connect_seconds=5.0, read_seconds=5.0, answer_seconds=8.0, max_bytes=1 << 20,
    max_tries=2, max_retry_after_seconds=1.0, max_redirects=0,
)  # fmt: skip
_ROUND_SECONDS = 10.0
"""Seconds after which the answers that are still missing count as unknown."""
_FRESH_SECONDS = 600.0
"""Seconds for which an answer is reused: the index may add attestations at any time."""
_CONNECTIONS = 16
_MAX_BUNDLES = 50
_MAX_PROPERTIES = 30
_MAX_CHARACTERS = 1000
"""Characters of a kind or a property, at most."""
_MAX_KEPT = 4096
_ELSEWHERE = "its provenance is not on the server of the index, and no other is asked"
_NOT_IDENTITY = ("kind", "claims")
"""The keys that all publishers have; claims may be those of a single upload."""


class IndexProvenance:
    """The provenance objects on the servers of the configured indexes.

    An address on another server is not asked: a page of an index must not choose which servers
    learn what is installed here. Redirects are not followed.
    """

    def __init__(self, sources: SourceFactory) -> None:
        self._sources = sources
        self._lock = Lock()
        self._clients: dict[str, Client] = {}
        self._kept: dict[str, tuple[float, frozenset[Publisher]]] = {}

    def publishers_of(self, addresses: Collection[str]) -> Mapping[str, PublisherResult]:
        """Answer within 10 s; see `ProvenanceSource`."""
        now = monotonic()
        answers: dict[str, PublisherResult] = {}
        clients = self._clients_by_server()
        missing: dict[NormalizedName, tuple[Client, str]] = {}
        for address in dict.fromkeys(addresses):
            fresh_until, publishers = self._kept.get(address, (0.0, frozenset[Publisher]()))
            client = clients.get(_server(address))
            if now < fresh_until:
                answers[address] = publishers
            elif client is None:
                answers[address] = _ELSEWHERE
            else:
                missing[NormalizedName(address)] = (client, _target(address))
        for address, response in _fetch(missing, now + _ROUND_SECONDS):
            answers[address] = self._read(address, response)
        return answers

    def _clients_by_server(self) -> Mapping[str, Client]:
        sources = self._sources()
        with self._lock:
            for url in sources.indexes:
                server = _server(url)
                if server and server not in self._clients:
                    parts = urlsplit(url)
                    self._clients[server] = Client(
                        f"{parts.scheme}://{parts.netloc}/",
                        {"Accept": ", ".join(_MEDIA_TYPES), "User-Agent": "pkgwidgets"},
                        at_once=_CONNECTIONS,
                        access=sources.access,
                        limits=_LIMITS,
                    )
            return dict(self._clients)

    def _read(self, address: str, response: Response | RequestFailed) -> PublisherResult:
        if isinstance(response, RequestFailed):
            return _unknown(address, str(response))
        if response.status != 200:
            return _unknown(address, status_reason(response.status))
        try:
            publishers = read_publishers(response.body)
        except (ValueError, RecursionError) as error:
            detail = str(error) if type(error) is ValueError else "it is not valid JSON"
            return _unknown(address, f"it cannot be read ({detail})")
        if len(self._kept) >= _MAX_KEPT:
            self._kept.clear()
        self._kept[address] = (monotonic() + _FRESH_SECONDS, publishers)
        return publishers


def _unknown(address: str, reason: str) -> str:
    return f"the provenance of {_server(address)} is not available: {reason}"


def _server(address: str) -> str:
    """Return scheme, host and port of an HTTP address, without credentials; "" for other texts."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        return f"{parts.scheme}://{parts.hostname}:{port}" if port and parts.hostname else ""
    except ValueError:
        return ""


def _target(address: str) -> str:
    parts = urlsplit(address)
    return parts.path.removeprefix("/") + (f"?{parts.query}" if parts.query else "")


def _fetch(
    missing: Mapping[NormalizedName, tuple[Client, str]], until: float
) -> Iterator[tuple[str, Response | RequestFailed]]:
    def fetch(address: NormalizedName) -> Response | RequestFailed:
        client, path = missing[address]
        try:
            return client.get(path, {}, until=until)
        except RequestFailed as failed:
            return failed
        except Exception as error:  # one bad answer must not stop the others
            return RequestFailed(f"the request failed ({type(error).__name__})")

    if not missing:
        return
    late = RequestFailed(f"no answer within {_ROUND_SECONDS:.0f} seconds")
    answers = fetch_all([*missing], fetch, connections=_CONNECTIONS, until=until, late=late)
    with closing(answers):  # type: ignore[type-var]
        yield from (answer for answer in answers if answer is not None)


def read_publishers(body: bytes) -> frozenset[Publisher]:
    """Return the publishers of a provenance object; raise ValueError if it is not one.

    Each bundle must have attestations, and a publisher that has more than a kind: else two of
    one kind would look the same.
    """
    provenance = json.loads(body)
    if not isinstance(provenance, dict):
        raise ValueError("it is not an object")
    if type(provenance.get("version")) is not int or provenance["version"] != 1:
        raise ValueError("its version is unknown")
    bundles = provenance.get("attestation_bundles")
    if not isinstance(bundles, list) or not 0 < len(bundles) <= _MAX_BUNDLES:
        raise ValueError("it has no list of bundles, or too many")
    return frozenset(map(_read_bundle, bundles))


def _read_bundle(bundle: Any) -> Publisher:
    if not isinstance(bundle, dict):
        raise ValueError("a bundle is not an object")
    attestations = bundle.get("attestations")
    if not isinstance(attestations, list) or not attestations:
        raise ValueError("a bundle has no attestations")
    publisher = bundle.get("publisher")
    if not isinstance(publisher, dict) or len(publisher) > _MAX_PROPERTIES:
        raise ValueError("a bundle has no publisher, or one with too many properties")
    kind = publisher.get("kind")
    if not isinstance(kind, str) or not kind.strip() or len(kind) > _MAX_CHARACTERS:
        raise ValueError("a publisher has no kind")
    properties = tuple(
        sorted(
            (_bounded(key), _bounded(value if isinstance(value, str) else _as_json(value)))
            for key, value in publisher.items()
            if key not in _NOT_IDENTITY and value is not None
        )
    )
    if not any(value.strip() for _, value in properties):
        raise ValueError("a publisher has only a kind")
    return Publisher(kind=kind, properties=properties)


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _bounded(text: str) -> str:
    if len(text) > _MAX_CHARACTERS:
        raise ValueError("a property of a publisher is too long")
    return text
