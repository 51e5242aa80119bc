"""What a rehearsal found, as people are told it: in a sentence, and where two outputs differ.

What is shown of a cell is short, and has no hidden characters: it may be hostile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pkgwidgets.analysis.notebook_runs import CellRun
from pkgwidgets.analysis.output_diff import ComparedCell, Rehearsal, Verdict
from pkgwidgets.core.text import count_noun, escape_hidden

MAX_CHARACTERS = 4000
"""Characters of one text that are shown."""
_MAX_LEAD_CHARACTERS = 1000
"""Characters at most that are shown before the first difference, where the whole is too long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """A sentence, and whether it is a good one."""

    kind: Literal["ok", "bad", "unsure"]
    text: str


def changed_cells(found: Rehearsal) -> tuple[ComparedCell, ...]:
    """Return the cells that are not the same, in their order."""
    return tuple(cell for cell in found.cells if cell.verdict is not Verdict.SAME)


def summarize(found: Rehearsal) -> Summary:
    """Say how many cells would break, and how many stay the same."""
    kind, said = _headline(found)
    same = len(found.cells) - len(changed_cells(found))
    rest = f"; {same} {'stays' if same == 1 else 'stay'} the same" if same else ""
    return Summary(kind=kind, text=f"{said}{rest}. Nothing was changed.")


def source_excerpt(cell: ComparedCell) -> str:
    """Return what is shown of a cell's code."""
    return _excerpt(cell.before.source, 0)


def output_excerpts(cell: ComparedCell) -> tuple[str, str]:
    """Return what is shown of the outputs before and after, the first difference in it.

    As text where that differs, else as HTML if there is any: only a browser would show that.
    """
    before, after = _output_text(cell.before), _output_text(cell.after)
    if before == after:
        before, after = _html(cell.before) or before, _html(cell.after) or after
    start = _excerpt_start(before, after)
    return _excerpt(before, start), _excerpt(after, start)


def _headline(found: Rehearsal) -> tuple[Literal["ok", "bad", "unsure"], str]:
    failing = sum(cell.verdict is Verdict.ALREADY_FAILING for cell in found.cells)
    if found.regressions:
        return (
            "bad",
            f"{len(found.regressions)} of {count_noun(len(found.cells), 'cell')} would break",
        )
    if failing:
        return "unsure", f"{count_noun(failing, 'cell')} cannot be run as it is, either"
    return "ok", "Nothing would break"


def _output_text(run: CellRun) -> str:
    """Return what a cell shows, as text; HTML as it is written where it stands alone."""
    kinds = {kind for output in run.outputs for kind in output.get("data", {})}
    if "text/html" in kinds and "text/plain" not in kinds:
        return "\n".join(filter(None, [_html(run), run.aborted]))
    return run.text


def _html(run: CellRun) -> str:
    data = (output.get("data", {}) for output in run.outputs)
    return "\n".join(str(each["text/html"]) for each in data if "text/html" in each)


def _excerpt_start(before: str, after: str) -> int:
    """Return where to begin: where all is too long, at a line shortly before a difference."""
    pairs = enumerate(zip(before, after, strict=False))
    same = next((n for n, (old, new) in pairs if old != new), min(len(before), len(after)))
    if (
        before == after
        or max(len(before), len(after)) <= MAX_CHARACTERS
        or same <= _MAX_LEAD_CHARACTERS
    ):
        return 0
    return before.find("\n", same - _MAX_LEAD_CHARACTERS, same) + 1 or same - _MAX_LEAD_CHARACTERS


def _excerpt(text: str, start: int) -> str:
    end = start + MAX_CHARACTERS
    part = escape_hidden(text[start:end].replace("\r\n", "\n").replace("\r", "\n"), but="\n\t")
    return f"{'…' if start else ''}{part}{'…' if end < len(text) else ''}"
