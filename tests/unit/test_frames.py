"""Frames have the same columns and dtypes for no rows, full rows and unknown values."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.analysis.api_changes import Impact, Severity
from pkgwidgets.core.origins import Origin
from pkgwidgets.core.packages import PackageInfo, PackageStatus, VersionStep
from pkgwidgets.core.plans import Change, HeldBack, Plan
from pkgwidgets.core.transactions import Outcome, Transaction
from pkgwidgets.notebook import frames

TIME = "datetime64[ns, UTC]"

PACKAGES = {
    "version": "string",
    "latest_version": "string",
    "compatible_version": "string",
    "update_available": "boolean",
    "change": "category",
    "blocked_by": "string",
    "released": TIME,
    "project_status": "string",
    "yanked": "string",
    "attestations": "string",
    "status": "category",
    "requested": "boolean",
    "loaded_version": "string",
    "installed": TIME,
    "last_upgraded": TIME,
    "install_path": "string",
    "origin": "category",
    "error": "string",
    "failed_change": "string",
}

CHANGES = {
    "before": "string",
    "after": "string",
    "kind": "string",
    "status": "string",
    "requested": "boolean",
    "transaction": "string",
}

HISTORY = {
    "started": TIME,
    "finished": TIME,
    "seconds": "Float64",
    "outcome": "category",
    "changes": "string",
    "user": "string",
    "requested_by": "string",
    "process": "string",
    "saved_bytes": "Int64",
    "downloaded_bytes": "Int64",
    "undoes": "string",
    "undone_by": "string",
    "error": "string",
}

NOON = datetime(2026, 11, 2, 12, 0, 0, 123456, tzinfo=UTC)

BARE = PackageInfo(name="pea", version="1.0")
FULL = PackageInfo(
    name="Rain.Table",
    version="2.0.0",
    latest_version="3.1.0",
    compatible_version="2.4.0",
    change=VersionStep.MAJOR,
    blocked_by="allotboard (raintable<3)",
    project_status="archived",
    yanked="",
    attestations="all wheels of 3.1.0",
    released=NOON,
    status=PackageStatus.UPGRADING,
    requested=True,
    loaded_version="1.9",
    installed=NOON,
    last_upgraded=NOON,
    install_path=Path("/env/lib"),
    origin=Origin.INDEX,
    summary="rain in rows",
    error="it is unknown",
    failed_change="it failed",
)


def change(name: str, before: str | None, after: str | None, *, requested: bool = True) -> Change:
    return Change(
        id=canonicalize_name(name),
        name=name,
        before=None if before is None else Version(before),
        after=None if after is None else Version(after),
        requested=requested,
    )


def held(name: str, kept_version: str) -> HeldBack:
    normalized_name = canonicalize_name(name)
    latest = Version("99")
    return HeldBack(
        id=normalized_name,
        name=name,
        kept_version=Version(kept_version),
        latest=latest,
        reason="it is blocked",
    )


def transaction(
    *changes: Change,
    transaction_id: str = "t",
    undoes: str | None = None,
    outcome: Outcome = Outcome.COMMITTED,
    held_back: tuple[HeldBack, ...] = (),
) -> Transaction:
    plan = Plan(
        requested=(),
        changes=changes,
        held_back=held_back,
        environment_fingerprint="",
        python=Path("/env/bin/python"),
        created=NOON,
        undoes=undoes,
    )
    return Transaction(id=transaction_id, plan=plan, started=NOON, finished=NOON, outcome=outcome)


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return {str(column): str(dtype) for column, dtype in frame.dtypes.items()}


# --- columns and dtypes


@pytest.mark.parametrize(
    "rows",
    [[], [BARE], [FULL], [BARE, FULL], [FULL, BARE], [BARE] * 3],
    ids=["empty", "bare", "full", "bare and full", "full and bare", "bare ones"],
)
def test_packages_frame_has_the_documented_columns(rows: list[PackageInfo]) -> None:
    frame = frames.packages(rows)
    assert list(dtypes(frame).items()) == list(PACKAGES.items())
    assert (frame.index.name, str(frame.index.dtype)) == ("name", "object")
    assert list(frame.index) == [row.name for row in rows]


@pytest.mark.parametrize(
    "done",
    [
        transaction(),
        transaction(change("pea", "1", "2"), change("bean", None, "1")),
        transaction(held_back=(held("rain", "2.0"),)),
        transaction(change("pea", "1", None), held_back=(held("rain", "2.0"),)),
    ],
    ids=["empty", "changes", "held back", "both"],
)
def test_changes_frame_has_the_documented_columns(done: Transaction) -> None:
    frame = frames.changes(done)
    assert list(dtypes(frame).items()) == list(CHANGES.items())
    assert (frame.index.name, str(frame.index.dtype)) == ("name", "object")


@pytest.mark.parametrize(
    "transactions",
    [[], [transaction(change("pea", "1", "2"))], [replace(transaction(), finished=None)]],
    ids=["empty", "finished", "under way"],
)
def test_history_frame_has_the_documented_columns(transactions: list[Transaction]) -> None:
    frame = frames.history(transactions)
    assert list(dtypes(frame).items()) == list(HISTORY.items())
    assert (frame.index.name, str(frame.index.dtype)) == ("transaction", "object")


@pytest.mark.parametrize(
    ("frame", "column", "categories"),
    [
        (frames.packages([]), "change", ["major", "minor", "patch", "other"]),
        (frames.packages([]), "status", ["installed", "installing", "upgrading", "error"]),
        (frames.packages([]), "origin", ["index", "editable", "url", "vcs", "conda", "system"]),
        (
            frames.history([]),
            "outcome",
            [outcome.value for outcome in Outcome],
        ),
    ],
)
def test_categories_cover_every_possible_value(
    frame: pd.DataFrame, column: str, categories: list[str]
) -> None:
    assert frame[column].cat.categories.tolist() == categories


# --- packages


def test_packages_row_has_the_values_of_the_package() -> None:
    (row,) = frames.packages([FULL]).reset_index().to_dict("records")
    assert row == {
        "name": "Rain.Table",
        "version": "2.0.0",
        "latest_version": "3.1.0",
        "compatible_version": "2.4.0",
        "update_available": True,
        "change": "major",
        "blocked_by": "allotboard (raintable<3)",
        "released": NOON,
        "project_status": "archived",
        "yanked": "",
        "attestations": "all wheels of 3.1.0",
        "status": "upgrading",
        "requested": True,
        "loaded_version": "1.9",
        "installed": NOON,
        "last_upgraded": NOON,
        "install_path": "/env/lib",
        "origin": "index",
        "error": "it is unknown",
        "failed_change": "it failed",
    }


def test_unknown_values_are_na_and_known_empty_ones_are_not() -> None:
    row = frames.packages([BARE]).iloc[0]
    assert {str(name) for name in row.index[row.notna()]} == {
        "version", "blocked_by", "status", "requested", "origin", "failed_change",
    }  # fmt: skip
    assert row["blocked_by"] == ""


@pytest.mark.parametrize(
    ("latest", "update"), [("2.0", True), ("1.0", False), ("0.9", False), (None, pd.NA)]
)
def test_update_available_is_true_false_or_na(latest: str | None, update: object) -> None:
    frame = frames.packages([replace(BARE, latest_version=latest)])
    assert frame["update_available"].tolist() == [update]


def test_unknown_update_is_not_counted_as_up_to_date() -> None:
    rows = [replace(BARE, name=str(v), latest_version=v) for v in ("2.0", "1.0", None)]
    update = frames.packages(rows)["update_available"]
    assert (update.sum(), (~update).sum(), update.isna().sum()) == (1, 1, 1)


def test_times_are_converted_to_utc() -> None:
    here = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    released = frames.packages([replace(BARE, released=here)])["released"].iloc[0]
    assert (released, str(released.tz)) == (NOON, "UTC")


@pytest.mark.parametrize("year", [1, 1600, 2286, 9999])
def test_time_out_of_range_for_pandas_is_na_in_its_row_only(year: int) -> None:
    odd = replace(BARE, released=NOON.replace(year=year))
    frame = frames.packages([odd, replace(FULL, released=NOON)])
    assert frame["released"].isna().tolist() == [True, False]
    assert dtypes(frame) == PACKAGES


def test_any_package_name_is_a_valid_index_label() -> None:
    names = ["nan", "null", "true", "007", "1e5", "con", "constructor"]
    frame = frames.packages([replace(BARE, name=name) for name in names])
    assert frame.index.tolist() == names
    assert frame.loc["nan", "version"] == "1.0"


# --- changes


def test_changes_frame_has_a_row_for_each_change_and_held_back_package() -> None:
    done = transaction(
        change("pea", "1", "2"),
        change("bean", None, "1", requested=False),
        change("leek", "1", None),
        held_back=(held("Rain", "2.0"),),
    )
    frame = frames.changes(done).astype(object)
    assert frame.where(frame.notna(), None).to_dict("index") == {
        "pea": row("1", "2", "upgrade", "committed"),
        "bean": {**row(None, "1", "install", "committed"), "requested": False},
        "leek": row("1", None, "remove", "committed"),
        "Rain": {**row("2.0", "2.0", "held back", "it is blocked"), "transaction": None},
    }


def row(before: str | None, after: str | None, kind: str, status: str) -> dict[str, object]:
    return {
        "before": before,
        "after": after,
        "kind": kind,
        "status": status,
        "requested": True,
        "transaction": "t",
    }


def test_package_upgraded_below_the_latest_version_is_one_row() -> None:
    done = transaction(change("rain", "2.0", "2.4"), held_back=(held("rain", "2.4"),))
    frame = frames.changes(done)
    assert frame.index.tolist() == ["rain"]
    assert (frame.loc["rain", "before"], frame.loc["rain", "after"]) == ("2.0", "2.4")


# --- the history


def test_history_is_latest_first_and_names_the_undoing_transaction() -> None:
    frame = frames.history(
        [
            transaction(change("pea", "1", "2"), transaction_id="1"),
            transaction(change("pea", "2", "1"), transaction_id="2", undoes="1"),
            transaction(change("bean", "1", "2"), transaction_id="3", outcome=Outcome.ROLLED_BACK),
        ]
    )
    assert frame.index.tolist() == ["3", "2", "1"]
    assert frame["outcome"].tolist() == ["rolled back", "committed", "committed"]
    assert frame["changes"].tolist() == ["bean 1 → 2", "pea 2 → 1", "pea 1 → 2"]
    assert frame["undoes"].fillna("").tolist() == ["", "1", ""]
    assert frame["undone_by"].fillna("").tolist() == ["", "", "2"]


def test_failed_undo_does_not_set_undone_by() -> None:
    failed = transaction(transaction_id="2", undoes="1", outcome=Outcome.ROLLED_BACK)
    assert frames.history([transaction(transaction_id="1"), failed])["undone_by"].isna().all()


def test_running_transaction_has_no_finish_time() -> None:
    under_way = replace(transaction(), finished=None, outcome=Outcome.STARTED)
    frame = frames.history([under_way])
    assert frame["finished"].isna().tolist() == [True]
    assert frame["started"].tolist() == [NOON]


def test_history_frame_shows_user_process_duration_and_sizes() -> None:
    done = replace(
        transaction(),
        finished=NOON + timedelta(seconds=1.5),
        user="ada",
        process="kernel",
        saved_bytes=3 << 30,
        downloaded_bytes=0,
    )
    frame = frames.history([done])
    assert frame["seconds"].tolist() == [1.5]
    assert (frame["user"].tolist(), frame["process"].tolist()) == (["ada"], ["kernel"])
    assert frame["saved_bytes"].tolist() == [3 << 30]
    assert frame["downloaded_bytes"].tolist() == [0]


def test_unknown_history_values_are_na() -> None:
    frame = frames.history([replace(transaction(), finished=None)])
    unknown = ["seconds", "user", "process", "saved_bytes", "downloaded_bytes"]
    assert frame[unknown].isna().all(axis=None)


def test_impact_frame_html_is_complete_and_escaped() -> None:
    text = "<script>" + "a long finding " * 20
    row = Impact(cell=None, package="p", name="p.q", finding=text, severity=Severity.BREAKS)
    frame = frames.impact([row])
    page = frame._repr_html_()  # type: ignore[operator]
    assert f">&lt;script&gt;{'a long finding ' * 20}</td>" in page
    assert ">&lt;NA&gt;<" not in page
    assert type(frame[["cell"]]) is pd.DataFrame
    assert type(frame["cell"]) is pd.Series
    assert type(frame.copy()) is pd.DataFrame
    assert "No rows." in frames.impact([])._repr_html_()  # type: ignore[operator]


def test_control_characters_in_a_frame_are_escaped() -> None:
    text = "no\u202ecod.\x1b[2K\ttwo\nlines"
    row = Impact(cell=1, package="p", name=text, finding=text, severity=Severity.BREAKS)
    page = frames.impact([row])._repr_html_()  # type: ignore[operator]
    assert page.count(">no\\u202ecod.\\x1b[2K\ttwo\nlines</td>") == 2
