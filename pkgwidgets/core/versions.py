"""Check and compare versions (PEP 440)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from .errors import InvalidRequest
from .packages import VersionStep

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

_MAX_VERSION_CHARACTERS = 200
_NEWEST = "leave out the version to get the latest"


def checked_version(text: object) -> Version:
    """Return the PEP 440 version that `text` spells, or raise `InvalidRequest` with the text."""
    if isinstance(text, Version):
        return text
    if not isinstance(text, str) or len(text) > _MAX_VERSION_CHARACTERS or not text.isascii():
        raise InvalidRequest("version", text)
    try:
        return Version(text)
    except InvalidVersion:
        raise InvalidRequest("version", text, _NEWEST if text == "latest" else "") from None


def version_text(version: Version | None) -> str | None:
    """Return the text of a version; None for None."""
    return None if version is None else str(version)


def compare_versions(a: str, b: str) -> int:
    """Return -1, 0 or 1 as `a` is older than, equal to or newer than `b`, by PEP 440.

    Raises `InvalidRequest`, which quotes the text, for an invalid version.

    >>> compare_versions("1.0rc1", "1.0")
    -1
    >>> compare_versions("1.0", "1.0.0")
    0
    """
    left, right = checked_version(a), checked_version(b)
    return (left > right) - (left < right)


def version_step(before: Version, after: Version) -> VersionStep:
    """Return the size of the step between two versions."""
    if before.epoch != after.epoch:
        return VersionStep.MAJOR
    old, new = ((*version.release, 0, 0, 0)[:3] for version in (before, after))
    for size, old_number, new_number in zip(
        (VersionStep.MAJOR, VersionStep.MINOR, VersionStep.PATCH), old, new, strict=True
    ):
        if old_number != new_number:
            return size
    return VersionStep.OTHER


def admits(specifiers: SpecifierSet, version: Version) -> bool:
    """Tell whether specifiers admit a version, pre-releases included; False if incomparable."""
    try:
        return specifiers.contains(version, prereleases=True)
    except ValueError:  # a number with too many digits
        return False
