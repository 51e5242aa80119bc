"""Transactions with a real uv: bad wheels, damaged journals, other sessions, undo."""

from __future__ import annotations

import py_compile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest
from fakes import Oracle
from transaction_faults import METADATA, crashed, last, strike_everywhere

from pkgwidgets.backends.history.journal import FolderJournal
from pkgwidgets.backends.sandbox import import_check
from pkgwidgets.connect import connect
from pkgwidgets.core.errors import (
    EnvironmentBusy,
    EnvironmentRefused,
    PkgwidgetsError,
    StalePlan,
    TransactionError,
)
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply, recovery
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_uninstall, plan_upgrade

# --- as it should be


def test_the_stage_is_gone_afterwards(backend: Backend) -> None:
    done = apply.apply_plan(backend, plan_upgrade(backend, "seedshelf"))
    assert sorted(path.name for path in backend.journal.folder(done.id).iterdir()) == [
        "journal",
        "manifest.json",
        "objects",
        "plan.json",
    ]


def test_another_session_is_kept_out_too(garden: Demo, backend: Backend) -> None:
    other = connect(garden.python, garden.index_url)
    plan = plan_upgrade(other, "frostcall")

    def try_another(event: Event) -> None:
        if event.stage is Stage.INSTALLING:
            with pytest.raises(EnvironmentBusy):
                apply.apply_plan(other, plan)

    apply.apply_plan(backend, plan_upgrade(backend, "seedshelf"), try_another)
    with pytest.raises(StalePlan):
        apply.apply_plan(other, plan)


# --- something fails, at any call of anything


@pytest.mark.slow
def test_a_fault_at_any_call_of_the_real_ones_too(backend: Backend, tree: Oracle) -> None:
    @dataclass
    class Real:
        backend: Backend

        def tree(self) -> object:
            return tree(backend.environment.interpreter.prefix)

    plan = plan_upgrade(backend, "seedshelf")
    strike_everywhere(Real(backend), plan, KeyboardInterrupt, late=False)


POLES = "def poles(*args): return 1\n"


def bad(code: str = POLES, **more: Any) -> BuiltWheel:
    """Return a newer beanpoles, that bedplanner needs."""
    files = {"beanpoles.py": code} | more.pop("files", {})
    return BuiltWheel(name="beanpoles", version="1.2", files=files, **more)


BAD = {
    "1 import raises": bad("raise RuntimeError('no')"),
    "2 import hangs": bad("while True: pass"),
    "3 import kills the process": bad("import os; os.kill(os.getpid(), 9)"),
    "4 needs a module nobody provides": bad("import nobody"),
    "5 conflicts with what is installed": bad(requires=("sundrift>=99",)),
    "6 library missing": bad("import ctypes; ctypes.CDLL('libnothing.so.9')"),
    "7 library of another machine": bad(files={"_bean.so": b"\x7fELF\x02\x01\x01" + bytes(99)}),
    "10 wrong hash in RECORD": bad(record=lambda t: t.replace("s.py,sha256=", "s.py,sha256=A")),
    "11 METADATA of another version": bad(metadata=METADATA.format("beanpoles", "9")),
    "12 METADATA of another project": bad(metadata=METADATA.format("other", "1.2")),
    "13 .pth ends Python": bad(files={"beanpoles.pth": "import sys; sys.exit(3)\n"}),
    "14 .pth shadows the standard library": bad(
        files={
            "beanpoles.pth": "import sys; sys.path.insert(0, sys.path[-1] + '/shadow')\n",
            "shadow/json.py": "raise ImportError('shadow')",
        }
    ),
    "16 overwrites python": bad(files={"{name}-{version}.data/data/bin/python": "#!/bin/sh\n"}),
    "18 another Python": bad(requires_python=">=4"),
    "21 entry point out of the environment": bad(
        entry_points="[console_scripts]\n../../x = beanpoles:poles\n"
    ),
    "22 cut off on the way": bad(damage=lambda data: data[:-10]),
    "23 two members of one name": bad(files={"a/./b.py": "1", "a/b.py": "2"}),
    "24 nothing of what it had": BuiltWheel(name="beanpoles", version="1.2"),
}  # fmt: skip
"""What must not get in; the numbers to 20 are those of the research's list of bad upgrades."""


