"""Compare the verdicts of a rehearsal with the truth: the only place that names verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rehearsal_truth.truth import BROKEN, Truth, TruthNotebook

from pkgwidgets.analysis.run_comparison import Rehearsal, Verdict

NOT_TRIED = Verdict.UNTRIED
"""The verdict for a cell that fails without the upgrade, too."""

_BLAMED = {Verdict.BROKEN: Truth.BREAKS, Verdict.DIFFERENT: Truth.CHANGES}
_UNBLAMED = {Verdict.SAME, Verdict.FLAKY, Verdict.WARNS, Verdict.SLOWER}
"""A slow machine and a new deprecation are no regressions."""

RIGHT_VERDICTS: dict[Truth, set[Verdict]] = {
    Truth.SAME: _UNBLAMED,
    Truth.NOISE: _UNBLAMED,
    Truth.BREAKS: {Verdict.BROKEN},
    Truth.CHANGES: {Verdict.DIFFERENT},
    Truth.UNTRIED: {NOT_TRIED},
    Truth.FAILS_DIFFERENTLY: {NOT_TRIED, Verdict.BROKEN},
    Truth.FIXED: {Verdict.FIXED},
}
_SIGNS = {
    **dict.fromkeys(_UNBLAMED, Truth.SAME),
    Verdict.FLAKY: Truth.NOISE,
    **_BLAMED,
    NOT_TRIED: Truth.UNTRIED,
    Verdict.FIXED: Truth.FIXED,
}


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A notebook, the verdicts of its rehearsal, and the seconds that the rehearsal took."""

    notebook: TruthNotebook
    verdicts: tuple[Verdict, ...]
    passed: bool
    seconds: float = 0.0

    @property
    def is_right(self) -> bool:
        """Whether each verdict agrees with the truth."""
        return all(
            verdict in RIGHT_VERDICTS[cell.truth]
            for cell, verdict in zip(self.notebook.cells, self.verdicts, strict=True)
        )

    @property
    def is_missed(self) -> bool:
        """Whether the upgrade breaks the notebook, and the rehearsal passed all the same."""
        return self.notebook.is_broken and self.passed

    @property
    def is_false_alarm(self) -> bool:
        """Whether a cell is blamed on the upgrade that the upgrade does not break."""
        innocent = set(Truth) - BROKEN - {Truth.FAILS_DIFFERENTLY}
        return any(
            verdict in _BLAMED and cell.truth in innocent
            for cell, verdict in zip(self.notebook.cells, self.verdicts, strict=True)
        )

    @property
    def untried_count(self) -> int:
        """The number of cells that could not be tried."""
        return self.verdicts.count(NOT_TRIED)

    @property
    def unblamed_count(self) -> int:
        """The number of cells that the upgrade breaks or changes without being blamed."""
        return sum(
            cell.truth in BROKEN and verdict not in _BLAMED
            for cell, verdict in zip(self.notebook.cells, self.verdicts, strict=True)
        )

    @property
    def truth_signs(self) -> str:
        """One sign for each cell: what is true."""
        return "".join(cell.truth for cell in self.notebook.cells)

    @property
    def verdict_signs(self) -> str:
        """One sign for each cell: the verdict."""
        return "".join(_SIGNS[verdict] for verdict in self.verdicts)


def judge(notebook: TruthNotebook, rehearsal: Rehearsal, seconds: float = 0.0) -> Judgement:
    """Return the judgement of a rehearsal; raises `ValueError` if it has other cells."""
    verdicts = tuple(cell.verdict for cell in rehearsal.cells)
    if len(verdicts) != len(notebook.cells):
        raise ValueError(f"{notebook.name}: {len(verdicts)} verdicts, {len(notebook.cells)} cells")
    return Judgement(notebook=notebook, verdicts=verdicts, passed=rehearsal.passed, seconds=seconds)


def head(width: int) -> str:
    """Return the head of the table; `width` is that of the first column, in characters."""
    return f"{'notebook':{width}}  {'truth':10}{'verdicts':10}{'':7}seconds"


def row(judgement: Judgement, width: int) -> str:
    """Return one row of the table."""
    outcome = "right" if judgement.is_right else "WRONG"
    extra = "  a broken one passes" if judgement.is_missed else ""
    extra += "  false alarm" if judgement.is_false_alarm else ""
    return (
        f"{judgement.notebook.name:{width}}  {judgement.truth_signs:10}"
        f"{judgement.verdict_signs:10}{outcome:7}{judgement.seconds:7.1f}{extra}"
    )


def totals(judgements: Sequence[Judgement]) -> str:
    """Return the counts, each in its line."""
    broken = [judgement for judgement in judgements if judgement.notebook.is_broken]
    missed = sum(judgement.is_missed for judgement in judgements)
    alarms = sum(judgement.is_false_alarm for judgement in judgements)
    untried = [judgement.untried_count for judgement in judgements]
    lines = [
        f"{sum(j.is_right for j in judgements)} of {len(judgements)} notebooks are judged right",
        f"{missed} of {len(broken)} broken notebooks would be passed (aim: 0)",
        f"{sum(j.unblamed_count for j in judgements)} broken cells are not blamed (aim: 0)",
        f"{alarms} notebooks with a false alarm (aim: at most 1 in 60)",
        f"{sum(untried)} cells of {sum(map(bool, untried))} notebooks could not be tried",
        f"{sum(judgement.seconds for judgement in judgements):.0f} seconds of rehearsals",
    ]
    return "\n".join(lines)
