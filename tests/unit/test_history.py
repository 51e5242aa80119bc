"""Which transactions can be undone, and which later ones prevent it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.core.history import (
    changed_since,
    committed,
    find_transaction,
    save_points_to_keep,
    undoable,
)
from pkgwidgets.core.plans import Change, Plan
from pkgwidgets.core.transactions import Outcome, Transaction

NOW = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


def done(
    transaction_id: str,
    *names: str,
    undoes: str | None = None,
    outcome: Outcome = Outcome.COMMITTED,
) -> Transaction:
    """Return a transaction that upgraded these; the ids sort by time."""
    plan = Plan(
        requested=names,
        changes=tuple(
            Change(id=canonicalize_name(n), name=n, before=Version("1"), after=Version("2"))
            for n in names
        ),
        environment_fingerprint="",
        python=Path("/env/bin/python"),
        created=NOW,
        undoes=undoes,
    )
    return Transaction(id=transaction_id, plan=plan, started=NOW, outcome=outcome)


def undoable_of(*history: Transaction) -> str | None:
    transactions = undoable(history)
    return None if transactions is None else transactions.id


def test_find_transaction_returns_the_one_with_the_id() -> None:
    history = [done("1", "pea"), done("2", "bean", outcome=Outcome.ROLLED_BACK)]
    assert find_transaction(history, "2") == history[1]
    assert find_transaction(history, "3") is None


def test_latest_transaction_is_undone_first() -> None:
    assert undoable_of(done("1", "pea"), done("2", "bean")) == "2"


def test_transaction_before_an_undone_one_is_next_to_undo() -> None:
    history = (done("1", "pea"), done("2", "bean"), done("3", "bean", undoes="2"))
    assert undoable_of(*history) == "1"


def test_nothing_is_undoable_after_everything_is_undone() -> None:
    undone = (done("3", "bean", undoes="2"), done("4", "pea", undoes="1"))
    assert undoable_of(done("1", "pea"), done("2", "bean"), *undone) is None


def test_nothing_is_undoable_in_an_empty_history() -> None:
    assert undoable_of() is None


@pytest.mark.parametrize("outcome", [Outcome.STARTED, Outcome.ROLLED_BACK, Outcome.INCOMPLETE])
def test_only_committed_transactions_are_undoable(outcome: Outcome) -> None:
    assert undoable_of(done("1", "pea"), done("2", "bean", outcome=outcome)) == "1"


@pytest.mark.parametrize("outcome", [Outcome.STARTED, Outcome.ROLLED_BACK, Outcome.INCOMPLETE])
def test_transaction_with_a_failed_undo_is_still_undoable(outcome: Outcome) -> None:
    assert undoable_of(done("1", "pea"), done("2", "pea", undoes="1", outcome=outcome)) == "1"


def test_damaged_history_that_names_itself_ends() -> None:
    assert undoable_of(done("1", "pea", undoes="1")) in ("1", None)


def test_transaction_without_changes_is_not_undoable() -> None:
    assert undoable_of(done("1", "pea"), done("2")) == "1"


def test_undo_of_an_undo_is_undone_next() -> None:
    history = (done("1", "pea"), done("2", "pea", undoes="1"), done("3", "pea", undoes="2"))
    assert undoable_of(*history) == "3"


def test_committed_keeps_the_order_of_transactions() -> None:
    failed = done("2", "pea", outcome=Outcome.ROLLED_BACK)
    history = (done("3", "pea"), failed, done("1", "bean"))
    assert [transaction.id for transaction in committed(history)] == ["3", "1"]


@pytest.mark.parametrize(
    ("later", "touched"),
    [
        ((), False),
        ((done("2", "bean"),), False),
        ((done("2", "pea"),), True),
        ((done("2", "bean", "pea"),), True),
        ((done("0", "pea"),), False),
        ((done("2", "pea", outcome=Outcome.ROLLED_BACK),), False),
        ((done("2", "pea", undoes="1"),), True),
        ((done("2", "pea", undoes="0"),), True),
        ((done("2", "pea"), done("3", "pea", undoes="2")), False),
        ((done("2", "pea"), done("3", "pea", undoes="2", outcome=Outcome.ROLLED_BACK)), True),
        ((done("2", "pea"), done("3", "pea"), done("4", "pea", undoes="3")), True),
        ((done("2", "pea", undoes="1"), done("3", "pea", undoes="2")), False),
        ((done("2", "pea"), done("3", "pea", undoes="2"), done("4", "pea", undoes="3")), True),
    ],
    ids=[
        "nothing later",
        "another package",
        "the same package",
        "the same among others",
        "what is older",
        "what was rolled back",
        "its own undo",
        "the undo of something older",
        "a pair of a change and its undo",
        "a change whose undo failed",
        "a change beside such a pair",
        "its own undo, undone",
        "a change, undone and redone",
    ],
)
def test_later_changes_of_the_same_package_are_detected(
    later: tuple[Transaction, ...], touched: bool
) -> None:
    mine = done("1", "pea")
    assert changed_since(mine, (mine, *later)) is touched


def test_unreadable_transaction_counts_as_a_later_change() -> None:
    mine, unreadable = done("1", "pea"), done("2")
    assert changed_since(mine, (mine, unreadable))
    assert not changed_since(unreadable, (mine, unreadable))
    aborted = done("3", outcome=Outcome.ROLLED_BACK)
    assert not changed_since(mine, (mine, aborted))


def sized(transaction_id: str, size: int | None, undoes: str | None = None) -> Transaction:
    return replace(done(transaction_id, "pea", undoes=undoes), saved_bytes=size)


def test_last_five_undoable_save_points_are_kept() -> None:
    history = [sized(str(number), 10) for number in range(1, 8)]
    assert save_points_to_keep(history) == {"3", "4", "5", "6", "7"}
    assert save_points_to_keep([]) == set()


def test_latest_save_point_is_kept_beside_five_undoable_ones() -> None:
    history = [sized(str(number), 10) for number in range(1, 7)]
    undo = sized("7", 10, undoes="6")
    assert save_points_to_keep([*history, undo]) == {"1", "2", "3", "4", "5", "7"}


def test_save_points_beyond_2_gib_are_not_kept() -> None:
    half = 1 << 30
    history = [sized("1", 5), sized("2", half), sized("3", half - 5), sized("4", 5)]
    assert save_points_to_keep(history) == {"2", "3", "4"}
    assert save_points_to_keep([sized("1", 1), *history[1:3], sized("4", 6)]) == {"3", "4"}


def test_latest_save_point_is_kept_whatever_its_size() -> None:
    assert save_points_to_keep([sized("1", 1), sized("2", 9 << 30)]) == {"2"}
    assert save_points_to_keep([sized("1", None), sized("2", None)]) == {"1", "2"}
