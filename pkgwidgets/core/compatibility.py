"""Which wheels and releases fit an interpreter (PEP 425, PEP 427, PEP 503)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from packaging.specifiers import SpecifierSet
from packaging.utils import (
    BuildTag,
    InvalidWheelFilename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from pkgwidgets.core.versions import admits, may_be_newest

from .environment import Interpreter
from .releases import Release, Wheel

_ORDERED_WILDCARD = re.compile(r"((?:[<>]=?|~=)\s*[\d.]*\d)\.\*", re.ASCII)
"""An ordered comparison with a wildcard, which PEP 440 does not know."""
_NO_PYTHON = SpecifierSet("<0.dev0")


@lru_cache(maxsize=16)
def _tag_ranks(tags: tuple[str, ...]) -> dict[str, int]:
    return {tag: rank for rank, tag in enumerate(tags)}


def compatible_wheels(release: Release, interpreter: Interpreter) -> tuple[Wheel, ...]:
    """Return the wheels of `release` that fit the interpreter, best first.

    By their tags (PEP 425) and by what they say of the Python that they need (PEP 503).
    """
    ranks = _tag_ranks(interpreter.tags)
    ranked = []
    for wheel in release.wheels:
        best = _tag_rank(wheel.filename, ranks)
        if best is not None and _supports_python(wheel, interpreter):
            ranked.append((-best, _build_tag(wheel.filename), wheel))
    # PEP 427: of the same tag the higher build number wins, and any wins over none.
    ranked.sort(key=lambda row: row[:2], reverse=True)
    return tuple(wheel for *_, wheel in ranked)


def _tag_rank(filename: str, ranks: Mapping[str, int]) -> int | None:
    """Return the best rank of a wheel's tags, None if none fits (PEP 425, PEP 427).

    The tags are looked up as text first: of a large release most wheels are for other machines,
    and parsing their names would take longer than anything else here.
    """
    parts = filename.removesuffix(".whl").rsplit("-", 3)
    if len(parts) != 4 or not filename.endswith(".whl"):
        return None
    pythons, abis, platforms = (part.split(".") for part in parts[1:])
    known = [
        ranks[tag]
        for platform in platforms
        for abi in abis
        for python in pythons
        if (tag := f"{python}-{abi}-{platform}".lower()) in ranks
    ]
    return min(known) if known and _is_wheel(filename) else None


@lru_cache(maxsize=16384)
def _is_wheel(filename: str) -> bool:
    try:
        parse_wheel_filename(filename)
    except (InvalidWheelFilename, InvalidVersion, ValueError):
        return False
    return True


def _build_tag(filename: str) -> BuildTag:
    return parse_wheel_filename(filename)[2]


def is_for_other_pythons(release: Release, interpreter: Interpreter) -> bool:
    """Tell whether wheels of a final release fit by their tags, and none runs on this Python."""
    ranks = _tag_ranks(interpreter.tags)
    tagged = [wheel for wheel in release.wheels if _tag_rank(wheel.filename, ranks) is not None]
    return (
        bool(tagged)
        and not release.version.is_prerelease  # to name one would admit it
        and not any(_supports_python(wheel, interpreter) for wheel in tagged)
    )


def has_compatible_wheel(release: Release, interpreter: Interpreter) -> bool:
    """Tell whether any wheel of `release` fits: as `fitting_wheels`, without ranking them."""
    ranks = _tag_ranks(interpreter.tags)
    return any(
        _tag_rank(wheel.filename, ranks) is not None and _supports_python(wheel, interpreter)
        for wheel in release.wheels
    )


def _supports_python(wheel: Wheel, interpreter: Interpreter) -> bool:
    requires = wheel.requires_python
    return requires is None or admits(requires, _python(interpreter.version))


_python = lru_cache(maxsize=16)(Version)


def is_eligible(release: Release, interpreter: Interpreter) -> bool:
    """Tell whether `release` can be installed: it is not yanked, and a wheel of it fits."""
    return not release.yanked and has_compatible_wheel(release, interpreter)


def why_no_release(releases: Sequence[Release]) -> str:
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
def parse_requires_python(text: str | None) -> SpecifierSet | None:
    """Read `requires-python` (PEP 345) as uv does: `>=3.6.*` is common and means `>=3.6`.

    A file that says what cannot be read is offered to no Python.
    """
    if not text:
        return None
    try:
        return SpecifierSet(_ORDERED_WILDCARD.sub(r"\1", text))
    except ValueError:  # no specifier, or a number too long to be read
        return _NO_PYTHON


def eligible_releases(
    releases: Iterable[Release],
    interpreter: Interpreter,
    *,
    installed: Version | None = None,
) -> Iterable[Release]:
    """Yield the releases that count as newest, from the newest down.

    Pre-releases count only if the installed version is one. Lazy: of a large project few files
    are looked at if only the first is taken.
    """
    for release in sorted(releases, key=lambda release: release.version, reverse=True):
        if may_be_newest(release.version, installed) and is_eligible(release, interpreter):
            yield release
