"""Text tables are aligned, omit empty columns and escape control characters."""

from __future__ import annotations

from pkgwidgets.presentation.text_table import TextTable


def test_columns_are_aligned_under_their_titles() -> None:
    shown = TextTable.of(("name", "version"), [("pea", "1.0"), ("beanpole", "10.0")])
    assert [*shown.lines()] == ["NAME      VERSION", "pea       1.0", "beanpole  10.0"]


def test_empty_columns_are_omitted() -> None:
    shown = TextTable.of(("name", "note", "version"), [("pea", "", "1.0")])
    assert shown.head == ("name", "version")
    assert shown.rows == (("pea", "1.0"),)


def test_table_without_rows_keeps_its_head() -> None:
    assert [*TextTable.of(("name", "version"), []).lines()] == ["NAME  VERSION"]


def test_control_characters_are_escaped() -> None:
    (_, line) = TextTable.of(("name",), [("a\x1b[2K\nb\u202e",)]).lines()
    assert line == "a\\x1b[2K\\nb\\u202e"