# --- the installer, or what it installs, is bad


@pytest.mark.parametrize("wheel", BAD.values(), ids=BAD)
def test_a_bad_upgrade_leaves_the_old(
    backend: Backend, garden: Demo, tree: Oracle, monkeypatch: pytest.MonkeyPatch, wheel: BuiltWheel
) -> None:
    monkeypatch.setattr(import_check, "_PATIENCE", 0.8)
    garden.index.publish(wheel)
    prefix = backend.environment.interpreter.prefix
    before = tree(prefix)
    with pytest.raises(PkgwidgetsError):
        apply.apply_plan(backend, plan_upgrade(backend, "beanpoles", version="1.2"))
    assert tree(prefix) == before
    assert {done.outcome for done in backend.journal.transactions()} <= {Outcome.ROLLED_BACK}


HEALED = {
    "8 RECORD lists a file the wheel lacks": bad(record=lambda t: f"{t}ghost.py,sha256=47DEQ,0\n"),
    "9 a file is not in RECORD": bad(
        files={"stray.py": ""}, record=lambda t: t.replace("stray.py", "other.py")
    ),
    "a member above its folder": bad(files={"../evil.py": ""}),
}


@pytest.mark.parametrize("wheel", HEALED.values(), ids=HEALED)
def test_a_record_that_the_installer_mends_can_be_undone_to_the_byte(
    backend: Backend, garden: Demo, tree: Oracle, wheel: BuiltWheel
) -> None:
    garden.index.publish(wheel)
    prefix = backend.environment.interpreter.prefix
    before = tree(prefix)
    with suppress(PkgwidgetsError):
        apply.apply_plan(backend, plan_upgrade(backend, "beanpoles", version="1.2"))
        apply.apply_plan(backend, plan_undo(backend))
    assert tree(prefix) == before


SEEN_BAD = {
    "16 overwrites the environment's own": bad(files={"{name}-{version}.data/data/pyvenv.cfg": ""}),
    "16 overwrites another's script": bad(
        entry_points="[console_scripts]\nseedshelf = beanpoles:poles\n"
    ),
    "17 overwrites another's file": bad(files={"raintable.py": "class RainTable: pass\n"}),
    "25 writes into our folder": bad(files={"{name}-{version}.data/data/.pkgwidgets/lock": ""}),
}


@pytest.mark.parametrize("wheel", SEEN_BAD.values(), ids=SEEN_BAD)
def test_a_wheel_that_takes_what_is_not_its_own_is_refused(
    backend: Backend, garden: Demo, tree: Oracle, wheel: BuiltWheel
) -> None:
    garden.index.publish(wheel)
    before = tree(backend.environment.interpreter.prefix)
    with pytest.raises(EnvironmentRefused, match=r"would overwrite|RECORD of"):
        apply.apply_plan(backend, plan_upgrade(backend, wheel.name, version=wheel.version))
    assert tree(backend.environment.interpreter.prefix) == before
    assert last(backend).outcome is Outcome.ROLLED_BACK


# --- what cannot be put back, and what a crash left


def test_a_damaged_journal_of_old_does_not_take_the_environment_back(
    backend: Backend, garden: Demo
) -> None:
    done = apply.apply_plan(backend, plan_upgrade(backend, "seedshelf"))
    file = backend.journal.folder(done.id) / "journal"
    file.write_bytes(file.read_bytes().replace(b'"VERIFIED"', b'"VERIFIEd"'))
    with suppress(PkgwidgetsError):
        apply.apply_plan(backend, plan_upgrade(backend, "frostcall"))
    assert "1.4.2" in (garden.site_packages / "seedshelf.py").read_text()


