"""What the front ends show of a plan and a transaction that change holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fakes import MOMENT, plan_of

from pkgwidgets.core.history import changed_since, undoable
from pkgwidgets.core.hold_changes import HoldChange
from pkgwidgets.core.plan_json import plan_from_text, plan_to_text
from pkgwidgets.core.policy import Hold
from pkgwidgets.core.transactions import Outcome, Transaction
from pkgwidgets.presentation.outcome_payload import outcome_payload
from pkgwidgets.presentation.plan_payload import plan_payload
from pkgwidgets.presentation.request_titles import undo_titles
from pkgwidgets.presentation.value_html import plan_html, transaction_html

PLAN = replace(
    plan_of(), python=Path("/p"), holds=(HoldChange(name="pea", versions="<3", after="block"),)
)
DONE = Transaction(id="1", plan=PLAN, started=MOMENT, finished=MOMENT, outcome=Outcome.COMMITTED)


def test_plan_of_a_hold_is_not_empty_and_names_it() -> None:
    assert PLAN
    assert plan_payload(PLAN)["warnings"][0] == "Hold pea<3."
    assert not plan_payload(PLAN)["empty"]
    assert "Hold pea&lt;3." in plan_html(PLAN)
    assert plan_from_text(plan_to_text(PLAN)) == PLAN


def test_outcome_and_undo_name_the_hold() -> None:
    assert "hold pea<3" in outcome_payload(DONE)["text"]
    assert outcome_payload(DONE)["undo"]
    assert "pea" in undo_titles(DONE, [DONE]).plan
    assert "Hold pea&lt;3." in transaction_html(DONE)


def test_history_undoes_the_newest_change_of_a_hold() -> None:
    later = replace(DONE, id="2")
    assert undoable([DONE, later]) == later
    assert changed_since(DONE, [DONE, later])
    other = replace(later, plan=replace(PLAN, holds=(HoldChange(name="bean", versions="<3"),)))
    assert not changed_since(DONE, [DONE, other])


def test_hold_says_since_when_by_which_user_and_why() -> None:
    hold = Hold(
        name="Pea",
        versions="<3",
        reason="two\nlines \u202e",
        since=datetime(2026, 11, 30, 23, tzinfo=UTC),
        until=(datetime(2027, 1, 30, tzinfo=UTC) + timedelta(days=1)).date(),
        by="ada",
    )
    expected = "a hold since 2026-11-30 by ada until 2027-01-31: two lines \\u202e"
    assert hold.setting == expected
    assert hold.requirement == "pea<3"
