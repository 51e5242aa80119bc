"""Render a rehearsal as static HTML: changed cells, before and after side by side.

All text is escaped because it may be hostile. Colours are readable on white and on black, and never
the only sign of anything.
"""

from __future__ import annotations

from collections.abc import Sequence

from pkgwidgets.analysis.line_diff import changed_lines, split_lines
from pkgwidgets.analysis.run_comparison import ComparedCell, Rehearsal, Verdict

from . import rehearsal_summary
from .html_table import SafeHtml, TableStyle, escape_text, html_table

_RED, _AMBER, _GREEN, _GREY = "#e5484d", "#c2760c", "#30a46c", "#8b8d98"
_VERDICT_STYLES = {
    Verdict.BROKEN: ("✗", _RED),
    Verdict.DIFFERENT: ("≠", _AMBER),
    Verdict.WARNS: ("!", _AMBER),
    Verdict.SLOWER: ("◔", _AMBER),
    Verdict.FIXED: ("✓", _GREEN),
    Verdict.UNTRIED: ("✗", _GREY),
    Verdict.FLAKY: ("~", _GREY),
}
_BOX_CSS = "border:1px solid rgba(128,128,128,.35);border-radius:6px;margin:8px 0;overflow:hidden"
_HEAD_CSS = "padding:4px 10px;background:rgba(128,128,128,.1)"
_CODE_CSS = (
    "font-family:monospace;font-size:90%;white-space:pre-wrap;overflow-wrap:anywhere;margin:0"
)
_SIDE_CSS = "text-align:left;vertical-align:top;width:50%;padding:4px 10px"
_GREYED_CSS = f"color:{_GREY};font-size:85%"
_TABLE_STYLE = TableStyle(
    table="width:100%;color:inherit;table-layout:fixed;margin:0;border-collapse:collapse;"
    "border-top:1px solid rgba(128,128,128,.2)",
    head=f"{_SIDE_CSS};{_GREYED_CSS};font-weight:normal",
    cell=_SIDE_CSS,
)
_BEFORE_RGB, _AFTER_RGB = "229,72,77", "48,164,108"
"""Background colours, in RGB, of the lines that only one side has."""


def rehearsal_html(rehearsal: Rehearsal) -> str:
    """Return a rehearsal as HTML, with one box for each changed cell, in order."""
    head = escape_text(rehearsal_summary.summarize(rehearsal).text)
    boxes = map(_cell_html, rehearsal_summary.changed_cells(rehearsal))
    return "".join([f'<div style="font-weight:600">{head}</div>', *boxes])


def _cell_html(cell: ComparedCell) -> str:
    sign, colour = _VERDICT_STYLES[cell.verdict]
    verdict = f'<b style="color:{colour}">{sign} {escape_text(str(cell.verdict))}</b>'
    parts = [
        f'<div style="{_HEAD_CSS}">{escape_text(cell.place)} {verdict}</div>',
        f'<pre style="{_CODE_CSS};padding:6px 10px">'
        f"{escape_text(rehearsal_summary.source_excerpt(cell))}</pre>",
    ]
    if cell.verdict is Verdict.SLOWER:
        parts.append(
            _note_html(f"{cell.before.seconds:.1f} s before, {cell.after.seconds:.1f} s after")
        )
    else:
        before, after = rehearsal_summary.output_excerpts(cell)
        if cell.before.text == cell.after.text:
            difference = "other output differs" if before == after else "this is their HTML"
            parts.append(_note_html(f"both have the same text; {difference}"))
        parts.append(_side_by_side_html(before, after, cell.verdict))
    return f'<div style="{_BOX_CSS}">{"".join(parts)}</div>'


def _note_html(text: str) -> str:
    return f'<div style="{_GREYED_CSS};padding:0 10px 6px">{escape_text(text)}</div>'


def _side_by_side_html(before: str, after: str, verdict: Verdict) -> str:
    changed = changed_lines(before, after)
    before_rgb, after_rgb = _BEFORE_RGB, _AFTER_RGB
    if verdict is Verdict.BROKEN:
        before_rgb, after_rgb = after_rgb, before_rgb
    sides = (
        _highlighted_html(before, changed.before, before_rgb),
        _highlighted_html(after, changed.after, after_rgb),
    )
    return html_table(("before", "after"), [sides], _TABLE_STYLE)


def _highlighted_html(text: str, line_numbers: Sequence[int], rgb: str) -> SafeHtml:
    """Return text as HTML with a background under the given lines, numbered from 0."""
    lines: list[str] = [escape_text(line) for line in split_lines(text)]
    for number in line_numbers:
        lines[number] = f'<span style="background:rgba({rgb},.16)">{lines[number]}</span>'
    content = "\n".join(lines)
    return SafeHtml(f'<pre style="{_CODE_CSS}">{content}</pre>')
