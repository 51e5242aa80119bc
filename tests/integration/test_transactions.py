"""Transactions with a real uv: bad wheels, damaged journals, other sessions, undo."""

from __future__ import annotations

import py_compile
import re
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest
from fakes import Oracle
from malformed_wheels import MalformedWheel
from transaction_faults import crash_after, fail_at_every_call, last_transaction

from pkgwidgets.backends.history.journal import FolderJournal
from pkgwidgets.connect import connect, recovery_archive
from pkgwidgets.core.errors import (
    EnvironmentBusy,
    PkgwidgetsError,
    StalePlan,
    TransactionError,
)
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.transactions import UNCHANGED_OUTCOMES, Outcome
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply, recovery
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_uninstall, plan_upgrade

# --- without faults


def test_events_name_the_releases_the_download_and_the_old_files(backend: Backend) -> None:
    plan, events = plan_upgrade(backend, "seedshelf"), list[Event]()
    apply.apply_plan(backend, plan, events.append)
    texts = {stage: {e.text for e in events if e.stage is stage} for stage in Stage}
    release = f"seedshelf {plan.changes[0].after}"
    assert texts[Stage.FETCHING] == {f"fetching {release}"}
    assert {e.total for e in events if e.stage is Stage.FETCHING} == {plan.download_size}
    assert texts[Stage.INSTALLING] == {f"installing {release}"}
    assert any(re.fullmatch(r"saving the old files, \d+", text) for text in texts[Stage.SAVING])


def test_staged_files_are_removed_after_the_transaction(backend: Backend) -> None:
    done = apply.apply_plan(backend, plan_upgrade(backend, "seedshelf"))
    assert sorted(path.name for path in backend.journal.folder(done.id).iterdir()) == [
        "journal",
        "manifest.json",
        "objects",
        "plan.json",
        "result.json",
    ]


def test_other_session_cannot_apply_during_a_transaction(garden: Demo, backend: Backend) -> None:
    other = connect(garden.python, garden.index_url)
    plan = plan_upgrade(other, "frostcall")

    def try_another(event: Event) -> None:
        if event.stage is Stage.INSTALLING:
            with pytest.raises(EnvironmentBusy):
                apply.apply_plan(other, plan)

    apply.apply_plan(backend, plan_upgrade(backend, "seedshelf"), try_another)
    with pytest.raises(StalePlan):
        apply.apply_plan(other, plan)


# --- a fault at any call


@pytest.mark.slow
def test_fault_at_any_call_of_the_real_backend_is_handled(backend: Backend, tree: Oracle) -> None:
    @dataclass
    class Real:
        backend: Backend

        def tree(self) -> object:
            return tree(backend.environment.interpreter.prefix)

    plan = plan_upgrade(backend, "seedshelf")
    fail_at_every_call(Real(backend), plan, KeyboardInterrupt, late=False)


POLES = "def poles(*args): return 1\n"


def bad(code: str = POLES, **more: Any) -> BuiltWheel:
    """Return a newer beanpoles, which bedplanner requires."""
    files = {"beanpoles.py": code} | more.pop("files", {})
    return MalformedWheel(name="beanpoles", version="1.2", files=files, **more)


BAD = {
    "its import raises": bad("raise RuntimeError('no')"),
    "wrong hash in RECORD": bad(record=lambda t: t.replace("s.py,sha256=", "s.py,sha256=A")),
    "overwrites another's file": bad(files={"raintable.py": "class RainTable: pass\n"}),
}
"""Three of those in tests/faults/test_bad_wheels.py, for the lower bounds."""


# --- bad installers and wheels


@pytest.mark.parametrize("wheel", BAD.values(), ids=BAD)
def test_bad_upgrade_leaves_the_environment_unchanged(
    backend: Backend, garden: Demo, tree: Oracle, wheel: BuiltWheel
) -> None:
    garden.index.publish(wheel)
    prefix = backend.environment.interpreter.prefix
    before = tree(prefix)
    with pytest.raises(PkgwidgetsError):
        apply.apply_plan(backend, plan_upgrade(backend, "beanpoles", version="1.2"))
    assert tree(prefix) == before
    assert {done.outcome for done in backend.journal.transactions()} <= UNCHANGED_OUTCOMES


# --- incomplete rollbacks and interrupted changes


def test_damaged_old_journal_causes_no_rollback(backend: Backend, garden: Demo) -> None:
    done = apply.apply_plan(backend, plan_upgrade(backend, "seedshelf"))
    file = backend.journal.folder(done.id) / "journal"
    file.write_bytes(file.read_bytes().replace(b'"VERIFIED"', b'"VERIFIEd"'))
    with suppress(PkgwidgetsError):
        apply.apply_plan(backend, plan_upgrade(backend, "frostcall"))
    assert "1.4.2" in (garden.site_packages / "seedshelf.py").read_text()


def test_interrupted_change_with_a_torn_record_is_recovered(backend: Backend) -> None:
    transaction_id = crash_after(backend, plan_upgrade(backend, "seedshelf"), "INSTALLED")
    with (backend.journal.folder(transaction_id) / "journal").open("ab") as file:
        file.write(b'{"v": 1, "n"')
    for _ in range(2):
        with backend.environment.locked("recovery"):
            recovery.recover(backend)
    assert last_transaction(backend).outcome is Outcome.ROLLED_BACK


# --- undo


def test_uninstall_is_undone_exactly_without_the_index(
    backend: Backend, garden: Demo, tree: Oracle
) -> None:
    prefix = backend.environment.interpreter.prefix
    before = tree(prefix)
    apply.apply_plan(backend, plan_uninstall(backend, ["seedshelf", "bedplanner", "allotboard"]))
    assert not (prefix / "bin" / "seedshelf").exists()
    assert not (garden.site_packages / "bedplanner").exists()
    garden.index.down = True
    apply.apply_plan(backend, plan_undo(backend))
    assert tree(prefix) == before


