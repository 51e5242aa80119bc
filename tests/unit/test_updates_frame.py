"""After a check a cell shows what is newer; the frame has all rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd

from pkgwidgets.core.packages import PackageInfo, VersionStep
from pkgwidgets.notebook import frames
from pkgwidgets.presentation.updates_summary import MAX_ROWS

OLD = PackageInfo(name="old", version="1.0", latest_version="1.0", compatible_version="1.0")
NEWER = PackageInfo(
    name="newer<b>",
    version="1.0",
    latest_version="2.0",
    compatible_version="1.5",
    change=VersionStep.MAJOR,
    blocked_by="app (newer<2)",
    released=datetime(2026, 10, 26, 9, 30, 0, 123456, tzinfo=UTC),
)
BLOCKED = replace(NEWER, name="blocked", compatible_version="1.0")
UNKNOWN = PackageInfo(name="dead", version="1.0", error="The index is down.")


def test_what_is_newer_is_shown_first_with_counts() -> None:
    frame = frames.updates([OLD, NEWER, BLOCKED, UNKNOWN])
    text = repr(frame)
    assert text.splitlines()[0] == "2 of 4 are newer; 1 compatible; 1 unknown"
    assert text.splitlines()[-1] == "dead: The index is down"
    assert "2026-10-26" in text
    assert "09:30" not in text
    assert not any(line.startswith("old") for line in text.splitlines())
    html = frame._repr_html_()
    assert "2 of 4 are newer; 1 compatible; 1 unknown" in html
    assert "newer&lt;b&gt;" in html
    assert "<b>" not in html


def test_frame_has_all_rows_and_its_parts_are_plain() -> None:
    frame = frames.updates([OLD, NEWER])
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.index) == ["old", "newer<b>"]
    assert type(frame[frame["update_available"]]) is pd.DataFrame
    assert list(frame.columns) == list(frames.PACKAGES)


def test_long_answers_are_cut_and_counted() -> None:
    frame = frames.updates(replace(NEWER, name=f"n{i}") for i in range(MAX_ROWS + 3))
    assert repr(frame).splitlines()[-1] == "3 more updates"
    assert frame._repr_html_().count("<tr>") == MAX_ROWS + 1


def test_nothing_newer_is_said_in_one_line() -> None:
    assert repr(frames.updates([OLD])) == "0 of 1 are newer"


def test_frame_changed_in_place_is_shown_as_a_plain_one() -> None:
    frame = frames.updates([OLD, NEWER])
    del frame["change"]
    assert "latest_version" in frame._repr_html_()
    assert "latest_version" in repr(frame)
