"""Advisories: known vulnerabilities, and which versions of a package they affect.

The rules are those of the OSV schema: https://ossf.github.io/osv-schema/#evaluation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from packaging.utils import NormalizedName
from packaging.version import Version


class Effect(StrEnum):
    """Whether an advisory affects a version. What cannot be decided is unknown, never safe."""

    AFFECTED = "affected"
    NOT_AFFECTED = "not affected"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A bound of a range: `kind` is introduced, fixed, last_affected or limit.

    `version` is None for the bound `"0"` of OSV: below every version.
    """

    kind: str
    version: Version | None


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionRange:
    """The events of one range; `is_readable` is False if a bound is no PEP 440 version."""

    events: tuple[Event, ...]
    is_readable: bool = True

    def includes(self, version: Version) -> bool:
        """Tell whether a version lies in the range, as the OSV schema evaluates it."""
        limits = [event.version for event in self.events if event.kind == "limit"]
        if limits and not any(limit is None or version < limit for limit in limits):
            return False
        is_affected = False
        for event in sorted(self.events, key=_event_order):
            passes = _is_passed if event.kind == "last_affected" else _is_reached
            if event.kind != "limit" and passes(event, version):
                is_affected = event.kind == "introduced"
        return is_affected


def _event_order(event: Event) -> tuple[bool, Version]:
    return event.version is not None, event.version or Version("0")


def _is_reached(event: Event, version: Version) -> bool:
    return event.version is None or version >= event.version


def _is_passed(event: Event, version: Version) -> bool:
    return event.version is not None and version > event.version


