"""After the installation, what the check beside the environment proved is not imported again."""

from __future__ import annotations

import _queue
from collections.abc import Mapping
from pathlib import Path

import pytest
from fakes import Oracle
from faults.test_bad_wheels import install_directly

from pkgwidgets.core.errors import VerificationFailed
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_undo, plan_upgrade
from pkgwidgets.operations.preparation import prepare_plan

LIBRARY = Path(_queue.__file__).read_bytes()
DATA = "{name}-{version}.data/data/share/pea/"
READS = """
from pathlib import Path
assert (Path(__file__).parent / "pea" / "colour.txt").read_text() == "green"
"""
MAPS = """
import ctypes
from pathlib import Path
ctypes.CDLL(str(Path(__file__).parent / "pea" / "library.so"))
"""
AWAITS = """
import os, pea, sys
path = f"{sys.prefix}/share/pea/{pea.VERSION}.txt"
os.stat(path)  # no audit event tells of it
assert open(path).read() == "green"
"""
FINDS = """
import sys
try:
    open(sys.prefix + "/share/pea/new.txt")
except FileNotFoundError:
    pass
else:
    raise OSError("it is new")
"""

CASES = {
    "reads": (
        READS,
        {"pea/colour.txt": "green"},
        {"pea/colour.txt": "red"},
    ),
    "maps": (
        MAPS,
        {"pea/library.so": LIBRARY},
        {"pea/library.so": b"no library"},
    ),
    "awaits": (AWAITS, {f"{DATA}1.txt": "green"}, {f"{DATA}2.txt": "red"}),
    "finds": (FINDS, {}, {f"{DATA}new.txt": "red"}),
}


def install_pod(
    backend: Backend,
    garden: Demo,
    code: str,
    old: Mapping[str, str | bytes] | None = None,
    new: Mapping[str, str | bytes] | None = None,
) -> None:
    """Publish two versions of pea, and install the first with its dependent pod."""
    wheels = [
        BuiltWheel(
            name="pea",
            version=version,
            files={"pea/__init__.py": f"VERSION = {version}\n", **files},
        )
        for version, files in (("1", old or {}), ("2", new or {}))
    ]
    garden.index.publish(*wheels)
    pod = BuiltWheel(name="pod", version="1", files={"pod.py": code}, requires=("pea",))
    install_directly(garden, wheels[0], pod)


@pytest.mark.parametrize("is_prepared", [False, True])
def test_dependents_are_imported_once(
    backend: Backend, garden: Demo, tmp_path: Path, *, is_prepared: bool
) -> None:
    log = tmp_path / "log"
    note = "with open({!r}, 'a') as log: log.write({!r})\n"
    install_pod(backend, garden, note.format(str(log), "pod "))
    garden.index.publish(
        BuiltWheel(name="pea", version="3", files={"pea.py": note.format(str(log), "pea ")})
    )
    plan = plan_upgrade(backend, "pea", version="3")
    if is_prepared:
        prepare_plan(backend, plan)
    apply.apply_plan(backend, plan)
    assert sorted(log.read_text().split()) == ["pea", "pea", "pod"]


def test_dependents_of_files_that_were_together_before_are_not_imported(
    backend: Backend, garden: Demo, tree: Oracle, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    note = "with open({!r}, 'a') as log: log.write({!r})\n"
    install_pod(backend, garden, note.format(str(log), "pod "))
    new = BuiltWheel(name="pea", version="3", files={"pea.py": note.format(str(log), "pea ")})
    garden.index.publish(new)
    for ran in (["pea", "pea", "pod"], ["pea"]):
        apply.apply_plan(backend, plan_upgrade(backend, "pea", version="3"))
        assert sorted(log.read_text().split()) == ran
        assert list(garden.site_packages.glob("__pycache__/pea.*.pyc"))
        assert list(garden.site_packages.glob("__pycache__/pod.*.pyc"))
        log.unlink()
        apply.apply_plan(backend, plan_undo(backend))
    (garden.site_packages / "compost_log.py").touch()
    apply.apply_plan(backend, plan_upgrade(backend, "pea", version="3"))
    assert sorted(log.read_text().split()) == ["pea", "pea", "pod"]


@pytest.mark.parametrize("is_prepared", [False, True])
@pytest.mark.parametrize(("code", "old", "new"), CASES.values(), ids=CASES)
def test_dependent_that_another_place_breaks_is_found_in_place(
    backend: Backend,
    garden: Demo,
    tree: Oracle,
    code: str,
    old: dict[str, str | bytes],
    new: dict[str, str | bytes],
    *,
    is_prepared: bool,
) -> None:
    install_pod(backend, garden, code, old, new)
    before = tree(backend.environment.interpreter.prefix)
    plan = plan_upgrade(backend, "pea")
    if is_prepared:
        prepare_plan(backend, plan)
    with pytest.raises(VerificationFailed, match="pod cannot be imported with the new versions"):
        apply.apply_plan(backend, plan)
    assert tree(backend.environment.interpreter.prefix) == before


def test_dependent_that_a_startup_file_breaks_is_found_in_place(
    backend: Backend, garden: Demo, tree: Oracle
) -> None:
    """The check runs the file after the interpreter has started, so the installed one still ran."""
    code = "import sys\nassert not hasattr(sys, 'pea') or hasattr(sys, 'old_pea')\n"
    old = {"pea.pth": "import sys; sys.old_pea = 1\n"}
    install_pod(backend, garden, code, old, {"pea.pth": "import sys; sys.pea = 1\n"})
    before = tree(backend.environment.interpreter.prefix)
    with pytest.raises(VerificationFailed, match="pod cannot be imported with the new versions"):
        apply.apply_plan(backend, plan_upgrade(backend, "pea"))
    assert tree(backend.environment.interpreter.prefix) == before
