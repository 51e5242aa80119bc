"""Arithmetic on installed sets: who needs what, what a change breaks, who blocks whom."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from .distributions import Distribution, Id, Origin, Unreadable
from .kernels import Restart
from .plans import Change

Installed = Mapping[Id, Distribution | Unreadable]
Needs = Mapping[Id, tuple[Requirement, ...]]
"""What each installed distribution requires here: markers evaluated, extras in use switched on."""


@dataclass(frozen=True, slots=True)
class Unmet:
    """A requirement of an installed distribution that the environment does not satisfy."""

    id: Id
    requirement: str
    found: str | None = field(compare=False)

    def __str__(self) -> str:
        has = f"{self.found} is installed" if self.found else "it is not installed"
        return f"{self.id} needs {self.requirement}, but {has}"


_id = lru_cache(maxsize=65536)(canonicalize_name)


@lru_cache(maxsize=65536)
def parsed(text: str) -> Requirement | None:
    """Return the requirement that `text` spells (PEP 508), None if it spells none."""
    try:
        requirement = Requirement(text)
        requirement.specifier.contains("0", prereleases=True)  # a number too long to be read
        return requirement
    except (InvalidRequirement, ValueError, RecursionError):
        return None


def readable(installed: Installed) -> dict[Id, Distribution]:
    """Leave out what cannot be read."""
    return {id: d for id, d in installed.items() if isinstance(d, Distribution)}


def versions(installed: Installed) -> dict[Id, Version]:
    """Return the version of each readable distribution."""
    return {id: d.version for id, d in readable(installed).items()}


def fingerprint(installed: Installed, stamps: Mapping[str, str] | None = None) -> str:
    """Return a text that differs whenever something was installed, removed or replaced.

    A line for each distribution, so that `moved_since` can name it. `stamps` are more texts to
    compare, by what they stand for: `a file of pandas`.
    """
    lines = [
        f"{id}\t{found.version if isinstance(found, Distribution) else '?'}\t{_facts(found)}"
        for id, found in sorted(installed.items())
    ]
    lines += [f"{label}\t\t{_digest(text)}" for label, text in sorted((stamps or {}).items())]
    return "\n".join(lines)


def moved_since(
    before: str, installed: Installed, stamps: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Say what differs from a fingerprint; nothing, if it is still the same."""
    now = fingerprint(installed, stamps)
    if now == before:
        return ()
    old, new = _lines(before), _lines(now)
    said = []
    for key in sorted({*old, *new}, key=lambda key: (" " in key, key)):
        (had, mark), (has, other) = old.get(key, ("", "")), new.get(key, ("", ""))
        if (had, mark) != (has, other):
            said.append(_difference(key, had, has, installed.get(canonicalize_name(key))))
    return tuple(said) or ("it was read by another version of pkgwidgets",)


def _lines(text: str) -> dict[str, tuple[str, str]]:
    rows = (line.split("\t") for line in text.split("\n"))
    return {row[0]: (row[1], row[2]) for row in rows if len(row) == 3}


def _difference(key: str, had: str, has: str, now: Distribution | Unreadable | None) -> str:
    if not had and not has:
        return f"{key} changed"
    if isinstance(now, Unreadable):
        return f"{key} cannot be read: {now.reason}"
    if had == has and isinstance(now, Distribution) and now.origin is not Origin.INDEX:
        return f"{key} came from elsewhere since: {now.origin}"
    if had == has:
        return f"{key} {has} was installed again, or what is recorded of it was edited"
    return f"{key} is {has or 'not installed'}, not {had or 'absent'}".replace(
        "not ?", "unreadable"
    )


def _facts(found: Distribution | Unreadable) -> str:
    if isinstance(found, Unreadable):
        return _digest(f"{found.path} {found.reason}")
    where = f"{found.path} {found.origin} {found.location} {found.installer}"
    return _digest(f"{where} {found.installed} {found.requested} {' '.join(found.requires)}")


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=5).hexdigest()


def applied(installed: Mapping[Id, Version], changes: Iterable[Change]) -> dict[Id, Version]:
    """Return the versions after `changes`."""
    after = dict(installed)
    for change in changes:
        after.pop(change.id, None)
        if change.after is not None:
            after[change.id] = change.after
    return after


def differences(expected: Mapping[Id, Version], found: Mapping[Id, Version]) -> tuple[str, ...]:
    """Name what differs between two installed sets, in the order of names."""
    said = []
    for id in sorted({*expected, *found}):
        want, have = expected.get(id), found.get(id)
        if want != have:
            said.append(f"{id} is {have or 'not installed'}, not {want or 'absent'}")
    return tuple(said)


def needs(installed: Installed, markers: Mapping[str, str]) -> dict[Id, tuple[Requirement, ...]]:
    """Return what each distribution requires in this environment.

    An extra counts if an installed distribution asks for it; which extras a person once asked for
    is recorded nowhere.
    """
    distributions = readable(installed)
    applies = _Applies.here(tuple(sorted(markers.items())))
    found: dict[Id, list[Requirement]] = {id: [] for id in distributions}
    asked: set[tuple[Id, str]] = set()
    todo = [(id, "") for id in distributions]
    while todo:
        id, extra = todo.pop()
        if id not in distributions or (id, extra) in asked:
            continue
        asked.add((id, extra))
        for text in distributions[id].requires:
            requirement = applies.adds(text, extra)
            if requirement is not None:
                found[id].append(requirement)
                target = _id(requirement.name)
                todo += [(target, _id(each)) for each in requirement.extras]
    return {id: tuple(requirements) for id, requirements in found.items()}


