"""Build static HTML tables. Text is escaped because it may be hostile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from pkgwidgets.core.text import escape_hidden


class SafeHtml(str):
    """HTML made of escaped text; a table inserts it without escaping it again."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TableStyle:
    """Inline CSS for the parts of a table; "" leaves a part to the page's own style."""

    table: str = ""
    head: str = ""
    cell: str = ""


PLAIN = TableStyle()


def escape_text(text: str) -> SafeHtml:
    """Escape text for HTML and spell out its hidden characters."""
    return SafeHtml(escape(escape_hidden(text, but="\n\t")))


def html_table(
    head: Sequence[str], rows: Iterable[Sequence[str]], style: TableStyle = PLAIN
) -> SafeHtml:
    """Return an HTML table; an empty `head` leaves out the header row."""
    thead = f"<thead>{_row_html('th', head, style.head)}</thead>" if head else ""
    body = "".join(_row_html("td", row, style.cell) for row in rows)
    return SafeHtml(f"{_opening_tag('table', style.table)}{thead}<tbody>{body}</tbody></table>")


def _row_html(tag: str, cells: Iterable[str], style: str) -> str:
    opening = _opening_tag(tag, style)
    return f"<tr>{''.join(f'{opening}{_cell_html(cell)}</{tag}>' for cell in cells)}</tr>"


def _cell_html(cell: str) -> SafeHtml:
    return cell if isinstance(cell, SafeHtml) else escape_text(cell)


def _opening_tag(name: str, style: str) -> str:
    return f'<{name} style="{escape(style)}">' if style else f"<{name}>"
