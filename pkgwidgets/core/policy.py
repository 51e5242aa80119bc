"""What the people of an environment decided: holds, and a minimum age of releases.

They are kept in `pkgwidgets.toml` in the root folder of the environment; `policy_text` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from .durations import format_duration
from .html_repr import HtmlRepr
from .limits import Limit, Limits
from .releases import Release
from .text import escape_hidden, format_day

POLICY_FILE = "pkgwidgets.toml"
"""The name of the file, in the root folder of the environment."""
MAX_REASON_CHARACTERS = 200
"""Characters of the reason of a hold, at most."""
_DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold(HtmlRepr):
    """A limit on the versions of one project, with who set it and why.

    `versions` is a specifier (PEP 440), such as `<3`. The hold ends when the day `until` begins.
    `since` is in UTC. Unknown values are None or "".

    >>> done = service.hold("raintable", "<3", reason="charts.ipynb needs 2")
    >>> service.values.holds()[0].versions
    '<3'
    """

    name: str
    versions: str
    reason: str = ""
    until: date | None = None
    since: datetime | None = None
    by: str = ""

    @property
    def id(self) -> NormalizedName:
        """The normalized name of the project (PEP 503)."""
        return canonicalize_name(self.name)

    @property
    def requirement(self) -> str:
        """The hold as a requirement: `pandas<3`."""
        return f"{self.id}{self.versions}"

    def is_active(self, today: date) -> bool:
        """Tell whether the hold has not ended."""
        return self.until is None or today < self.until

    def is_same(self, other: Hold) -> bool:
        """Tell whether both limit the same project to the same versions."""
        return self.id == other.id and SpecifierSet(self.versions) == SpecifierSet(other.versions)

    @property
    def setting(self) -> str:
        """The hold as the owner of a limit: its days, the user who set it, and why."""
        facts = _facts(self.since, self.by, self.until, self.reason)
        return f"a hold{'' if facts.startswith(':') or not facts else ' '}{facts}"

    def __str__(self) -> str:
        return f"{self.name}{self.versions}, {self.setting}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedHold(HtmlRepr):
    """A hold, or another limit on versions, as a list of them shows it.

    `source` names the file, variable or setting that has it. `name` is "" if it is for all
    projects. `is_active` is False after the last day of a hold.

    >>> done = service.hold("raintable", "<3")
    >>> hold = service.values.holds()[0]
    >>> hold.name, hold.versions, hold.is_active
    ('raintable', '<3', True)
    """

    name: str
    versions: str
    source: str
    reason: str = ""
    since: datetime | None = None
    until: date | None = None
    by: str = ""
    is_active: bool = True
    is_hold: bool = field(default=False, repr=False)
    """Whether it is a hold, which can be removed; not part of JSON."""

    @property
    def facts(self) -> str:
        """The day it was set, the user, its end and the reason; for a setting, its source."""
        if not self.is_hold:
            return f"{self.source}: {self.reason}" if self.reason else self.source
        return _facts(self.since, self.by, self.until, self.reason)

    def __str__(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.name or 'all packages'} {self.versions} ({self.source}){reason}"


@dataclass(frozen=True, kw_only=True, slots=True)
class MinimumAge:
    """The age that a release needs before a plan takes it, with exceptions.

    The exception of a project precedes that of its index. `text` is the age as text.
    """

    age: timedelta = timedelta()
    text: str = ""
    packages: Mapping[NormalizedName, timedelta] = field(default_factory=dict)
    indexes: Mapping[str, timedelta] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any((self.age, *self.packages.values(), *self.indexes.values()))

    def age_for(self, name: NormalizedName, index: str = "") -> timedelta:
        """Return the age that releases of a project on an index need."""
        of_index = self.indexes.get(index.rstrip("/"), self.age)
        return self.packages.get(name, of_index)

    def setting(self, why: str) -> str:
        """Return the minimum age as the owner of a limit, with why it holds a release."""
        return f"the minimum age of {self.text}: {why}" if self.text else f"a minimum age: {why}"

    def is_old_enough(self, name: NormalizedName, release: Release, now: datetime) -> bool:
        """Tell whether a release is old enough, whatever index it is from."""
        return not any(self.why_young(name, release, now, index) for index in ("", *self.indexes))

    def why_young(
        self, name: NormalizedName, release: Release, now: datetime, index: str = ""
    ) -> str:
        """Return why a release is too young: `2 days old, held until Thursday`; "" if it is not.

        Without an upload time the age is unknown, so that the release is held, too.
        """
        age = self.age_for(name, index)
        if not age:
            return ""
        if release.uploaded is None:
            return "held, because the index gives no upload time"
        try:
            free = release.uploaded + age
        except OverflowError:
            return f"{format_duration(now - release.uploaded)} old, held"
        if free <= now:
            return ""
        return f"{format_duration(now - release.uploaded)} old, held until {_day_text(free, now)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Everything that the file says. `advisories` is its table of this name, unchecked."""

    holds: tuple[Hold, ...] = ()
    minimum_age: MinimumAge = MinimumAge()
    advisories: Mapping[str, Any] = field(default_factory=dict)

    def active_holds(self, today: date) -> tuple[Hold, ...]:
        """Return the holds that have not ended."""
        return tuple(hold for hold in self.holds if hold.is_active(today))

    def add_to(self, limits: Limits, today: date | None = None) -> Limits:
        """Return limits with the active holds among their constraints."""
        holds = self.active_holds(today or datetime.now().astimezone().date())
        added = (Limit(requirement=hold.requirement, setting=hold.setting) for hold in holds)
        return replace(limits, constraints=(*limits.constraints, *added)) if holds else limits


NO_POLICY = Policy()


def policy_time() -> datetime:
    """Return the time at which ages count, in steps of ten minutes.

    So the rows of a check and a plan agree, and rows are computed again only every ten minutes.
    """
    now = datetime.now(UTC)
    return now.replace(minute=now.minute // 10 * 10, second=0, microsecond=0)


def _facts(since: datetime | None, by: str, until: date | None, reason: str) -> str:
    """Return the known facts of a hold: `since 2026-11-30 by ada until 2027-01-31: charts`."""
    facts = [
        f"since {format_day(since)}" if since is not None else "",
        f"by {_one_line(by)}" if by else "",
        f"until {until}" if until is not None else "",
    ]
    why = f": {_one_line(reason)}" if reason else ""
    return f"{' '.join(filter(None, facts))}{why}"


def _one_line(text: str) -> str:
    return escape_hidden(" ".join(text.split()))[:MAX_REASON_CHARACTERS]


def _day_text(moment: datetime, now: datetime) -> str:
    """Return the day of a moment; its name is enough within the next six days."""
    day = moment.astimezone(UTC)
    name = _DAY_NAMES[day.weekday()]
    return name if moment - now < timedelta(days=6) else f"{name} {day:%Y-%m-%d}"
