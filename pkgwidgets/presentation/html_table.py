"""The builder of all static HTML tables. Text is escaped: it may be hostile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from pkgwidgets.core.text import escape_hidden


class SafeHtml(str):
    """HTML that is made of escaped text: a table takes it as it is."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TableStyle:
    """CSS for the parts of a table; "" leaves a part as the page has it."""

    table: str = ""
    head: str = ""
    cell: str = ""


PLAIN = TableStyle()


def escape_text(text: str) -> SafeHtml:
    """Return text as HTML that shows each of its characters, hidden ones spelled out."""
    return SafeHtml(escape(escape_hidden(text, but="\n\t")))


def html_table(
    head: Sequence[str], rows: Iterable[Sequence[str]], style: TableStyle = PLAIN
) -> SafeHtml:
    """Return a table; without a head it has only rows."""
    top = f"<thead>{_row('th', head, style.head)}</thead>" if head else ""
    body = "".join(_row("td", row, style.cell) for row in rows)
    return SafeHtml(f"{_tag('table', style.table)}{top}<tbody>{body}</tbody></table>")


def _row(tag: str, cells: Iterable[str], style: str) -> str:
    opening = _tag(tag, style)
    return f"<tr>{''.join(f'{opening}{_cell(cell)}</{tag}>' for cell in cells)}</tr>"


def _cell(cell: str) -> SafeHtml:
    return cell if isinstance(cell, SafeHtml) else escape_text(cell)


def _tag(name: str, style: str) -> str:
    return f'<{name} style="{escape(style)}">' if style else f"<{name}>"
