"""Summarize a rehearsal: one sentence, and excerpts where two outputs differ.

Excerpts of a cell are short, and their hidden characters are spelled out: they may be hostile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pkgwidgets.analysis.cell_output import mask_versions, sanitize
from pkgwidgets.analysis.notebook_runs import CellRun
from pkgwidgets.analysis.run_comparison import ComparedCell, Rehearsal, Verdict
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.text import count_noun, escape_hidden

MAX_CHARACTERS = 4000
"""Characters of an excerpt, at most."""
_MAX_LEAD_CHARACTERS = 1000
"""Characters before the first difference, at most, in an excerpt of a longer text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """A sentence about a rehearsal, and whether its news is good."""

    kind: Literal["ok", "bad", "unsure"]
    text: str


def changed_cells(rehearsal: Rehearsal) -> tuple[ComparedCell, ...]:
    """Return the cells whose verdict is not `SAME`, in order."""
    return tuple(cell for cell in rehearsal.cells if cell.verdict is not Verdict.SAME)


def summarize(rehearsal: Rehearsal) -> Summary:
    """Return how many cells would break and how many stay the same, as a sentence."""
    kind, headline = _headline(rehearsal)
    same = [cell for cell in rehearsal.cells if cell.verdict is Verdict.SAME]
    tail = f"; {len(same)} would stay the same" if same else ""
    if any(_shows_new_version(cell, rehearsal.plan) for cell in same):
        tail += " but for version numbers"
    notes = "".join(f" {note}" for note in _notes(rehearsal))
    return Summary(kind=kind, text=f"{headline}{tail}. Nothing was changed.{notes}")


def _shows_new_version(cell: ComparedCell, plan: Plan) -> bool:
    """Tell whether outputs that count as the same name the old version, and then the new one."""
    before, after = cell.before.text, cell.after.text
    masks = mask_versions(plan)
    return before != after and sanitize(before, masks) == sanitize(after, masks)


def _notes(rehearsal: Rehearsal) -> Iterator[str]:
    """Yield what notebooks ran without, each with the name of the notebook."""
    for run in rehearsal.before:
        if run.note:
            yield escape_hidden(f"{run.script.notebook.name}: {run.note}")


def source_excerpt(cell: ComparedCell) -> str:
    """Return an excerpt of a cell's source."""
    return _excerpt(cell.before.source, 0)


def output_excerpts(cell: ComparedCell) -> tuple[str, str]:
    """Return excerpts of a cell's outputs before and after that include the first difference.

    They are excerpts of the text if that differs, else of the HTML source, if there is any. Of a
    cell that only took longer they are its times.
    """
    if cell.verdict is Verdict.SLOWER:
        return f"{cell.before.seconds:.1f} s", f"{cell.after.seconds:.1f} s"
    before, after = _output_text(cell.before), _output_text(cell.after)
    if before == after:
        before, after = _html_text(cell.before) or before, _html_text(cell.after) or after
    start = _excerpt_start(before, after)
    return _excerpt(before, start), _excerpt(after, start)


def _headline(rehearsal: Rehearsal) -> tuple[Literal["ok", "bad", "unsure"], str]:
    untried = len(rehearsal.untried)
    cells = count_noun(untried, "cell")
    also = f", {cells} could not be tried" if untried else ""
    if rehearsal.regressions:
        return "bad", f"{_regressions_text(rehearsal)}{also}"
    if untried:
        return "unsure", f"{cells} could not be tried"
    return "ok", "No cell would fail"


def _regressions_text(rehearsal: Rehearsal) -> str:
    """Return how many cells would fail, and how many would have a different output."""
    cells = count_noun(len(rehearsal.cells), "cell")
    failing = sum(cell.is_error for cell in rehearsal.regressions)
    different = len(rehearsal.regressions) - failing
    if not failing:
        return f"{different} of {cells} would have a different output"
    rest = f", {different} would have a different output" if different else ""
    return f"{failing} of {cells} would fail{rest}"


def _output_text(run: CellRun) -> str:
    """Return a cell's outputs as text; HTML without a text form is returned as its source."""
    kinds = {kind for output in run.outputs for kind in output.get("data", {})}
    if "text/html" in kinds and "text/plain" not in kinds:
        return "\n".join(filter(None, [_html_text(run), run.aborted]))
    return run.text


def _html_text(run: CellRun) -> str:
    bundles = (output.get("data", {}) for output in run.outputs)
    return "\n".join(str(bundle["text/html"]) for bundle in bundles if "text/html" in bundle)


def _excerpt_start(before: str, after: str) -> int:
    """Return the index where excerpts begin: 0, or a line shortly before the first difference."""
    pairs = enumerate(zip(before, after, strict=False))
    offset = next((i for i, (old, new) in pairs if old != new), min(len(before), len(after)))
    if (
        before == after
        or max(len(before), len(after)) <= MAX_CHARACTERS
        or offset <= _MAX_LEAD_CHARACTERS
    ):
        return 0
    earliest = offset - _MAX_LEAD_CHARACTERS
    return before.find("\n", earliest, offset) + 1 or earliest


def _excerpt(text: str, start: int) -> str:
    end = start + MAX_CHARACTERS
    part = escape_hidden(text[start:end].replace("\r\n", "\n").replace("\r", "\n"), but="\n\t")
    return f"{'…' if start else ''}{part}{'…' if end < len(text) else ''}"
