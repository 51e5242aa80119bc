"""Ask the JSON API of an index, which lists the vulnerabilities of one release.

Source: https://docs.pypi.org/api/json/. It answers for one version at a time, and names the
versions that fix each vulnerability; what lies between is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from time import monotonic
from typing import Any

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.backends.http.client import Client
from pkgwidgets.backends.http.network_settings import NetworkSettings
from pkgwidgets.backends.http.response import RequestFailed, Response
from pkgwidgets.backends.http.status import status_reason
from pkgwidgets.core import osv
from pkgwidgets.core.advisories import Advisory, AffectedProject
from pkgwidgets.core.advisory_sources import AdvisoryAnswer, AdvisoryResult
from pkgwidgets.core.errors import AdvisoriesUnavailable
from pkgwidgets.core.interfaces import Report, no_report

from .fetch import ROUND_SECONDS, fetch_answers

_CONNECTIONS = 16


class IndexApi:
    """The JSON API of an index, beside its simple API: `…/pypi/NAME/VERSION/json`."""

    knows_projects = False

    def __init__(
        self, address: str, shown_address: str, access: NetworkSettings | None = None
    ) -> None:
        self._address = f"{address.rstrip('/').removesuffix('/simple')}/pypi/"
        self.address = shown_address
        self._access = access

    def state(self) -> str:
        """Return "": each audit asks it."""
        return ""

    @cached_property
    def _client(self) -> Client:
        headers = {"Accept": "application/json", "User-Agent": "pkgwidgets"}
        return Client(self._address, headers, at_once=_CONNECTIONS, access=self._access)

    def advisories_of(
        self, projects: Mapping[NormalizedName, Version | None], report: Report = no_report
    ) -> Mapping[NormalizedName, AdvisoryResult]:
        """Answer for exact versions; see `AdvisorySource`."""
        paths = {
            name: f"{name}/{version and version.public}/json" for name, version in projects.items()
        }
        until = monotonic() + ROUND_SECONDS
        answers = fetch_answers(
            self._client, paths, connections=_CONNECTIONS, until=until, report=report
        )
        return {name: self._read(name, projects[name], response) for name, response in answers}

    def _read(
        self, name: NormalizedName, version: Version | None, response: Response | RequestFailed
    ) -> AdvisoryResult:
        if isinstance(response, RequestFailed):
            return AdvisoriesUnavailable(self.address, str(response))
        if response.status != 200:
            return AdvisoriesUnavailable(self.address, status_reason(response.status))
        try:
            entries = json.loads(response.body)["vulnerabilities"]
            advisories = tuple(_read_entries(entries, name, version))
        except (ValueError, KeyError, TypeError, RecursionError):
            reason = f"its page of {name} does not list vulnerabilities"
            return AdvisoriesUnavailable(self.address, reason)
        return AdvisoryAnswer(advisories=advisories, as_of=datetime.now(UTC))


def _read_entries(
    entries: object, name: NormalizedName, version: Version | None
) -> Iterator[Advisory]:
    if not isinstance(entries, list):
        raise TypeError
    for entry in entries:
        if not isinstance(entry, Mapping):
            raise TypeError
        record = _as_record(entry)
        fixes = (osv.read_version(text) for text in entry.get("fixed_in") or ())
        project = AffectedProject(
            name=name,
            versions=frozenset({Version(version.public)} if version is not None else ()),
            fixes=frozenset(fix for fix in fixes if fix is not None),
        )
        found = osv.read_record(record)
        advisory = Advisory(
            id=found.id,
            aliases=found.aliases,
            summary=found.summary,
            links=found.links,
            is_withdrawn=found.is_withdrawn,
            withdrawn_later=found.withdrawn_later,
            affected=(project,),
        )
        yield advisory if version is None else advisory.named_for(name, version)


def _as_record(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": entry.get("id"),
        "aliases": entry.get("aliases"),
        "summary": entry.get("summary") or "",
        "details": entry.get("details"),
        "withdrawn": entry.get("withdrawn"),
        "references": [{"url": entry.get("link")}],
    }
