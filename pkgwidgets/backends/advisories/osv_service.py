"""Ask a service with the OSV API for the advisories of many packages.

Source: https://google.github.io/osv.dev/post-v1-querybatch/. A query batch answers with ids; each
record is then fetched once, and cached by the time at which it was modified.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from time import monotonic, time
from typing import Any

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.backends.http.client import Client
from pkgwidgets.backends.http.network_settings import NetworkSettings
from pkgwidgets.backends.http.response import RequestFailed, Response
from pkgwidgets.backends.http.status import status_reason
from pkgwidgets.core import osv
from pkgwidgets.core.advisories import Advisory
from pkgwidgets.core.advisory_sources import AdvisoryAnswer, AdvisoryResult, first_withdrawal
from pkgwidgets.core.errors import AdvisoriesUnavailable
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Report, no_report
from pkgwidgets.core.text import format_age

from .answer_cache import AnswerCache, CachedAnswer
from .fetch import ROUND_SECONDS, fetch_answers

_MAX_QUERIES = 1000
"""Queries in one batch: the limit of the API."""
_MAX_PAGES = 40
_MAX_RECORDS = 20_000
_CONNECTIONS = 8
FRESH_SECONDS = 3600.0
"""Seconds for which an answer is used without asking again."""

_Projects = Mapping[NormalizedName, Version | None]


@dataclass(frozen=True, slots=True)
class _Found:
    """An id in the answer to a query, and when its record was last modified."""

    id: str
    modified: str


class OsvService:
    """One OSV service. It gets the names and the versions of packages, and nothing else."""

    knows_projects = True

    def __init__(
        self,
        address: str,
        shown_address: str,
        access: NetworkSettings | None = None,
        cache: AnswerCache | None = None,
        fresh_seconds: float = FRESH_SECONDS,
    ) -> None:
        self._address = f"{address.rstrip('/')}/"
        self.address = shown_address
        self._access = access
        self._given_cache = cache
        self._fresh_seconds = fresh_seconds

    @cached_property
    def _cache(self) -> AnswerCache:
        return self._given_cache if self._given_cache is not None else AnswerCache(self.address)

    @cached_property
    def _client(self) -> Client:
        headers = {"Accept": "application/json", "User-Agent": "pkgwidgets"}
        return Client(self._address, headers, at_once=_CONNECTIONS, access=self._access)

    def state(self) -> str:
        """Return the address; the answers have their times."""
        return self.address

    def advisories_of(
        self, projects: _Projects, report: Report = no_report
    ) -> Mapping[NormalizedName, AdvisoryResult]:
        """Answer from the cache where that is fresh, else ask; see `AdvisorySource`."""
        cached, now = self._cache.get(projects), time()
        limit = self._fresh_seconds
        fresh = {name: a for name, a in cached.items() if a.asked <= now < a.asked + limit}
        answers: dict[NormalizedName, AdvisoryResult] = {
            name: _answer(answer, name, projects[name], limit) for name, answer in fresh.items()
        }
        missing = {name: version for name, version in projects.items() if name not in answers}
        if missing:
            report(Event(stage=Stage.ASKING, text=f"asking {self.address} for advisories"))
            answers |= self._ask(missing, cached, report)
        return answers

    def _ask(
        self, projects: _Projects, cached: Mapping[NormalizedName, CachedAnswer], report: Report
    ) -> dict[NormalizedName, AdvisoryResult]:
        until, now = monotonic() + ROUND_SECONDS, time()
        try:
            found = self._find_ids(projects, until, report)
        except RequestFailed as failed:
            return {
                name: self._fall_back(cached.get(name), name, version, str(failed))
                for name, version in projects.items()
            }
        records = self._fetch_records(found.values(), until, report)
        answers: dict[NormalizedName, AdvisoryResult] = {}
        updates: dict[NormalizedName, CachedAnswer] = {}
        for name, version in projects.items():
            ids = [entry.id for entry in found[name]]
            missing = next((i for i in ids if i not in records), None)
            if missing is not None:
                reason = f"its record of {missing} cannot be fetched"
                answers[name] = self._fall_back(cached.get(name), name, version, reason)
                continue
            texts = tuple((advisory_id, records[advisory_id]) for advisory_id in ids)
            updates[name] = CachedAnswer(asked=now, records=texts)
            answers[name] = _answer(updates[name], name, version, self._fresh_seconds)
        self._cache.put({name: (projects[name], answer) for name, answer in updates.items()})
        return answers

    def _find_ids(
        self, projects: _Projects, until: float, report: Report
    ) -> dict[NormalizedName, list[_Found]]:
        """Return the ids of each project; raise `RequestFailed` if an answer cannot be used."""
        found: dict[NormalizedName, list[_Found]] = {name: [] for name in projects}
        pending = [(name, _query(name, version)) for name, version in projects.items()]
        for _ in range(_MAX_PAGES):
            if not pending:
                return found
            batch, pending = pending[:_MAX_QUERIES], pending[_MAX_QUERIES:]
            report(Event(stage=Stage.ASKING, done=len(found) - len(pending), total=len(found)))
            results = self._post([query for _, query in batch], until)
            for (name, query), result in zip(batch, results, strict=True):
                ids, token = _read_result(result)
                found[name] += ids
                pending += [(name, {**query, "page_token": token})] if token else []
        raise RequestFailed(f"its answer has more than {_MAX_PAGES} pages")

    def _post(self, queries: Sequence[Mapping[str, Any]], until: float) -> Sequence[object]:
        body = json.dumps({"queries": queries}).encode()
        response = self._client.post("v1/querybatch", body, "application/json", until=until)
        results = _decode(response).get("results")
        if not isinstance(results, list) or len(results) != len(queries):
            raise RequestFailed("its answer cannot be read (not one result for each query)")
        return results

    def _fetch_records(
        self, found: Iterable[Sequence[_Found]], until: float, report: Report
    ) -> dict[str, bytes]:
        """Return the text of each record, by id; those that cannot be fetched are missing."""
        modified = {entry.id: entry.modified for entries in found for entry in entries}
        records = dict(self._cache.records(modified))
        missing = [advisory_id for advisory_id in modified if advisory_id not in records]
        paths = {advisory_id: f"v1/vulns/{advisory_id}" for advisory_id in missing[:_MAX_RECORDS]}
        answers = fetch_answers(
            self._client, paths, connections=_CONNECTIONS, until=until, report=report
        )
        new = {
            advisory_id: answer.body
            for advisory_id, answer in answers
            if isinstance(answer, Response) and answer.status == 200
        }
        self._cache.put_records({i: (modified[i], text) for i, text in new.items()})
        return records | new

    def _fall_back(
        self,
        cached: CachedAnswer | None,
        name: NormalizedName,
        version: Version | None,
        reason: str,
    ) -> AdvisoryResult:
        """Return the cached answer, marked with its age; without one, the error."""
        error = AdvisoriesUnavailable(self.address, reason)
        if cached is None:
            return error
        age = format_age(datetime.fromtimestamp(cached.asked, UTC))
        why = f"{error.sentence()[:-1]}; last checked {age}"
        return replace(_answer(cached, name, version), stale_reason=why)


def _query(name: NormalizedName, version: Version | None) -> dict[str, Any]:
    query: dict[str, Any] = {"package": {"name": name, "ecosystem": osv.ECOSYSTEM}}
    return query if version is None else {**query, "version": version.public}


def _read_result(result: object) -> tuple[list[_Found], str]:
    """Return the ids of one result, and the token of its next page or ""."""
    if not isinstance(result, Mapping):
        raise RequestFailed("its answer cannot be read (a result is no object)")
    entries, token = result.get("vulns", []), result.get("next_page_token", "")
    if not isinstance(entries, list) or not isinstance(token, str):
        raise RequestFailed("its answer cannot be read (a result has another form)")
    found = []
    for entry in entries:
        advisory_id = entry.get("id") if isinstance(entry, Mapping) else None
        if not osv.is_advisory_id(advisory_id):
            raise RequestFailed("its answer cannot be read (an advisory has no valid id)")
        found.append(_Found(str(advisory_id), str(entry.get("modified", ""))))
    return found, token


def _decode(response: Response) -> Mapping[str, Any]:
    if response.status != 200:
        raise RequestFailed(status_reason(response.status))
    try:
        answer = json.loads(response.body)
    except (ValueError, RecursionError):
        raise RequestFailed("its answer cannot be read (no JSON)") from None
    if not isinstance(answer, Mapping):
        raise RequestFailed("its answer cannot be read (no object)")
    return answer


def _answer(
    cached: CachedAnswer, name: NormalizedName, version: Version | None, fresh_seconds: float = 0.0
) -> AdvisoryAnswer:
    advisories = tuple(_read(*record) for record in cached.records)
    if version is not None:  # without one, the service names the records of all versions
        advisories = tuple(found.named_for(name, version) for found in advisories)
    as_of = datetime.fromtimestamp(cached.asked, UTC)
    until = first_withdrawal(advisories, as_of + timedelta(seconds=fresh_seconds))
    return AdvisoryAnswer(advisories=advisories, as_of=as_of, fresh_until=until)


def _read(advisory_id: str, text: bytes) -> Advisory:
    """Return the advisory of a record; one that cannot be read has an unknown effect."""
    try:
        return osv.read_record(json.loads(text))
    except (ValueError, RecursionError):
        return Advisory(id=advisory_id, is_readable=False)
