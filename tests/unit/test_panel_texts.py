"""Sentences of the panel about plans, outcomes and interrupted changes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.core.plans import PART_OF_ALL, Change, HeldBack, Plan
from pkgwidgets.core.transactions import Outcome, Transaction
from pkgwidgets.presentation import list_header, plan_payload
from pkgwidgets.presentation.labels import ALLOW_ALL
from pkgwidgets.presentation.request_titles import upgrade_titles
from pkgwidgets.widgets.history_view import HistoryView
from pkgwidgets.widgets.progress_view import ProgressView

pytestmark = pytest.mark.filterwarnings("ignore:Deprecated in traitlets")  # old ipywidgets
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PEA = ("pea", "1.0", "1.1")


def change(name: str, before: str, after: str) -> Change:
    return Change(
        id=canonicalize_name(name),
        name=name,
        before=Version(before) if before else None,
        after=Version(after) if after else None,
    )


def transaction(*changes: tuple[str, str, str], undoes: str | None = None) -> Transaction:
    plan = Plan(
        python=Path("/env/bin/python"),
        created=NOON,
        environment_fingerprint="",
        requested=("pea",),
        changes=tuple(change(*versions) for versions in changes),
        undoes=undoes,
    )
    return Transaction(id="t", plan=plan, outcome=Outcome.ROLLED_BACK, started=NOON)


@pytest.mark.parametrize(
    ("changes", "summary"),
    [
        ([PEA], "1 upgrade"),
        ([("pea", "1", "2")], "1 upgrade, major"),
        ([("pea", "1", "2"), PEA], "2 upgrades, 1 of them major"),
        (
            [("pea", "1", "2"), PEA, ("pod", "", "1")],
            "3 changes: 2 upgrades, 1 of them major, 1 new",
        ),
        ([("pea", "2", "1"), ("pod", "", "1")], "2 changes: 1 downgrade, 1 new"),
        ([("pea", "1", ""), *[PEA] * 10], "11 changes: 10 upgrades, 1 uninstalled"),
    ],
)
def test_summary_counts_each_kind_of_change(
    changes: list[tuple[str, str, str]], summary: str
) -> None:
    assert plan_payload.changes_summary([change(*versions) for versions in changes]) == summary


@pytest.mark.parametrize(
    ("changes", "undoes", "is_undo", "text"),
    [
        ([PEA], None, False, "Done: pea 1.0 → 1.1"),
        ([PEA], "s", True, "Undone: pea 1.0 → 1.1"),
        ([PEA], "s", False, "Redone: pea 1.0 → 1.1"),
        ([PEA] * 7, None, False, "7 changes done"),
        ([PEA] * 4, "s", True, "4 changes undone"),
        ([], None, False, "Done. There was nothing to change."),
    ],
)
def test_outcome_says_what_was_done(
    changes: list[tuple[str, str, str]], undoes: str | None, is_undo: bool, text: str
) -> None:
    shown = ProgressView(lambda message: None)
    shown.begin("Upgrading")
    committed = replace(transaction(*changes, undoes=undoes), outcome=Outcome.COMMITTED)
    shown.finish(committed, is_undo=is_undo)
    outcome = shown.task["outcome"]
    assert outcome["text"] == text
    assert outcome["undo"] == ("" if not changes else "Redo" if is_undo else "Undo")


@pytest.mark.parametrize(
    ("reasons", "shown"),
    [
        ([PART_OF_ALL, f"{PART_OF_ALL}, with pod"], ["", "with pod"]),
        (["", ""], ["", ""]),
        (["", "needed by pea"], ["", "needed by pea"]),
    ],
)
def test_reason_that_the_title_tells_is_left_out(reasons: list[str], shown: list[str]) -> None:
    changes = tuple(replace(change(*PEA), requested=True, reason=reason) for reason in reasons)
    plan = replace(transaction(PEA).plan, changes=changes)
    assert [row["why"] for row in plan_payload.plan_payload(plan)["changes"]] == shown


def test_requested_change_says_so_beside_others() -> None:
    changes = (
        replace(change(*PEA), requested=True),
        replace(change("pod", "", "1"), reason="needed by pea"),
    )
    plan = replace(transaction(PEA).plan, changes=changes)
    rows = plan_payload.plan_payload(plan)["changes"]
    assert [row["why"] for row in rows] == ["requested", "needed by pea"]


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (["pea"], "Why pea is blocked"),
        (["pea", "pod"], "Why pea, pod are blocked"),
        (None, "Upgrade all"),
    ],
)
def test_title_answers_why_nothing_changes(names: list[str] | None, title: str) -> None:
    held_back = HeldBack(
        id=canonicalize_name("pea"),
        name="pea",
        kept_version=Version("1.0"),
        latest=Version("2.0"),
        reason="blocked by bean 1.0 (pea<2)",
    )
    titles = upgrade_titles(names)
    blocked = replace(transaction().plan, held_back=(held_back,))
    assert titles.of(blocked) == title
    assert titles.of(replace(transaction(PEA).plan, held_back=(held_back,))) == titles.plan
    assert titles.of(transaction().plan) == titles.plan


def test_outcome_of_many_changes_names_the_one_that_was_requested() -> None:
    changes = [replace(change(*PEA), requested=number == 2) for number in range(5)]
    plan = replace(transaction(PEA).plan, changes=tuple(changes))
    shown = ProgressView(lambda message: None)
    shown.begin("Upgrading")
    shown.finish(replace(transaction(PEA), plan=plan, outcome=Outcome.COMMITTED))
    assert shown.task["outcome"]["text"] == "5 changes done, pea 1.0 → 1.1 among them"


def test_history_tells_a_cancelled_change_from_a_failed_one() -> None:
    failed = replace(transaction(PEA), error="it cannot be imported")
    cancelled = replace(failed, error="Cancelled.", failure=json.dumps({"code": "cancelled"}))
    shown = HistoryView(lambda message: None)
    shown.show([failed, cancelled])
    assert [(entry["outcome"], entry["error"]) for entry in shown.entries] == [
        ("cancelled", ""),
        ("rolled back", "it cannot be imported"),
    ]


@pytest.mark.parametrize(("undoes", "way"), [(None, "undone"), ("first", "redone")])
def test_history_says_why_a_change_can_no_longer_be_undone(undoes: str | None, way: str) -> None:
    done = replace(transaction(PEA, undoes=undoes), outcome=Outcome.COMMITTED)
    first = replace(transaction(PEA), id="first", outcome=Outcome.COMMITTED)
    shown = HistoryView(lambda message: None)
    shown.show([first, done], {done.id: "'pea.py' was edited"})
    assert shown.entries[0]["undo"] == ""
    assert shown.entries[0]["refusal"] == f"It can no longer be {way}: 'pea.py' was edited."
    shown.show([first, done], {})
    assert (shown.entries[0]["refusal"], shown.entries[0]["undo"] != "") == ("", True)


def test_interrupted_changes_are_named_in_a_notice() -> None:
    pea = transaction(PEA)
    pod = transaction(("pod", "", "2.0"))
    notice = list_header.recovery_notice
    assert notice(()) == ""
    assert notice((pea,)) == "The interrupted change (pea 1.0 → 1.1) was rolled back."
    assert notice((pea, pod)) == (
        "The interrupted changes (pea 1.0 → 1.1; pod 2.0 (new)) were rolled back."
    )


@pytest.mark.parametrize(
    ("how", "more", "label"),
    [
        ("1.2, but pod → 2.0 changes too", "; with changes to other packages: ", ALLOW_ALL),
        ("", "", ""),
    ],
)
def test_note_about_a_held_back_package_offers_more_only_if_that_helps(
    how: str, more: str, label: str
) -> None:
    held_back = HeldBack(
        id=canonicalize_name("pea"),
        name="pea",
        kept_version=Version("1.0"),
        latest=Version("1.2"),
        reason="pod 1.0 needs pea<1.1",
        how_to_unblock=how,
    )
    assert plan_payload._held_back_note(held_back) == {
        "versions": "pea 1.0, not 1.2:",
        "text": f"pod 1.0 needs pea<1.1{more}{how}.",
        "unlock": label,
    }


def test_packages_held_back_for_the_same_reason_share_a_note() -> None:
    def held_back(name: str, reason: str) -> HeldBack:
        return HeldBack(
            id=canonicalize_name(name),
            name=name,
            kept_version=Version("1.0"),
            latest=Version("2.0"),
            reason=reason,
        )

    steps = [held_back(name, "a major step") for name in ("a", "b", "c", "d")]
    notes = plan_payload.held_back_notes(
        [steps[0], held_back("pea", "pod needs pea<2"), *steps[1:]]
    )
    assert [(note["versions"], note["text"]) for note in notes] == [
        ("4 packages stay (a, b, c and 1 more):", "a major step."),
        ("pea 1.0, not 2.0:", "pod needs pea<2."),
    ]
    assert len(plan_payload.held_back_notes(steps[:2])) == 2


def test_plan_says_who_does_not_know_the_size_of_its_download() -> None:
    plan = transaction(PEA).plan
    sized = replace(plan, changes=tuple(replace(each, size=2_100_000) for each in plan.changes))
    texts = [plan_payload.plan_payload(each)["footer"] for each in (plan, sized)]
    assert texts == [
        "size not known by the index · can be undone",
        "2.1 MB to fetch · can be undone",
    ]
