"""Set, remove and list the holds of an environment. Each change of them is a transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from pkgwidgets.core.dependency_graph import parse_requirement
from pkgwidgets.core.durations import format_duration, parse_duration
from pkgwidgets.core.environment import Distribution
from pkgwidgets.core.errors import InvalidRequest, PackageNotFound, StalePlan
from pkgwidgets.core.history import undone_by
from pkgwidgets.core.hold_changes import HoldChange
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.limits import ALL
from pkgwidgets.core.names import checked_name
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.policy import (
    MAX_REASON_CHARACTERS,
    POLICY_FILE,
    Hold,
    ListedHold,
    MinimumAge,
)
from pkgwidgets.core.policy_text import find_block, hold_block, known_holds, replace_block
from pkgwidgets.core.transactions import Transaction

Day = date | str | None
"""A day, as a date or in ISO 8601 (`2027-01-31`)."""


def plan_hold(
    backend: Backend,
    name: str,
    versions: str | None = None,
    *,
    reason: str = "",
    until: Day = None,
    by: str = "",
) -> Plan:
    """Plan to hold a project at some versions; by default at the installed one.

    A hold of the same versions gets the new reason and day. `by` is the user who requests it, by
    default that of this process. Raises `InvalidRequest`, `PolicyUnreadable`, and
    `PackageNotFound` without versions of a package that is not installed.
    """
    project = checked_name(name)
    installed = backend.environment.distributions().get(project)
    version = installed.version if isinstance(installed, Distribution) else None
    if versions is None:
        if version is None:
            raise PackageNotFound(project)
        versions = f"=={version.public}"
    hold = Hold(
        name=installed.name if isinstance(installed, Distribution) else project,
        versions=_checked_versions(versions),
        reason=_checked_reason(reason),
        until=_checked_day(until),
        since=datetime.now(UTC).replace(microsecond=0),
        by=by or backend.policy.requester(),
    )
    file, text = backend.policy.path, backend.policy.text()
    known = next(
        (old for old in known_holds(backend.policy.policy(), project) if old.is_same(hold)), None
    )
    if known is not None and (known.reason, known.until) == (hold.reason, hold.until):
        return _plan(backend, (), (f"{known.name}{known.versions} is held already",))
    before = find_block(text, hold, file) if known is not None else ""
    change = HoldChange(
        name=hold.name, versions=hold.versions, before=before, after=hold_block(hold)
    )
    replace_block(text, change.before, change.after, file)  # raises before anything is done
    return _plan(backend, (change,), _notes(hold, version))


def plan_unhold(backend: Backend, name: str, versions: str | None = None) -> Plan:
    """Plan to remove the holds of a project, or only that of these versions.

    Raises `InvalidRequest` if there is none, and `PolicyUnreadable`.
    """
    project = checked_name(name)
    file, text = backend.policy.path, backend.policy.text()
    wanted = None if versions is None else SpecifierSet(_checked_versions(versions))
    changes = tuple(
        HoldChange(name=hold.name, versions=hold.versions, before=find_block(text, hold, file))
        for hold in known_holds(backend.policy.policy(), project)
        if wanted is None or SpecifierSet(hold.versions) == wanted
    )
    if not changes:
        raise InvalidRequest("name", None, f"there is no hold of {project}{versions or ''}")
    plan = _plan(backend, changes)
    edited_text(backend, plan)  # raises before anything is done
    return plan


def plan_undo(backend: Backend, undone: Transaction, history: Sequence[Transaction]) -> Plan:
    """Plan to undo a change of holds; raise `InvalidRequest` if they were changed since."""
    by = undone_by(undone.id, history)
    if by is not None:
        raise InvalidRequest("transaction", undone.id, f"{by} undid it already")
    changes = tuple(change.reversed() for change in reversed(undone.holds))
    plan = _plan(backend, changes, undoes=undone.id)
    try:
        check_applicable(backend, plan)
    except StalePlan:
        reason = "it can no longer be undone, because the hold was changed since"
        raise InvalidRequest("transaction", undone.id, reason) from None
    return plan


def check_applicable(backend: Backend, plan: Plan) -> None:
    """Raise `StalePlan` if the holds that a plan changes were changed since it was made."""
    text, file = backend.policy.text(), backend.policy.path
    holds = backend.policy.policy().holds
    for change in plan.holds:
        hold = Hold(name=change.name, versions=change.versions)
        is_known = any(hold.is_same(other) for other in holds)
        block = find_block(text, hold, file) if is_known else ""
        if block.strip() != change.before.strip():
            raise StalePlan("", (f"The hold of {change.name}{change.versions} was changed.",))


def edited_text(backend: Backend, plan: Plan) -> str:
    """Return the text of the file after a plan; raises `PolicyUnreadable`."""
    text = backend.policy.text()
    for change in plan.holds:
        text = replace_block(text, change.before, change.after, backend.policy.path)
    return text


def list_holds(backend: Backend) -> tuple[ListedHold, ...]:
    """Return all that limits versions: holds, the minimum age, and settings of uv and pip.

    Raises `PolicyUnreadable`.
    """
    policy, today = backend.policy.policy(), datetime.now().astimezone().date()
    holds = tuple(
        ListedHold(
            name=hold.name,
            versions=hold.versions,
            source=POLICY_FILE,
            reason=hold.reason,
            since=hold.since,
            until=hold.until,
            by=hold.by,
            is_active=hold.is_active(today),
            is_hold=True,
        )
        for hold in policy.holds
    )
    own = {(hold.requirement, hold.setting) for hold in policy.active_holds(today)}
    return (*holds, *_ages(policy.minimum_age), *_settings(backend, own))


def _ages(minimum: MinimumAge) -> Iterator[ListedHold]:
    """Yield the minimum age of releases, and its exceptions."""

    def row(age: str, name: str = "", reason: str = "") -> ListedHold:
        return ListedHold(
            name=name, versions=f"at least {age} old", source=POLICY_FILE, reason=reason
        )

    if minimum.age:
        yield row(minimum.text)
    for project, age in minimum.packages.items():
        yield row(format_duration(age), project)
    for index, age in minimum.indexes.items():
        yield row(format_duration(age), reason=f"from {index}")


def _settings(backend: Backend, own: set[tuple[str, str]]) -> Iterator[ListedHold]:
    """Yield the limits that the configuration of uv or pip sets."""
    limits = backend.limits()
    for limit in (*limits.constraints, *limits.overrides):
        if (limit.requirement, limit.setting) not in own:
            requirement = parse_requirement(limit.requirement)
            name = limit.requirement if requirement is None else requirement.name
            reason = f"only for what {limit.package} requires" if limit.package else ""
            yield ListedHold(
                name=name,
                versions=_versions_text(requirement),
                source=limit.setting,
                reason=reason,
            )
    for limit in limits.cutoffs:
        name, _, value = limit.requirement.partition(" ")
        yield ListedHold(name=name, versions=_cutoff_text(value), source=limit.setting)
    for limit in limits.sources_only:
        name = "" if limit.requirement == ALL else limit.requirement
        yield ListedHold(name=name, versions="no newer one", source=limit.setting)
    if limits.prefers_lowest:
        yield ListedHold(name="", versions="no newer one", source=limits.resolution_setting)


def _cutoff_text(value: str) -> str:
    """Return which releases a cutoff allows."""
    if value == "any":
        return "of any age"
    age = parse_duration(value)
    return f"uploaded before {value}" if age is None else f"at least {format_duration(age)} old"


def _versions_text(requirement: Requirement | None) -> str:
    if requirement is None:
        return "unknown"
    versions = f"@ {requirement.url}" if requirement.url else str(requirement.specifier) or "any"
    return f"{versions}; {requirement.marker}" if requirement.marker is not None else versions


def _plan(
    backend: Backend,
    changes: tuple[HoldChange, ...],
    notes: tuple[str, ...] = (),
    undoes: str | None = None,
) -> Plan:
    return Plan(
        requested=tuple(checked_name(change.name) for change in changes),
        changes=(),
        environment_fingerprint="",
        python=backend.environment.interpreter.python,
        created=datetime.now(UTC),
        notes=notes,
        undoes=undoes,
        holds=changes,
    )


def _notes(hold: Hold, installed: Version | None) -> tuple[str, ...]:
    if installed is None or SpecifierSet(hold.versions).contains(installed, prereleases=True):
        return ()
    return (f"{hold.name} {installed} is installed and stays, although the hold forbids it",)


def _checked_versions(versions: object) -> str:
    if not isinstance(versions, str):
        raise InvalidRequest("versions", versions, 'give a text such as "<3"')
    try:
        specifier = str(SpecifierSet(versions))
    except InvalidSpecifier as error:
        raise InvalidRequest("versions", versions, 'give a specifier such as "<3"') from error
    if not specifier:
        raise InvalidRequest("versions", versions, 'give a specifier such as "<3"')
    return ",".join(part.strip() for part in versions.split(",") if part.strip())


def _checked_reason(reason: object) -> str:
    if not isinstance(reason, str):
        raise InvalidRequest("reason", reason, "a reason is a text")
    if not reason.isprintable() or len(reason) > MAX_REASON_CHARACTERS:
        why = f"give one line of at most {MAX_REASON_CHARACTERS} characters"
        raise InvalidRequest("reason", reason, why)
    return reason.strip()


def _checked_day(until: object) -> date | None:
    """Return the day; raise `InvalidRequest` for a past day or an invalid one."""
    day = until.date() if isinstance(until, datetime) else until
    if isinstance(day, str):
        try:
            day = date.fromisoformat(day)
        except ValueError as error:
            raise InvalidRequest("until", until, "give a day such as 2027-01-31") from error
    if day is None:
        return None
    if not isinstance(day, date):
        raise InvalidRequest("until", until, "give a day such as 2027-01-31")
    if day <= datetime.now().astimezone().date():
        raise InvalidRequest("until", str(day), "give a day in the future")
    return day
