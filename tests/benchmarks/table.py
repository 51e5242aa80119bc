"""The table of all benchmarks: one row a promise, each a ratio of one paired run.

A module of benchmarks is a group. It has `rows(pairs)`, which measures its rows, and `profile()`,
which returns as text what takes the processor's time that is left. `all.py` names the modules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal, Protocol

from measure import Cost

Against = Literal["before", "peer", "half"]
"""The earlier build, the peer (uv or Python), or ours with half of the distributions."""
Part = Literal["seconds", "processor", "memory"]
UNITS: Mapping[Part, str] = {"seconds": "s", "processor": "s cpu", "memory": "MiB"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One promise: medians of each side, and the median of the ratios within a pair."""

    what: str
    ours: float
    before: float | None
    peer: float | None
    unit: str
    ratio: float
    aim: float
    against: Against

    @property
    def is_hit(self) -> bool:
        """Whether the aim is reached."""
        return self.ratio <= self.aim


class Group(Protocol):
    """A module of benchmarks."""

    def rows(self, pairs: int) -> list[Row]:
        """Measure the rows, each in so many pairs."""
        ...

    def profile(self) -> str:
        """Return the functions that take most processor seconds in pkgwidgets."""
        ...


def row(
    what: str, costs: Mapping[str, Sequence[Cost]], *, part: Part, against: Against, aim: float
) -> Row:
    """Return a row of what `measure.paired` measured, with the sides `ours` and `against`.

    Args:
        what: the name of the row.
        costs: the costs of each side, in the order of the pairs: `ours`, `before`, `peer`, `half`.
        part: what is compared: wall time, processor time or peak memory.
        against: the side that ours is divided by.
        aim: the largest ratio that is a hit.
    """
    values = {side: [getattr(cost, part) for cost in found] for side, found in costs.items()}
    pairs = zip(values["ours"], values[against], strict=True)
    before = values.get("half" if against == "half" else "before")
    return Row(
        what=what,
        ours=median(values["ours"]),
        before=median(before) if before else None,
        peer=median(values["peer"]) if "peer" in values else None,
        unit=UNITS[part],
        ratio=median(ours / other for ours, other in pairs),
        aim=aim,
        against=against,
    )


def lines(rows: Iterable[Row]) -> list[str]:
    """Return the table as lines of text."""
    head = f"{'':58}{'ours':>9}{'before':>9}{'peer':>9}  {'unit':6}{'ratio':>7}{'aim':>7}  over"
    return [head, *map(_line, rows)]


def _line(row: Row) -> str:
    figures = "".join(map(_figure, (row.ours, row.before, row.peer)))
    verdict = "hit" if row.is_hit else "MISS"
    return (
        f"{row.what:58}{figures}  {row.unit:6}{row.ratio:7.3f}{row.aim:7.2f}"
        f"  {row.against:7}{verdict}"
    )


def _figure(value: float | None) -> str:
    return f"{'' if value is None else f'{value:.3f}':>9}"