def test_undo_with_a_damaged_save_point_leaves_the_environment_unchanged(
    backend: Backend, tree: Oracle
) -> None:
    done = apply.apply_plan(backend, plan_upgrade(backend, "seedshelf"))
    prefix = backend.environment.interpreter.prefix
    plan, before = plan_undo(backend), tree(prefix)
    for kept in (backend.journal.folder(done.id) / "objects").iterdir():
        kept.write_bytes(b"damaged")
    with pytest.raises(TransactionError):
        apply.apply_plan(backend, plan)
    assert tree(prefix) == before
    assert last_transaction(backend).outcome is Outcome.ROLLED_BACK


def test_history_is_read_by_another_session(backend: Backend, garden: Demo) -> None:
    done = apply.apply_plan(backend, plan_upgrade(backend, "seedshelf"))
    (transaction,) = FolderJournal(
        garden.folder / "env" / ".pkgwidgets", recovery_archive
    ).transactions()
    assert (transaction.id, transaction.plan) == (done.id, replace(done.plan, restart=None))


def test_damaged_older_journal_is_shown_incomplete_without_rollback(
    backend: Backend, garden: Demo
) -> None:
    """Only the latest can be unfinished: the next one starts after it has ended."""
    done = apply.apply_plan(backend, plan_upgrade(backend, "seedshelf"))
    apply.apply_plan(backend, plan_upgrade(backend, "frostcall"))
    file = backend.journal.folder(done.id) / "journal"
    file.write_bytes(file.read_bytes().replace(b'"COMMIT"', b'"COMMIt"'))
    apply.apply_plan(backend, plan_upgrade(backend, "bedplanner"))
    assert "1.4.2" in (garden.site_packages / "seedshelf.py").read_text()
    (damaged, *_) = backend.journal.transactions()
    assert (damaged.outcome, damaged.error) == (Outcome.INCOMPLETE, "its journal is damaged")


def test_new_session_recovers_an_interrupted_change(
    backend: Backend, garden: Demo, tree: Oracle
) -> None:
    prefix = backend.environment.interpreter.prefix
    before = tree(prefix)
    crash_after(backend, plan_upgrade(backend, "seedshelf"), "INSTALLED")
    assert tree(prefix) != before
    assert recovery.recover_if_needed(backend)
    assert tree(prefix) == before
    assert recovery.recover_if_needed(backend) == ()


def test_interrupted_change_is_found_after_the_clock_was_set_back(
    backend: Backend, garden: Demo, tree: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Ahead:
            return cls.fromtimestamp(time.time() + 3600, tz)

    with monkeypatch.context() as ahead:
        ahead.setattr("pkgwidgets.backends.history.journal.datetime", Ahead)
        apply.apply_plan(backend, plan_upgrade(backend, "frostcall"))
    prefix = backend.environment.interpreter.prefix
    before = tree(prefix)
    crash_after(backend, plan_upgrade(backend, "seedshelf"), "INSTALLED")
    assert recovery.recover_if_needed(backend)
    assert tree(prefix) == before


def test_no_plan_is_made_before_an_interrupted_change_is_recovered(backend: Backend) -> None:
    crash_after(backend, plan_upgrade(backend, "seedshelf"), "INSTALLED")
    holder = backend.environment.locked("an installer that outlived us")
    with holder, pytest.raises(EnvironmentBusy, match="outlived us"):
        plan_upgrade(backend, "frostcall")
    apply.apply_plan(backend, plan_upgrade(backend, "frostcall"))
    assert [t.outcome for t in backend.journal.transactions()] == [
        Outcome.ROLLED_BACK,
        Outcome.COMMITTED,
    ]


def test_file_owned_by_two_distributions_is_kept(
    backend: Backend, garden: Demo, tree: Oracle
) -> None:
    twins = [
        BuiltWheel(name=name, version="1", files={"both.py": "x = 1"}) for name in ("pea", "pod")
    ]
    garden.index.publish(*twins)
    apply.apply_plan(backend, plan_install(backend, "pea"))
    apply.apply_plan(backend, plan_install(backend, "pod"))
    before = tree(backend.environment.interpreter.prefix)
    apply.apply_plan(backend, plan_uninstall(backend, "pod"))
    site_packages = backend.environment.interpreter.scheme["purelib"]
    assert (site_packages / "both.py").read_text() == "x = 1"
    assert not (site_packages / "pod-1.dist-info").exists()
    apply.apply_plan(backend, plan_undo(backend))
    assert tree(backend.environment.interpreter.prefix) == before


def test_undo_restores_modules_without_source(
    backend: Backend, garden: Demo, tree: Oracle, tmp_path: Path
) -> None:
    for version in ("1.0", "2.0"):
        source, compiled = tmp_path / "pea.py", tmp_path / "pea.pyc"
        source.write_text(f"x = {version}")
        py_compile.compile(str(source), str(compiled), doraise=True)
        files = {"pea/__init__.pyc": compiled.read_bytes()}
        garden.index.publish(BuiltWheel(name="pea", version=version, files=files))
        if version == "1.0":
            apply.apply_plan(backend, plan_install(backend, "pea"))
    before = (garden.site_packages / "pea" / "__init__.pyc").read_bytes()
    apply.apply_plan(backend, plan_upgrade(backend, "pea"))
    apply.apply_plan(backend, plan_undo(backend))
    assert (garden.site_packages / "pea" / "__init__.pyc").read_bytes() == before
