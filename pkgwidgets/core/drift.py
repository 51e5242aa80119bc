"""How the installed packages differ from those of a lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from packaging.utils import NormalizedName
from packaging.version import Version

from .lock import Lock
from .text import count_noun


class Difference(StrEnum):
    """How a package differs from the lock."""

    OTHER_VERSION = "other version"
    NOT_INSTALLED = "not installed"
    NOT_LOCKED = "not in the lock"


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftRow:
    """A package that differs: `locked` is the version of the lock, `installed` the one here.

    Either is None where there is none.
    """

    name: NormalizedName
    locked: Version | None
    installed: Version | None

    @property
    def difference(self) -> Difference:
        """How the package differs."""
        if self.installed is None:
            return Difference.NOT_INSTALLED
        return Difference.NOT_LOCKED if self.locked is None else Difference.OTHER_VERSION


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """What differs from a lock, sorted by name. Falsy if nothing does.

    `locked` is the number of packages in the lock. `source` is what the lock is called.

    >>> export = service.export()
    >>> done = service.upgrade_package("seedshelf")
    >>> str(service.values.drift(export))
    '1 of 11 packages differ from pylock.toml'
    """

    rows: tuple[DriftRow, ...]
    locked: int
    source: str

    def __bool__(self) -> bool:
        return bool(self.rows)

    @property
    def differing(self) -> int:
        """How many packages of the lock differ; what is not in the lock does not count."""
        return sum(row.difference is not Difference.NOT_LOCKED for row in self.rows)

    def __str__(self) -> str:
        added = [row for row in self.rows if row.difference is Difference.NOT_LOCKED]
        differing = self.differing
        text = f"{differing} of {count_noun(self.locked, 'package')} differ from {self.source}"
        verb = "is" if len(added) == 1 else "are"
        return f"{text}, and {len(added)} not in it {verb} installed" if added else text


def find_drift(lock: Lock, installed: Mapping[NormalizedName, Version], source: str) -> Drift:
    """Compare what is installed with a lock, by versions.

    A package that is not of an index has no version in a lock: it counts if it is not installed.
    """
    rows = []
    locked = {package.name: package for package in lock.packages}
    for name in sorted(locked.keys() | installed.keys()):
        package, version = locked.get(name), installed.get(name)
        wanted = None if package is None else package.version
        is_same = version is not None and package is not None and wanted in (None, version)
        if not is_same:
            rows.append(DriftRow(name=name, locked=wanted, installed=version))
    return Drift(rows=tuple(rows), locked=len(locked), source=source)
