"""A rehearsal as static HTML: the cells that are not the same, before and after side by side.

All text is made safe: it may be hostile. Colours are such as can be read on white and on black, and
never say anything alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from pkgwidgets.analysis.line_diff import changed_lines, split_lines
from pkgwidgets.analysis.output_diff import ComparedCell, Rehearsal, Verdict

from . import rehearsal_summary
from .html_table import SafeHtml, TableStyle, escape_text, html_table

_RED, _AMBER, _GREEN, _GREY = "#e5484d", "#c2760c", "#30a46c", "#8b8d98"
_LOOKS = {
    Verdict.BROKEN: ("✗", _RED),
    Verdict.DIFFERENT: ("≠", _AMBER),
    Verdict.WARNS: ("!", _AMBER),
    Verdict.SLOWER: ("◔", _AMBER),
    Verdict.FIXED: ("✓", _GREEN),
    Verdict.ALREADY_FAILING: ("✗", _GREY),
    Verdict.FLAKY: ("~", _GREY),
}
_BOX = "border:1px solid rgba(128,128,128,.35);border-radius:6px;margin:8px 0;overflow:hidden"
_HEAD = "padding:4px 10px;background:rgba(128,128,128,.1)"
_CODE = "font-family:monospace;font-size:90%;white-space:pre-wrap;overflow-wrap:anywhere;margin:0"
_SIDE = "text-align:left;vertical-align:top;width:50%;padding:4px 10px"
_GREYED = f"color:{_GREY};font-size:85%"
_TABLE = TableStyle(
    table="width:100%;color:inherit;table-layout:fixed;margin:0;border-collapse:collapse;"
    "border-top:1px solid rgba(128,128,128,.2)",
    head=f"{_SIDE};{_GREYED};font-weight:normal",
    cell=_SIDE,
)
_LOST, _NEW = "229,72,77", "48,164,108"
"""Grounds, in RGB, under lines that only one side has."""


def rehearsal_html(found: Rehearsal) -> str:
    """Return a rehearsal as HTML, one box a cell that is not the same, in their order."""
    head = escape_text(rehearsal_summary.summarize(found).text)
    boxes = map(_box, rehearsal_summary.changed_cells(found))
    return "".join([f'<div style="font-weight:600">{head}</div>', *boxes])


def _box(cell: ComparedCell) -> str:
    sign, colour = _LOOKS[cell.verdict]
    verdict = f'<b style="color:{colour}">{sign} {escape_text(str(cell.verdict))}</b>'
    parts = [
        f'<div style="{_HEAD}">{escape_text(cell.place)} {verdict}</div>',
        f'<pre style="{_CODE};padding:6px 10px">'
        f"{escape_text(rehearsal_summary.source_excerpt(cell))}</pre>",
    ]
    if cell.verdict is Verdict.SLOWER:
        parts.append(_note(f"{cell.before.seconds:.1f} s before, {cell.after.seconds:.1f} s after"))
    else:
        before, after = rehearsal_summary.output_excerpts(cell)
        if cell.before.text == cell.after.text:
            rest = "what differs is no text" if before == after else "this is their HTML"
            parts.append(_note(f"as text, both show the same; {rest}"))
        parts.append(_sides(before, after, cell.verdict))
    return f'<div style="{_BOX}">{"".join(parts)}</div>'


def _note(text: str) -> str:
    return f'<div style="{_GREYED};padding:0 10px 6px">{escape_text(text)}</div>'


def _sides(before: str, after: str, verdict: Verdict) -> str:
    changed = changed_lines(before, after)
    left, right = _LOST, _NEW
    if verdict is Verdict.BROKEN:
        left, right = right, left
    return html_table(
        ("before", "after"),
        [(_marked(before, changed.before, left), _marked(after, changed.after, right))],
        _TABLE,
    )


def _marked(text: str, changed: Sequence[int], colour: str) -> SafeHtml:
    """Return a text with a ground under the lines of these numbers."""
    lines: list[str] = [escape_text(line) for line in split_lines(text)]
    for number in changed:
        lines[number] = f'<span style="background:rgba({colour},.16)">{lines[number]}</span>'
    joined = "\n".join(lines)
    return SafeHtml(f'<pre style="{_CODE}">{joined}</pre>')
