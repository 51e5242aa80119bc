"""An import check leaves no files of the modules that it imports."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from fakes import Oracle

from pkgwidgets.backends.sandbox import new_files
from pkgwidgets.core.errors import Cancelled, VerificationFailed
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_upgrade

WRITES = """
from pathlib import Path
here = Path(__file__).parent
(here / "hash_seed.txt").write_text("seed")
(here / "made" / "deeper").mkdir(parents=True, exist_ok=True)
(here / "made" / "deeper" / "cache.json").write_text("{}")
(here / "__pycache__").mkdir(exist_ok=True)
(here / "__pycache__" / "f-1.py311.nbi").write_text("an index of numba")
(here / "new.tmp").write_text("whole")
(here / "new.tmp").rename(here / "renamed.txt")
"""


def without_bytecode(garden: Demo) -> list[Path]:
    """Return all paths of site-packages but bytecode and its folders."""
    paths = sorted(garden.site_packages.rglob("*"))
    return [path for path in paths if path.suffix != ".pyc" and path.name != "__pycache__"]


def test_files_that_a_module_creates_are_removed(backend: Backend, garden: Demo) -> None:
    (garden.site_packages / "raintable.py").write_text(WRITES)
    before = without_bytecode(garden)
    assert backend.import_checker.check(["raintable", "compost_log"]).errors == {}
    assert without_bytecode(garden) == before


@pytest.mark.parametrize("end", ["import os; os._exit(3)", "raise ValueError('no')"])
def test_files_of_a_failing_module_are_removed(backend: Backend, garden: Demo, end: str) -> None:
    (garden.site_packages / "raintable.py").write_text(WRITES + end)
    before = without_bytecode(garden)
    assert set(backend.import_checker.check(["raintable", "compost_log"]).errors) == {"raintable"}
    assert without_bytecode(garden) == before


def test_files_are_removed_if_the_check_is_cancelled(backend: Backend, garden: Demo) -> None:
    (garden.site_packages / "raintable.py").write_text(WRITES + "import time; time.sleep(60)\n")
    before = without_bytecode(garden)

    def cancel(event: Event) -> None:
        if (garden.site_packages / "renamed.txt").exists():
            raise Cancelled("")

    with pytest.raises(Cancelled):
        backend.import_checker.check(["raintable"], cancel)
    assert without_bytecode(garden) == before


def test_a_file_that_existed_before_stays(backend: Backend, garden: Demo) -> None:
    (garden.site_packages / "raintable.py").write_text(WRITES)
    (garden.site_packages / "hash_seed.txt").write_text("of the user")
    assert backend.import_checker.check(["raintable"]).errors == {}
    assert (garden.site_packages / "hash_seed.txt").read_text() == "seed"
    assert not (garden.site_packages / "renamed.txt").exists()


def test_undo_ends_with_the_old_tree_though_the_new_version_writes(
    backend: Backend, garden: Demo, tree: Oracle
) -> None:
    """As gradio does, which writes `hash_seed.txt` beside its modules at its first import."""
    for version, code in (("1.0", ""), ("2.0", WRITES)):
        files = {"pergola/__init__.py": f"{code}x = {version!r}\n"}
        garden.index.publish(BuiltWheel(name="pergola", version=version, files=files))
    apply.apply_plan(backend, plan_install(backend, "pergola==1.0"))
    before = tree(garden.folder / "env")
    apply.apply_plan(backend, plan_upgrade(backend, "pergola"))
    apply.apply_plan(backend, plan_undo(backend))
    assert tree(garden.folder / "env") == before


def test_rollback_removes_caches_that_another_process_wrote(
    backend: Backend, garden: Demo, tree: Oracle
) -> None:
    """As numba's compiled code, of a version whose import fails only where it is installed."""
    code = """
import os
from pathlib import Path
here = Path(__file__).parent
(here / "__pycache__").mkdir(exist_ok=True)
os.system(f"echo compiled > {here}/__pycache__/f-1.py311.nbi")
if ".pkgwidgets" not in here.parts:
    raise ImportError("not here")
"""
    for version, text in (("1.0", ""), ("2.0", code)):
        files = {"pergola/__init__.py": f"{text}x = {version!r}\n"}
        wheel = BuiltWheel(name="pergola", version=version, files=files)
        garden.index.publish(wheel)
        if version == "1.0":
            apply.apply_plan(backend, plan_install(backend, "pergola==1.0"))
    shutil.rmtree(garden.site_packages / "pergola" / "__pycache__")
    before = tree(garden.folder / "env")
    events: list[Event] = []
    with pytest.raises(VerificationFailed, match="not here"):
        apply.apply_plan(backend, plan_upgrade(backend, "pergola"), events.append)
    assert ["not here" in event.log for event in events if event.stage is Stage.RESTORING] == [True]
    assert tree(garden.folder / "env") == before


def test_notes_cannot_name_other_files(tmp_path: Path) -> None:
    prefix, outside, folder = tmp_path / "env", tmp_path / "outside", tmp_path / "notes"
    for path in (prefix, outside, folder):
        path.mkdir()
    old = prefix / "old.txt"
    old.write_text("older than the check")
    with new_files.new_files_removed(folder, prefix):
        (prefix / "link").symlink_to(outside)
        kept = [outside / "a.txt", prefix / "link" / "b.txt"]
        for path in kept:
            path.write_text("kept")
        (prefix / "new.txt").write_text("new")
        noted = [*kept, prefix / ".." / "outside" / "a.txt", prefix / "new.txt", prefix]
        lines = [*(json.dumps(str(path)) for path in noted), "{", "7", '"\\u0000"', '"new.txt"']
        (folder / "new-files").write_text("\n".join(lines))
    assert all(path.exists() for path in (*kept, old, prefix))
    assert not (prefix / "new.txt").exists()
