"""Which upgrade frees the most packages from what blocks their latest releases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.utils import NormalizedName

from .text import count_noun, shorten_names


@dataclass(frozen=True, kw_only=True, slots=True)
class Unlock:
    """An upgrade of one package that lets others be upgraded further.

    `version` is the one that frees them. `frees` are the packages whose versions the plan brings
    beyond the compatible ones. A plan for `names` upgrades all of them.

    >>> (unlock,) = service.list_unlocks()
    >>> str(unlock)
    'allotboard blocks 1 package: upgrade it to 1.67.0 to free raintable'
    >>> service.plan_upgrade(unlock.names).pins
    ('allotboard==1.67.0', 'raintable==3.1.0')
    """

    name: str
    version: str
    frees: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The packages to upgrade together: the one that blocks, and those that it blocks."""
        return (self.name, *self.frees)

    def __str__(self) -> str:
        blocked = count_noun(len(self.frees), "package")
        freed = shorten_names(self.frees) if len(self.frees) <= 3 else "them"
        return f"{self.name} blocks {blocked}: upgrade it to {self.version} to free {freed}"


def sole_blockers(
    blocked_by: Mapping[NormalizedName, Iterable[NormalizedName]],
) -> list[tuple[NormalizedName, tuple[NormalizedName, ...]]]:
    """Return the packages that alone block others, with these; the ones that block most first.

    `blocked_by` maps each blocked package to all that forbid its latest release.
    """
    blocked: dict[NormalizedName, list[NormalizedName]] = {}
    for name, owners in sorted(blocked_by.items()):
        distinct = set(owners)
        if len(distinct) == 1:
            blocked.setdefault(distinct.pop(), []).append(name)
    rows = [(owner, tuple(names)) for owner, names in blocked.items()]
    return sorted(rows, key=lambda row: (-len(row[1]), row[0]))