_EXTRA = re.compile(r"""\bextra\s*==\s*(["'])([A-Za-z0-9._-]+)\1""")

_OR = re.compile(r"\bor\b")


def _is_ruled_out(text: str, extra: str) -> bool:
    """Tell whether a requirement plainly belongs to another extra: most do, and are not parsed.

    Plainly: its marker says `extra == "…"` and no `or`, so that it holds for that extra alone.
    """
    _, _, marker = text.partition(";")
    if "extra" not in marker or _OR.search(marker):
        return False
    named = _EXTRA.search(marker)
    return named is not None and _id(named[2]) != extra


class _Applies:
    """Which requirements count in one marker environment; each text is evaluated once."""

    def __init__(self, markers: Mapping[str, str]) -> None:
        self._markers = markers
        self._known: dict[tuple[str, str], Requirement | None] = {}

    @classmethod
    @lru_cache(maxsize=8)
    def here(cls, markers: tuple[tuple[str, str], ...]) -> _Applies:
        """Return the one for these markers; a process sees few."""
        return cls(dict(markers))

    def adds(self, text: str, extra: str) -> Requirement | None:
        """Return the requirement if the extra adds it; "" is the distribution itself."""
        try:
            return self._known[text, extra]
        except KeyError:
            if _is_ruled_out(text, extra):
                return self._known.setdefault((text, extra), None)
            requirement = parsed(text)
            if requirement is not None and not self._counts(requirement, extra):
                requirement = None
            return self._known.setdefault((text, extra), requirement)

    def _counts(self, requirement: Requirement, extra: str) -> bool:
        # What counts without the extra is not added by it.
        return self._holds(requirement, extra) and not (extra and self._holds(requirement, ""))

    def _holds(self, requirement: Requirement, extra: str) -> bool:
        if requirement.marker is None:
            return True
        try:
            return requirement.marker.evaluate({**self._markers, "extra": extra})
        except (UndefinedComparison, UndefinedEnvironmentName, ValueError):
            return False


def satisfies(requirement: Requirement, version: Version | None) -> bool:
    """Tell whether an installed version meets a requirement; a URL is met by any version."""
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def unmet(required: Needs, installed: Mapping[Id, Version]) -> frozenset[Unmet]:
    """Return every requirement that these versions do not satisfy."""
    missing = set()
    for id, requirements in required.items():
        for requirement in requirements:
            target = _id(requirement.name)
            version = installed.get(target)
            if not satisfies(requirement, version):
                missing.add(Unmet(id, plain(requirement), str(version) if version else None))
    return frozenset(missing)


def plain(requirement: Requirement) -> str:
    """Return the requirement without its marker, which has been evaluated."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}{requirement.specifier}"


def constraints(required: Needs) -> dict[Id, dict[Id, list[Requirement]]]:
    """Return, of each project, who requires what of it: the same facts from the other end."""
    found: dict[Id, dict[Id, list[Requirement]]] = {}
    for owner, requirements in required.items():
        for requirement in requirements:
            target = _id(requirement.name)
            if target != owner:
                found.setdefault(target, {}).setdefault(owner, []).append(requirement)
    return found


def forbidding(
    id: Id, version: Version, owners: Mapping[Id, Sequence[Requirement]]
) -> dict[Id, str]:
    """Return which owners of requirements forbid `version`, with the part that does."""
    found: dict[Id, str] = {}
    for owner, requirements in owners.items():
        forbids = {
            str(specifier)
            for requirement in requirements
            if not requirement.specifier.contains(version, prereleases=True)
            for specifier in requirement.specifier
            if not specifier.contains(version, prereleases=True)
        }
        if forbids:
            found[owner] = f"{id}{','.join(sorted(forbids))}"
    return found


def blockers(id: Id, version: Version, required: Needs) -> dict[Id, str]:
    """Return who forbids `version` of `id`, with the part of its requirement that does."""
    return forbidding(id, version, constraints(required).get(id, {}))


def dependencies(ids: Collection[Id], required: Needs) -> frozenset[Id]:
    """Return what these depend on, directly or not, themselves left out unless needed by others."""
    found: set[Id] = set()
    todo = list(ids)
    while todo:
        for requirement in required.get(todo.pop(), ()):
            target = _id(requirement.name)
            if target not in found:
                found.add(target)
                todo.append(target)
    return frozenset(found)


def dependents(ids: Collection[Id], required: Needs) -> tuple[Id, ...]:
    """Return what directly depends on any of these, in the order of names."""
    wanted = set(ids)
    return tuple(
        sorted(
            owner
            for owner, requirements in required.items()
            if owner not in wanted
            and any(_id(requirement.name) in wanted for requirement in requirements)
        )
    )


def restart_verdict(changes: Sequence[Change], loaded: Collection[Id]) -> Restart:
    """Tell whether a kernel that has these loaded must restart to use what is installed."""
    stale = tuple(c.name for c in changes if c.before is not None and c.id in loaded)
    return Restart(needed=bool(stale), loaded=stale)
