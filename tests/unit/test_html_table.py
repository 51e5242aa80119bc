"""The only builder of HTML tables escapes all text that is not marked as safe."""

from __future__ import annotations

from pathlib import Path

import pytest

import pkgwidgets
from pkgwidgets.presentation.html_table import SafeHtml, TableStyle, escape_text, html_table

HOSTILE = "<img src=x>\u202egnp.\x1b[2K\x00"
SAFE = "&lt;img src=x&gt;\\u202egnp.\\x1b[2K\\x00"


@pytest.mark.parametrize(
    ("text", "safe"),
    [("a b", "a b"), (HOSTILE, SAFE), ("a\n\tb", "a\n\tb"), ("\"'&", "&quot;&#x27;&amp;")],
)
def test_escape_text_escapes_html_and_control_characters(text: str, safe: str) -> None:
    assert escape_text(text) == safe


def test_titles_and_cells_are_escaped() -> None:
    assert html_table((HOSTILE,), [(HOSTILE, "b"), ("c", "")]) == (
        f"<table><thead><tr><th>{SAFE}</th></tr></thead>"
        f"<tbody><tr><td>{SAFE}</td><td>b</td></tr><tr><td>c</td><td></td></tr></tbody></table>"
    )


def test_table_without_head_has_only_rows() -> None:
    assert html_table((), [("a",)]) == "<table><tbody><tr><td>a</td></tr></tbody></table>"


def test_only_safe_html_is_not_escaped() -> None:
    page = html_table(("a",), [(SafeHtml("<b>1</b>"), "<b>2</b>")])
    assert "<td><b>1</b></td><td>&lt;b&gt;2&lt;/b&gt;</td>" in page


def test_slice_of_safe_html_is_escaped() -> None:
    """Methods of `str` return plain text, which is escaped."""
    assert "&lt;b" in html_table((), [(SafeHtml("<b>1</b>")[:2],)])


def test_style_is_escaped_in_its_attribute() -> None:
    page = html_table(("a",), [("b",)], TableStyle(table='x"><i>', head="y", cell="z"))
    assert page.startswith('<table style="x&quot;&gt;&lt;i&gt;"><thead><tr><th style="y">a</th>')
    assert '<td style="z">b</td>' in page


def test_only_html_table_builds_tables() -> None:
    package = Path(pkgwidgets.__file__).parent
    modules = [path.name for path in package.rglob("*.py") if "<td" in path.read_text("utf-8")]
    assert modules == []
    assert '"td"' in (package / "presentation" / "html_table.py").read_text("utf-8")
