"""Which wheels fit an interpreter (PEP 425, PEP 427, PEP 503)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.utils import (
    BuildTag,
    InvalidWheelFilename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from .requirement_text import read_specifiers
from .versions import admits

if TYPE_CHECKING:
    from .environment import Interpreter
    from .releases import Release, Wheel

_NO_PYTHON = SpecifierSet("<0.dev0")


@lru_cache(maxsize=16)
def _tag_ranks(tags: tuple[str, ...]) -> dict[str, int]:
    return {tag: rank for rank, tag in enumerate(tags)}


def compatible_wheels(release: Release, interpreter: Interpreter) -> tuple[Wheel, ...]:
    """Return the wheels of `release` that are compatible with the interpreter, best first.

    Compares their tags (PEP 425) and their requires-python (PEP 503).
    """
    ranks = _tag_ranks(interpreter.tags)
    ranked = []
    for wheel in release.wheels:
        best = _tag_rank(wheel.filename, ranks)
        if best is not None and _supports_python(wheel, interpreter):
            ranked.append((-best, _build_tag(wheel.filename), wheel))
    # PEP 427: for the same tag the higher build number wins, and any build number over none.
    ranked.sort(key=lambda row: row[:2], reverse=True)
    return tuple(wheel for *_, wheel in ranked)


def _tag_rank(filename: str, ranks: Mapping[str, int]) -> int | None:
    """Return the best rank of a wheel's tags; None if none is compatible (PEP 425, PEP 427).

    The tags are looked up as text first. Most wheels of a large release are for other machines,
    and parsing their names would take most of the time.
    """
    parts = filename.removesuffix(".whl").rsplit("-", 3)
    if len(parts) != 4 or not filename.endswith(".whl"):
        return None
    pythons, abis, platforms = (part.split(".") for part in parts[1:])
    matching = [
        ranks[tag]
        for platform in platforms
        for abi in abis
        for python in pythons
        if (tag := f"{python}-{abi}-{platform}".lower()) in ranks
    ]
    return min(matching) if matching and _is_wheel(filename) else None


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
    """Tell whether a final release has wheels with compatible tags, but none for this Python."""
    ranks = _tag_ranks(interpreter.tags)
    tagged = [wheel for wheel in release.wheels if _tag_rank(wheel.filename, ranks) is not None]
    return (
        bool(tagged)
        and not release.version.is_prerelease  # a specifier that names one admits pre-releases
        and not any(_supports_python(wheel, interpreter) for wheel in tagged)
    )


def has_compatible_wheel(release: Release, interpreter: Interpreter) -> bool:
    """Tell whether any wheel of `release` is compatible; as `compatible_wheels`, without ranks."""
    ranks = _tag_ranks(interpreter.tags)
    return any(
        _tag_rank(wheel.filename, ranks) is not None and _supports_python(wheel, interpreter)
        for wheel in release.wheels
    )


def why_incompatible(release: Release, interpreter: Interpreter) -> str:
    """Return why no wheel of a release is compatible, as a predicate: `requires Python>=4`."""
    required = {
        str(w.requires_python) for w in release.wheels if not _supports_python(w, interpreter)
    }
    supporting = [wheel for wheel in release.wheels if _supports_python(wheel, interpreter)]
    if not release.wheels:
        return "has no wheel, and pkgwidgets installs wheels only"
    if supporting:
        return f"has no wheel for this platform and Python {interpreter.version}"
    if str(_NO_PYTHON) in required:
        return "has an invalid Requires-Python"
    versions = " or Python".join(sorted(required))
    return f"requires Python{versions}, but this environment has Python {interpreter.version}"


def _supports_python(wheel: Wheel, interpreter: Interpreter) -> bool:
    requires = wheel.requires_python
    return requires is None or admits(requires, _python(interpreter.version))


_python = lru_cache(maxsize=16)(Version)


def parse_requires_python(text: str | None) -> SpecifierSet | None:
    """Parse `requires-python` (PEP 345) as uv does: `>=3.6.*` is common and means `>=3.6`.

    A text that uv cannot read gives a specifier that no Python meets: uv ignores such a file.
    """
    if not text or not text.strip():
        return None
    specifiers = read_specifiers(text)
    return _NO_PYTHON if specifiers is None else specifiers