def test_a_torn_record_is_recovered_from_for_good(backend: Backend) -> None:
    id = crashed(backend, plan_upgrade(backend, "seedshelf"), "INSTALLED")
    with (backend.journal.folder(id) / "journal").open("ab") as file:
        file.write(b'{"v": 1, "n"')
    for _ in range(2):
        with backend.environment.locked("recovery"):
            recovery.recover(backend)
    assert last(backend).outcome is Outcome.ROLLED_BACK


# --- going back


def test_a_removal_is_undone_to_the_byte_without_the_index(
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


def test_a_save_point_that_is_damaged_after_the_plan_leaves_everything(
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
    assert last(backend).outcome is Outcome.ROLLED_BACK


def test_the_history_is_read_by_another_session(backend: Backend, garden: Demo) -> None:
    done = apply.apply_plan(backend, plan_upgrade(backend, "seedshelf"))
    (found,) = FolderJournal(garden.folder / "env" / ".pkgwidgets").transactions()
    assert (found.id, found.plan) == (done.id, replace(done.plan, restart=None))


def test_damage_to_an_old_journal_takes_nothing_back(backend: Backend, garden: Demo) -> None:
    """Only the newest can be unfinished: the next begins when the last has ended."""
    done = apply.apply_plan(backend, plan_upgrade(backend, "seedshelf"))
    apply.apply_plan(backend, plan_upgrade(backend, "frostcall"))
    file = backend.journal.folder(done.id) / "journal"
    file.write_bytes(file.read_bytes().replace(b'"COMMIT"', b'"COMMIt"'))
    apply.apply_plan(backend, plan_upgrade(backend, "bedplanner"))
    assert "1.4.2" in (garden.site_packages / "seedshelf.py").read_text()
    (damaged, *_) = backend.journal.transactions()
    assert (damaged.outcome, damaged.error) == (Outcome.INCOMPLETE, "its journal is damaged")


def test_a_new_session_repairs_what_a_crash_left(
    backend: Backend, garden: Demo, tree: Oracle
) -> None:
    prefix = backend.environment.interpreter.prefix
    before = tree(prefix)
    crashed(backend, plan_upgrade(backend, "seedshelf"), "INSTALLED")
    assert tree(prefix) != before
    assert recovery.recover_if_needed(backend)
    assert tree(prefix) == before
    assert recovery.recover_if_needed(backend) == ()


def test_a_clock_that_was_put_back_hides_no_crash(
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
    crashed(backend, plan_upgrade(backend, "seedshelf"), "INSTALLED")
    assert recovery.recover_if_needed(backend)
    assert tree(prefix) == before


def test_no_plan_is_made_on_half_an_environment(backend: Backend) -> None:
    crashed(backend, plan_upgrade(backend, "seedshelf"), "INSTALLED")
    holder = backend.environment.locked("an installer that outlived us")
    with holder, pytest.raises(EnvironmentBusy, match="outlived us"):
        plan_upgrade(backend, "frostcall")
    apply.apply_plan(backend, plan_upgrade(backend, "frostcall"))
    assert [t.outcome for t in backend.journal.transactions()] == [
        Outcome.ROLLED_BACK,
        Outcome.COMMITTED,
    ]


def test_a_file_that_another_owns_too_is_not_taken_from_it(
    backend: Backend, garden: Demo, tree: Oracle
) -> None:
    twins = [
        BuiltWheel(name=name, version="1", files={"both.py": "x = 1"}) for name in ("pea", "pod")
    ]
    garden.index.publish(*twins)
    apply.apply_plan(backend, plan_install(backend, "pea"))
    apply.apply_plan(backend, plan_install(backend, "pod"))
    before = tree(backend.environment.interpreter.prefix)
    with pytest.raises(EnvironmentRefused, match=r"pea owns 'both\.py', too"):
        apply.apply_plan(backend, plan_uninstall(backend, "pod"))
    assert tree(backend.environment.interpreter.prefix) == before


def test_modules_without_a_source_are_saved_too(
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
