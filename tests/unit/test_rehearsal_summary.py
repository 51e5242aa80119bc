"""The summary of a rehearsal: one sentence, and excerpts of the differing outputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import change_of, plan_of

from pkgwidgets.analysis.notebook_runs import CellRun, NotebookCode, NotebookRun
from pkgwidgets.analysis.run_comparison import ComparedCell, Rehearsal, Verdict
from pkgwidgets.presentation import rehearsal_html, rehearsal_summary
from pkgwidgets.widgets import plan_checks

HOSTILE = "\u202egnp.\x1b[2K\x00\u200b"
SEEN = "\\u202egnp.\\x1b[2K\\x00\\u200b"


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def display(**data: str) -> dict[str, Any]:
    named = {f"text/{name}": text for name, text in data.items()}
    return {"output_type": "display_data", "data": named, "metadata": {}}


def cell(
    before: dict[str, Any],
    after: dict[str, Any],
    verdict: Verdict = Verdict.DIFFERENT,
    *,
    source: str = "x",
) -> ComparedCell:
    old, new = (CellRun(number=1, source=source, outputs=(o,)) for o in (before, after))
    notebook = Path("/n/a.ipynb")
    return ComparedCell(notebook=notebook, number=1, before=old, after=new, verdict=verdict)


def text(before: str, after: str) -> ComparedCell:
    return cell(stream(before), stream(after))


def rehearsal(*verdicts: Verdict) -> Rehearsal:
    cells = tuple(cell(stream("1"), stream("2"), verdict) for verdict in verdicts)
    return Rehearsal(plan=plan_of(), cells=cells)


SAME, BROKEN, UNTRIED, WARNS = Verdict.SAME, Verdict.BROKEN, Verdict.UNTRIED, Verdict.WARNS
DIFFERENT = Verdict.DIFFERENT


def test_summary_says_what_a_notebook_ran_without() -> None:
    notes = {"a\u202e.ipynb": "Only /n was copied: /p holds more than 3 files.", "b.ipynb": ""}
    runs = tuple(
        NotebookRun(
            script=NotebookCode(notebook=Path("/n", name), sources=(), markers=()),
            cells=(),
            note=note,
        )
        for name, note in notes.items()
    )
    summary = rehearsal_summary.summarize(replace(rehearsal(SAME), before=runs, after=runs))
    assert summary.text == (
        "No cell would fail; 1 would stay the same. Nothing was changed. "
        "a\\u202e.ipynb: Only /n was copied: /p holds more than 3 files."
    )


def test_summary_says_that_cells_show_the_new_version() -> None:
    """A user who sees another version in an output must not read that it stays the same."""
    plan = plan_of(change_of("pandas", "2.2.2", "2.3.3"))
    cells = (
        cell(stream("2.2.2"), stream("2.3.3"), Verdict.SAME),
        cell(stream("0x1"), stream("0x2"), Verdict.SAME),
        cell(stream("a"), stream("a"), Verdict.SAME),
    )
    summary = rehearsal_summary.summarize(Rehearsal(plan=plan, cells=cells))
    assert summary.text == (
        "No cell would fail; 3 would stay the same but for version numbers. Nothing was changed."
    )
    others = rehearsal_summary.summarize(Rehearsal(plan=plan, cells=cells[1:]))
    assert others.text == "No cell would fail; 2 would stay the same. Nothing was changed."


@pytest.mark.parametrize(
    ("verdicts", "kind", "sentence"),
    [
        ([], "ok", "No cell would fail"),
        ([SAME], "ok", "No cell would fail; 1 would stay the same"),
        ([SAME, SAME, WARNS], "ok", "No cell would fail; 2 would stay the same"),
        ([BROKEN], "bad", "1 of 1 cell would fail"),
        (
            [SAME, BROKEN, UNTRIED],
            "bad",
            "1 of 3 cells would fail, 1 cell could not be tried; 1 would stay the same",
        ),
        (
            [DIFFERENT, SAME],
            "bad",
            "1 of 2 cells would have a different output; 1 would stay the same",
        ),
        ([BROKEN, DIFFERENT], "bad", "1 of 2 cells would fail, 1 would have a different output"),
        ([SAME, UNTRIED], "unsure", "1 cell could not be tried; 1 would stay the same"),
        ([UNTRIED, UNTRIED], "unsure", "2 cells could not be tried"),
    ],
)
def test_summary_sentence_is_the_same_in_every_interface(
    verdicts: list[Verdict], kind: str, sentence: str
) -> None:
    result = rehearsal(*verdicts)
    summary = rehearsal_summary.summarize(result)
    assert (summary.kind, summary.text) == (kind, f"{sentence}. Nothing was changed.")
    shown = plan_checks.rehearsal_state(result)
    assert (shown["kind"], shown["text"]) == (kind, summary.text)
    assert f">{summary.text}</div>" in rehearsal_html.rehearsal_html(result)


def test_cell_that_took_longer_shows_its_times() -> None:
    cell = text("<table>", "<table>")
    slow = replace(
        cell,
        verdict=Verdict.SLOWER,
        before=replace(cell.before, seconds=0.21),
        after=replace(cell.after, seconds=3.0),
    )
    assert rehearsal_summary.output_excerpts(slow) == ("0.2 s", "3.0 s")


def test_short_output_is_shown_in_full() -> None:
    assert rehearsal_summary.output_excerpts(text("a\n" * 2000, "b")) == ("a\n" * 1999 + "a", "b")


def test_excerpt_of_a_long_output_starts_shortly_before_the_difference() -> None:
    lines = [f"line {number}" for number in range(2000)]
    before, after = rehearsal_summary.output_excerpts(
        text("\n".join(lines), "\n".join([*lines[:1500], "other", *lines[1501:]]))
    )
    first = before.split("\n")[0]
    assert first == after.split("\n")[0]
    assert first.removeprefix("…") in lines[1350:1500]
    assert ("line 1500" in before.split("\n"), "other" in after.split("\n")) == (True, True)
    assert (before[-1], after[-1]) == ("…", "…")
    assert len(before) <= rehearsal_summary.MAX_CHARACTERS + 2


def test_excerpt_of_one_long_line_shows_the_difference() -> None:
    before, after = rehearsal_summary.output_excerpts(
        text("x" * 50_000 + "a", "x" * 50_000 + "b" * 9000)
    )
    assert (before[0], before[-2:]) == ("…", "xa")
    assert (after[0], after[-2:]) == ("…", "b…")


def test_shorter_output_is_shown_to_its_end() -> None:
    before, after = rehearsal_summary.output_excerpts(text("x" * 50_000, "x" * 50_000 + "more"))
    assert (before[-1], after[-5:]) == ("x", "xmore")


def test_output_that_differs_at_the_start_is_shown_from_the_start() -> None:
    before, after = rehearsal_summary.output_excerpts(text("a" + "x" * 9000, "b" + "x" * 9000))
    assert (before[:2], after[:2]) == ("ax", "bx")


def test_html_source_is_shown_if_only_the_html_differs() -> None:
    one, other = display(plain="<T>", html="<b>1</b>"), display(plain="<T>", html="<b>2</b>")
    assert rehearsal_summary.output_excerpts(cell(one, other)) == ("<b>1</b>", "<b>2</b>")
    assert "both have the same text; this is their HTML" in rehearsal_html.rehearsal_html(
        Rehearsal(plan=plan_of(), cells=(cell(one, other),))
    )
    assert rehearsal_summary.output_excerpts(cell(display(html="1"), display(html="2"))) == (
        "1",
        "2",
    )


@pytest.mark.parametrize(
    ("output", "seen"),
    [(HOSTILE, SEEN), ("a\tb\nc", "a\tb\nc"), ("10 %\r20 %\r\n30 %", "10 %\n20 %\n30 %")],
)
def test_control_characters_in_outputs_are_escaped(output: str, seen: str) -> None:
    compared = cell(stream(output), stream("other"), source=output)
    result = Rehearsal(plan=plan_of(), cells=(compared,))
    assert rehearsal_summary.output_excerpts(compared)[0] == seen
    assert rehearsal_summary.source_excerpt(compared) == seen
    (shown,) = plan_checks.rehearsal_state(result)["cells"]
    assert (shown["source"], shown["before"]) == (seen, seen)
    page = rehearsal_html.rehearsal_html(result)
    assert f">{seen}</pre>" in page
    assert all(f">{line}</span>" in page for line in seen.split("\n"))


def test_control_characters_in_a_notebook_name_are_escaped() -> None:
    named = ComparedCell(
        notebook=Path(f"/n/{HOSTILE[:-3]}.ipynb"),
        number=1,
        before=CellRun(number=1, source=""),
        after=CellRun(number=1, source=""),
        verdict=Verdict.DIFFERENT,
    )
    page = rehearsal_html.rehearsal_html(Rehearsal(plan=plan_of(), cells=(named,)))
    assert "cell 1 of \\u202egnp.\\x1b[2" in page
