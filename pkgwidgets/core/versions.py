"""Versions and names: what is valid, what is newer, what counts as an update."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import (
    BuildTag,
    InvalidWheelFilename,
    canonicalize_name,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from .distributions import Id, Interpreter
from .errors import InvalidRequest
from .packages import Bump
from .releases import Release, Wheel

# PEP 508's name, in plain ASCII: with IGNORECASE the dotless and the Kelvin letters would slip in.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_LONGEST_NAME = 100
_LONGEST_VERSION = 200
_STAR = re.compile(r"((?:[<>]=?|~=)\s*[\d.]*\d)\.\*", re.ASCII)
"""An ordered comparison with a wildcard, which PEP 440 does not know."""
_NO_PYTHON = SpecifierSet("<0.dev0")
_NEWEST = "leave the version out to get the newest"


def checked_name(text: object) -> Id:
    """Return the normalised name (PEP 503) of `text`, or raise `InvalidRequest` (PEP 508 names)."""
    if not isinstance(text, str) or len(text) > _LONGEST_NAME or not _NAME.fullmatch(text):
        raise InvalidRequest("name", text)
    return canonicalize_name(text)


def is_name(text: str) -> bool:
    """Tell whether a project can be called so (PEP 508), however long."""
    return _NAME.fullmatch(text) is not None


def checked_version(text: object) -> Version:
    """Return the PEP 440 version that `text` spells, or raise `InvalidRequest` with the text."""
    if isinstance(text, Version):
        return text
    if not isinstance(text, str) or len(text) > _LONGEST_VERSION or not text.isascii():
        raise InvalidRequest("version", text)
    try:
        return Version(text)
    except InvalidVersion:
        raise InvalidRequest("version", text, _NEWEST if text == "latest" else "") from None


def checked_requirement(text: object) -> Requirement:
    """Return the requirement that `text` spells: a name, extras and versions (PEP 508).

    Raises `InvalidRequest` also for a URL and for a marker: both would make the plan depend on
    something that is not shown.
    """
    if not isinstance(text, str) or len(text) > 10 * _LONGEST_NAME or not text.isascii():
        raise InvalidRequest("requirement", text)
    try:
        requirement = Requirement(text)
    except (InvalidRequirement, ValueError, RecursionError):
        raise InvalidRequest("requirement", text) from None
    checked_name(requirement.name)
    for specifier in requirement.specifier:
        if specifier.operator == "===":  # compares text: anything may follow it
            checked_version(specifier.version)
    if requirement.url is not None or requirement.marker is not None or "\n" in text:
        raise InvalidRequest("requirement", text, "a name and versions are wanted, as in polars>=1")
    return requirement


def checked_names(names: object) -> tuple[Id, ...]:
    """Return the normalised names of one text or of several, each once."""
    return tuple(dict.fromkeys(map(checked_name, _given("name", names))))


def checked_requirements(requirements: object) -> Mapping[str, Requirement]:
    """Return the requirements that one text spells, or several, by how they are written."""
    checked = map(checked_requirement, _given("requirement", requirements))
    return {str(each): each for each in checked}


def _given(field: str, said: object) -> tuple[object, ...]:
    given: tuple[object, ...] = (said,)
    if isinstance(said, Iterable) and not isinstance(said, str | bytes):
        given = tuple(said)
    if not given:
        raise InvalidRequest(field, None, f"no {field} was given")
    return given


def compare_versions(a: str, b: str) -> int:
    """Return -1, 0 or 1 as `a` is older than, equal to or newer than `b`, by PEP 440.

    Raises `InvalidRequest`, which quotes the text, for what is no version.

    >>> compare_versions("1.0rc1", "1.0")
    -1
    >>> compare_versions("1.0", "1.0.0")
    0
    """
    left, right = checked_version(a), checked_version(b)
    return (left > right) - (left < right)


def bump(before: Version, after: Version) -> Bump:
    """Tell how large the step between two versions is."""
    if before.epoch != after.epoch:
        return Bump.MAJOR
    old, new = ((*version.release, 0, 0, 0)[:3] for version in (before, after))
    for size, left, right in zip((Bump.MAJOR, Bump.MINOR, Bump.PATCH), old, new, strict=True):
        if left != right:
            return size
    return Bump.OTHER


@lru_cache(maxsize=16)
def _tag_ranks(tags: tuple[str, ...]) -> dict[str, int]:
    return {tag: rank for rank, tag in enumerate(tags)}


def fitting_wheels(release: Release, interpreter: Interpreter) -> tuple[Wheel, ...]:
    """Return the wheels of `release` that fit the interpreter, best first.

    By their tags (PEP 425) and by what they say of the Python that they need (PEP 503).
    """
    ranks = _tag_ranks(interpreter.tags)
    ranked = []
    for wheel in release.wheels:
        best = _rank(wheel.filename, ranks)
        if best is not None and _runs_on(wheel, interpreter):
            ranked.append((-best, _build(wheel.filename), wheel))
    # PEP 427: of the same tag the higher build number wins, and any wins over none.
    ranked.sort(key=lambda row: row[:2], reverse=True)
    return tuple(wheel for *_, wheel in ranked)


def _rank(filename: str, ranks: Mapping[str, int]) -> int | None:
    """Return the best rank of a wheel's tags, None if none fits (PEP 425, PEP 427).

    The tags are looked up as text first: of a large release most wheels are for other machines,
    and parsing their names would take longer than anything else here.
    """
    parts = filename.removesuffix(".whl").rsplit("-", 3)
    if len(parts) != 4 or not filename.endswith(".whl"):
        return None
    pythons, abis, platforms = (part.split(".") for part in parts[1:])
    found = [
        ranks[tag]
        for platform in platforms
        for abi in abis
        for python in pythons
        if (tag := f"{python}-{abi}-{platform}".lower()) in ranks
    ]
    return min(found) if found and _is_wheel(filename) else None


@lru_cache(maxsize=16384)
def _is_wheel(filename: str) -> bool:
    try:
        parse_wheel_filename(filename)
    except (InvalidWheelFilename, InvalidVersion, ValueError):
        return False
    return True


def _build(filename: str) -> BuildTag:
    return parse_wheel_filename(filename)[2]


def is_for_other_pythons(release: Release, interpreter: Interpreter) -> bool:
    """Tell whether wheels of a final release fit by their tags, and none runs on this Python."""
    ranks = _tag_ranks(interpreter.tags)
    tagged = [wheel for wheel in release.wheels if _rank(wheel.filename, ranks) is not None]
    return (
        bool(tagged)
        and not release.version.is_prerelease  # to name one would admit it
        and not any(_runs_on(wheel, interpreter) for wheel in tagged)
    )


def is_fitting(release: Release, interpreter: Interpreter) -> bool:
    """Tell whether any wheel of `release` fits: as `fitting_wheels`, without ranking them."""
    ranks = _tag_ranks(interpreter.tags)
    return any(
        _rank(wheel.filename, ranks) is not None and _runs_on(wheel, interpreter)
        for wheel in release.wheels
    )


def _runs_on(wheel: Wheel, interpreter: Interpreter) -> bool:
    wanted = wheel.requires_python
    return wanted is None or admits(wanted, _python(interpreter.version))


_python = lru_cache(maxsize=16)(Version)


def admits(specifiers: SpecifierSet, version: Version) -> bool:
    """Tell whether a version is meant, pre-releases too; what cannot be compared admits none."""
    try:
        return specifiers.contains(version, prereleases=True)
    except ValueError:  # a number too long to be read
        return False


def is_eligible(release: Release, interpreter: Interpreter) -> bool:
    """Tell whether `release` can be installed: it is not yanked, and a wheel of it fits."""
    return not release.yanked and is_fitting(release, interpreter)


def why_none(releases: Sequence[Release]) -> str:
    """Say why none of these releases counts as newest."""
    if not releases:
        return "the index lists no release of it"
    live = [release for release in releases if not release.yanked]
    if not live:
        return "all its releases are yanked"
    if all(release.version.is_prerelease for release in live):
        return "it has only pre-releases"
    return "no release of it fits this Python"


@lru_cache(maxsize=4096)
def specifier(text: str | None) -> SpecifierSet | None:
    """Read `requires-python` (PEP 345) as uv does: `>=3.6.*` is common and means `>=3.6`.

    A file that says what cannot be read is offered to no Python.
    """
    if not text:
        return None
    try:
        return SpecifierSet(_STAR.sub(r"\1", text))
    except ValueError:  # no specifier, or a number too long to be read
        return _NO_PYTHON


def may_be_newest(version: Version, installed: Version | None) -> bool:
    """Tell whether a version may count as newest: a pre-release only where one is installed."""
    return not version.is_prerelease or (installed is not None and installed.is_prerelease)


def eligible_releases(
    releases: Iterable[Release],
    interpreter: Interpreter,
    *,
    installed: Version | None = None,
    prereleases: bool = False,
) -> Iterable[Release]:
    """Yield the releases that count as newest, from the newest down.

    Pre-releases count only if asked for or if the installed version is one. Lazy: of a large
    project few files are looked at by who takes the first.
    """
    for release in sorted(releases, key=lambda release: release.version, reverse=True):
        wanted = prereleases or may_be_newest(release.version, installed)
        if wanted and is_eligible(release, interpreter):
            yield release
