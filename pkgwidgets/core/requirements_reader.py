"""Read a requirements file as a lock: exact versions and addresses, and nothing beside them.

Source: https://pip.pypa.io/en/stable/reference/requirements-file-format/.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from .errors import LockUnreadable, shown
from .lock import Lock, LockedPackage
from .names import is_name

_MAX_LINES = 100_000
_COMMENT = re.compile(r"(^|\s+)#.*$")
_CONTINUED = re.compile(r"\\\r?\n")
_HASH = re.compile(r"\s--hash(?:=|\s+)(\S+)")
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_EDITABLE = re.compile(r"(?:-e|--editable)[\s=]")
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)")
_PYTHON = re.compile(r"# .*\bof Python (\d+\.\d+\.\d+)")
_PLAIN = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?)"
    r"==(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*)"
    r"(?P<hashes>(?: +--hash=sha256:[0-9a-fA-F]{64})*)"
)
"""A line as locks mostly have it: it is read in a tenth of the time."""


def read_requirements(text: str, source: str, markers: Mapping[str, str] | None = None) -> Lock:
    """Return the exact versions in a requirements file; `source` is what errors call it.

    With `markers`, the environment of an interpreter, lines for other environments are left out.
    A direct reference has no version, nor has an editable one whose address has its name, as
    `#egg=pea`. Other editable ones are in `left_out`. Raises `LockUnreadable` for an option, a
    nested file, a version that is not exact, an invalid hash, and a name listed twice.
    """
    if "\0" in text or text.count("\n") > _MAX_LINES:
        raise LockUnreadable(source, "it is not a requirements file")
    packages: dict[NormalizedName, LockedPackage] = {}
    left_out = []
    joined = _CONTINUED.sub(" \v", text)  # \v keeps the count of lines
    number = 1
    for raw in joined.split("\n"):
        line = raw.replace("\v", "").strip()
        if "#" in line:
            line = _COMMENT.sub("", line).strip()
        reader = _LineReader(source, number)
        number += 1 + raw.count("\v")
        if not line:
            continue
        package = (
            _editable_package(line) if _EDITABLE.match(line) else reader.package(line, markers)
        )
        if package is None:
            left_out.append(f"line {reader.number} is editable")
        elif package.marker != _ELSEWHERE:
            if package.name in packages:
                reader.fail(f"{package.name} is listed twice")
            packages[package.name] = package
    python = _PYTHON.match(text)
    return Lock(
        packages=tuple(packages[name] for name in sorted(packages)),
        python=python[1] if python else "",
        left_out=tuple(left_out),
    )


def _plain_package(line: str) -> LockedPackage | None:
    """Return the package of a line with a name, an exact version and hashes; else None."""
    match = _PLAIN.fullmatch(line)
    if match is None:
        return None
    try:
        version = Version(match["version"])
    except ValueError:  # the long way says what is wrong
        return None
    return LockedPackage(
        name=canonicalize_name(match["name"]),
        version=version,
        hashes=tuple(_DIGEST.findall(match["hashes"].lower())),
    )


def _editable_package(line: str) -> LockedPackage | None:
    """Return the package of an editable line whose address has its name; else None."""
    match = _EGG.search(line)
    if match is None or not is_name(match[1]):
        return None
    return LockedPackage(name=canonicalize_name(match[1]))


_ELSEWHERE = "\0"
"""The marker of a package that another environment needs."""


class _LineReader:
    def __init__(self, source: str, number: int) -> None:
        self._source = source
        self.number = number

    def fail(self, reason: str) -> NoReturn:
        """Raise `LockUnreadable` for this line."""
        raise LockUnreadable(self._source, f"line {self.number}: {reason}") from None

    def package(self, line: str, markers: Mapping[str, str] | None) -> LockedPackage:
        """Return the package of a line; one at an address has no version."""
        plain = _plain_package(line)
        if plain is not None:
            return plain
        hashes = tuple(self._digest(text) for text in _HASH.findall(line))
        requirement = self._requirement(_HASH.sub("", line).strip())
        marker = requirement.marker
        return LockedPackage(
            name=canonicalize_name(requirement.name),
            version=None if requirement.url is not None else self._version(requirement),
            marker=_ELSEWHERE if marker and markers and not self._applies(marker, markers) else "",
            hashes=hashes,
        )

    def _requirement(self, text: str) -> Requirement:
        if text.startswith("-") or re.search(r"\s--?[a-z]", text):
            self.fail(f"{shown(text)} has an option; a lock has packages only")
        try:
            requirement = Requirement(text)
        except (InvalidRequirement, ValueError, RecursionError):
            self.fail(f"{shown(text)} is not a requirement")
        if not is_name(requirement.name) or len(requirement.name) > 100:
            self.fail(f"{shown(requirement.name)} is not a valid name")
        return requirement

    def _version(self, requirement: Requirement) -> Version:
        specifiers = list(requirement.specifier)
        is_exact = len(specifiers) == 1 and specifiers[0].operator in ("==", "===")
        if not is_exact or specifiers[0].version.endswith(".*"):
            self.fail(f"{shown(str(requirement))} is not an exact version, such as pea==1.0")
        try:
            return Version(specifiers[0].version)
        except (InvalidVersion, ValueError):
            self.fail(f"{shown(specifiers[0].version)} is not a valid version")

    def _applies(self, marker: Marker, markers: Mapping[str, str]) -> bool:
        try:
            return marker.evaluate({**markers, "extra": ""})
        except Exception:  # `packaging` raises several kinds for what it cannot compare
            self.fail(f"the marker {shown(str(marker))} cannot be evaluated")

    def _digest(self, text: str) -> str:
        if not _SHA256.fullmatch(text.lower()):
            self.fail(f"{shown(text)} is not a sha256; other hashes are not accepted")
        return text.lower().removeprefix("sha256:")