@dataclass(frozen=True, kw_only=True, slots=True)
class AffectedProject:
    """The versions of one project that an advisory affects.

    `versions` are listed ones, `ranges` the bounds. `fixes` are versions of which a source says
    that they are fixed, without ranges: what lies between is then unknown. `is_complete` is False
    if a part of the record could not be read.
    """

    name: NormalizedName
    versions: frozenset[Version] = frozenset()
    ranges: tuple[VersionRange, ...] = ()
    fixes: frozenset[Version] = frozenset()
    is_complete: bool = True

    def effect(self, version: Version) -> Effect:
        """Tell whether a version is affected. Its local part does not count (PEP 440).

        A build such as `2.0.1+cu118` has the faults of 2.0.1.
        """
        public = Version(version.public)
        if public in self.fixes:
            return Effect.NOT_AFFECTED
        readable = [found for found in self.ranges if found.is_readable]
        if public in self.versions or any(found.includes(public) for found in readable):
            return Effect.AFFECTED
        if self.fixes:
            return Effect.NOT_AFFECTED if public > max(self.fixes) else Effect.UNKNOWN
        says_nothing = not self.versions and not self.ranges
        is_readable = self.is_complete and len(readable) == len(self.ranges)
        return Effect.UNKNOWN if says_nothing or not is_readable else Effect.NOT_AFFECTED

    def fixed_after(self, version: Version) -> Version | None:
        """Return the lowest version above `version` that fixes it; None if none is known."""
        bounds = {
            event.version
            for found in self.ranges
            for event in found.events
            if event.kind == "fixed" and event.version is not None
        }
        later = [bound for bound in bounds | self.fixes if bound > Version(version.public)]
        unaffected = [v for v in later if self.effect(v) is Effect.NOT_AFFECTED]
        return min(unaffected or later, default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Advisory:
    """One record of a known vulnerability (OSV). Texts come from outside: show them as text.

    `severity` is low, medium, high or critical; "" if the record does not say. A withdrawn record
    affects nothing. `links` are http addresses.
    """

    id: str
    aliases: frozenset[str] = frozenset()
    summary: str = ""
    severity: str = ""
    links: tuple[str, ...] = ()
    is_withdrawn: bool = False
    withdrawn_later: datetime | None = None
    """The UTC time from which this record is withdrawn, if it still counts; else None."""
    modified: datetime | None = None
    affected: tuple[AffectedProject, ...] = ()
    is_readable: bool = True
    """Whether the record could be read; else only its `id` is known."""
    disputed: frozenset[tuple[NormalizedName, Version]] = frozenset()
    """Versions for which a source names this record, although the record excludes them."""

    def named_for(self, name: NormalizedName, version: Version) -> Advisory:
        """Return this advisory as a source names it for a version.

        If the record itself excludes the version, one of them is wrong: it is disputed.
        """
        if self.is_withdrawn or self.effect(name, version) is not Effect.NOT_AFFECTED:
            return self
        disputed = self.disputed | {(name, Version(version.public))}
        return replace(self, disputed=disputed)

    def effect(self, name: NormalizedName, version: Version) -> Effect:
        """Tell whether this advisory affects a version of a project."""
        if self.is_withdrawn:
            return Effect.NOT_AFFECTED
        if not self.is_readable:
            return Effect.UNKNOWN
        effects = {part.effect(version) for part in self.affected if part.name == name}
        for effect in (Effect.AFFECTED, Effect.UNKNOWN):
            if effect in effects:
                return effect
        is_disputed = (name, Version(version.public)) in self.disputed
        return Effect.UNKNOWN if is_disputed else Effect.NOT_AFFECTED

    def fixed_after(self, name: NormalizedName, version: Version) -> Version | None:
        """Return the lowest version above `version` that no part of this advisory affects."""
        fixes = [part.fixed_after(version) for part in self.affected if part.name == name]
        later = sorted(fix for fix in fixes if fix is not None)
        clean = [fix for fix in later if self.effect(name, fix) is Effect.NOT_AFFECTED]
        return next(iter(clean or later), None)


SEVERITIES = ("critical", "high", "medium", "low", "")
"""From the worst to the unknown."""
_PREFERRED_IDS = ("PYSEC-", "GHSA-", "CVE-")


@dataclass(frozen=True, kw_only=True, slots=True)
class AdvisoryGroup:
    """Records of the same vulnerability under several ids; it counts once."""

    advisories: tuple[Advisory, ...]

    @property
    def _valid(self) -> tuple[Advisory, ...]:
        """The records that are not withdrawn; if all are, all of them."""
        valid = tuple(found for found in self.advisories if not found.is_withdrawn)
        return valid or self.advisories

    @property
    def id(self) -> str:
        """The id to show: of PyPA's database, else of GitHub's, else the first."""
        return min((advisory.id for advisory in self._valid), key=_id_order)

    @property
    def aliases(self) -> tuple[str, ...]:
        """The other ids, sorted."""
        ids = {advisory.id for advisory in self.advisories}
        aliases = ids.union(*(advisory.aliases for advisory in self.advisories))
        return tuple(sorted(aliases - {self.id}))

    @property
    def severity(self) -> str:
        """The worst severity that a record states."""
        return min((advisory.severity for advisory in self._valid), key=SEVERITIES.index)

    @property
    def summary(self) -> str:
        """The first summary of a record."""
        return next((found.summary for found in self._valid if found.summary), "")

    @property
    def links(self) -> tuple[str, ...]:
        """The addresses of all records, each once."""
        return tuple(dict.fromkeys(link for found in self.advisories for link in found.links))

    def effect(self, name: NormalizedName, version: Version) -> Effect:
        """Return the worst effect of the records: one that affects a version decides."""
        effects = {advisory.effect(name, version) for advisory in self.advisories}
        for effect in (Effect.AFFECTED, Effect.UNKNOWN):
            if effect in effects:
                return effect
        return Effect.NOT_AFFECTED

    def fixed_after(self, name: NormalizedName, version: Version) -> Version | None:
        """Return the lowest version above `version` that fixes all records; None if unknown."""
        found = [advisory.fixed_after(name, version) for advisory in self.advisories]
        clean = [f for f in found if f and self.effect(name, f) is Effect.NOT_AFFECTED]
        return min(clean, default=None)


def group_by_alias(advisories: Iterable[Advisory]) -> tuple[AdvisoryGroup, ...]:
    """Join records that name each other, or the same alias; sorted by id."""
    groups: list[tuple[set[str], list[Advisory]]] = []
    for advisory in advisories:
        ids, members = {advisory.id, *advisory.aliases}, [advisory]
        joined = [group for group in groups if not group[0].isdisjoint(ids)]
        for group in joined:
            ids |= group[0]
            members = [*group[1], *members]
            groups.remove(group)
        groups.append((ids, members))
    made = (AdvisoryGroup(advisories=_unique(members)) for _, members in groups)
    return tuple(sorted(made, key=lambda group: _id_order(group.id)))


def _unique(advisories: Sequence[Advisory]) -> tuple[Advisory, ...]:
    """Return each record once; of several with one id, the last modified one.

    A version that one source disputes stays disputed.
    """
    oldest_first = sorted(advisories, key=lambda found: found.modified is not None)
    dated = sorted(
        (found for found in oldest_first if found.modified is not None),
        key=lambda found: found.modified.timestamp() if found.modified else 0.0,
    )
    undated = [found for found in oldest_first if found.modified is None]
    last = {found.id: found for found in (*undated, *dated)}
    return tuple(
        replace(found, disputed=disputed)
        if (disputed := _disputed(advisories, advisory_id)) != found.disputed
        else found
        for advisory_id, found in last.items()
    )


def _disputed(
    advisories: Iterable[Advisory], advisory_id: str
) -> frozenset[tuple[NormalizedName, Version]]:
    return frozenset[tuple[NormalizedName, Version]]().union(
        *(found.disputed for found in advisories if found.id == advisory_id)
    )


def _id_order(advisory_id: str) -> tuple[int, str]:
    ranks = (i for i, prefix in enumerate(_PREFERRED_IDS) if advisory_id.startswith(prefix))
    return next(ranks, len(_PREFERRED_IDS)), advisory_id


def worst_effect(
    groups: Collection[AdvisoryGroup], name: NormalizedName, version: Version
) -> Effect:
    """Return the worst effect of several vulnerabilities on a version."""
    effects = {group.effect(name, version) for group in groups}
    for effect in (Effect.AFFECTED, Effect.UNKNOWN):
        if effect in effects:
            return effect
    return Effect.NOT_AFFECTED
