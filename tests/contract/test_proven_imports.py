"""A check of the same files is not run again; one of any other files is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pkgwidgets.backends.sandbox import proven_imports
from pkgwidgets.backends.sandbox.import_check import SubprocessImportChecker
from pkgwidgets.backends.sandbox.proven_imports import ProvenImportChecker, ProvenImports
from pkgwidgets.core.errors import Cancelled
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Backend, ImportCheck
from pkgwidgets.core.preparations import BYTECODE_FOLDER
from pkgwidgets.demo import Demo

MODULES = ["new_pea", "raintable"]


@dataclass
class Bench:
    """A stage with one new module, and a checker that counts the checks that run."""

    site: Path
    stage: Path
    store: Path
    backend: Backend
    variables: dict[str, str] = field(default_factory=dict)
    ran: int = 0

    @property
    def staged_module(self) -> Path:
        prefix = self.backend.environment.interpreter.prefix
        return self.stage / self.site.relative_to(prefix) / "new_pea.py"

    def stage_again(self, code: str = "pods = 3\n") -> None:
        self.staged_module.parent.mkdir(parents=True, exist_ok=True)
        self.staged_module.write_text(code)

    def check(self, *modules: str, **more: Any) -> ImportCheck:
        interpreter = self.backend.environment.interpreter
        bench = self

        class Counting(SubprocessImportChecker):
            def check(self, *arguments: Any, **named: Any) -> ImportCheck:
                bench.ran += 1
                return super().check(*arguments, **named)

        checker = ProvenImportChecker(
            Counting(interpreter), interpreter, ProvenImports(self.store), lambda: self.variables
        )
        return checker.check(modules or MODULES, **{"staged": self.stage, **more})


@pytest.fixture
def bench(backend: Backend, garden: Demo, tmp_path: Path) -> Bench:
    made = Bench(garden.site_packages, tmp_path / "stage", tmp_path / "store", backend)
    made.stage_again()
    return made


def compiled(bench: Bench) -> list[str]:
    return sorted(file.name for file in (bench.stage / BYTECODE_FOLDER).rglob("*.pyc"))


def test_same_files_are_imported_once(bench: Bench) -> None:
    events: list[Event] = []
    assert bench.check().errors == {}
    names = compiled(bench)
    assert any(name.startswith("new_pea.") for name in names)
    (bench.stage / BYTECODE_FOLDER).rename(bench.store / "elsewhere")
    bench.stage_again()
    assert bench.check(report=events.append) == ImportCheck(errors={}, depends_on_place=False)
    assert (bench.ran, compiled(bench)) == (1, names)
    assert [event.text for event in events if event.text] == [proven_imports.PROVEN_TEXT]


def test_comparison_of_files_reports_and_can_be_cancelled(bench: Bench) -> None:
    """A large environment has many files to list, and a large wheel many to hash."""
    few: list[Event] = []
    many: list[Event] = []
    bench.check(report=few.append)
    for number in range(2000):
        (bench.site / f"notes_{number}.txt").touch()
    bench.check(report=many.append)
    assert len(many) >= len(few) + 4
    assert {(event.stage, event.text) for event in many} >= {(Stage.CHECKING, "")}

    def refuse(event: Event) -> None:
        raise Cancelled("")

    bench.ran = 0
    with pytest.raises(Cancelled):
        bench.check(report=refuse)
    assert bench.ran == 0


def edit_installed(bench: Bench) -> None:
    file = bench.site / "raintable.py"
    text = file.read_text()
    os.utime(file, ns=(1, 1))
    assert file.read_text() == text


CHANGES: dict[str, Callable[[Bench], object]] = {
    "another staged content of the same size": lambda bench: bench.stage_again("pods = 4\n"),
    "another time of an installed file": edit_installed,
    "a new installed file": lambda bench: (bench.site / "weed.py").touch(),
    "a removed installed file": lambda bench: (bench.site / "compost_log.py").unlink(),
    "a new staged file": lambda bench: (bench.staged_module.parent / "weed.py").touch(),
    "another variable": lambda bench: bench.variables.update(GARDEN="2"),
    "a folder from elsewhere": lambda bench: (bench.site / "more.pth").write_text("/elsewhere\n"),
    "a startup file of PEP 829": lambda bench: (bench.site / "x.start").write_text("weed:run\n"),
    "code that may add a folder": lambda bench: (bench.site / "x.pth").write_text("import os\n"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_other_files_are_imported_again(bench: Bench, change: Callable[[Bench], object]) -> None:
    bench.check()
    change(bench)
    bench.check()
    assert bench.ran == 2


@pytest.mark.parametrize(
    "arguments",
    [
        {"optional": ["allotboard"]},
        {"masked": [Path("allotboard.py")]},
    ],
    ids=["optional modules", "masked files"],
)
def test_other_question_is_asked_again(bench: Bench, arguments: dict[str, Any]) -> None:
    bench.check()
    bench.check(**arguments)
    bench.check("new_pea")
    assert bench.ran == 3


def test_required_and_optional_modules_differ(bench: Bench) -> None:
    bench.check("new_pea", "raintable")
    bench.check("new_pea", optional=["raintable"])
    assert bench.ran == 2


def test_what_failed_is_tried_again(bench: Bench) -> None:
    bench.stage_again("raise ImportError('too early')\n")
    for _ in range(2):
        assert bench.check().errors == {"new_pea": "ImportError: too early"}
    assert bench.ran == 2


def test_what_depends_on_its_place_is_tried_again(bench: Bench) -> None:
    read = bench.site / "raintable.py"
    bench.stage_again(f"open({str(read)!r}).close()\n")
    for _ in range(2):
        assert bench.check(watched=[read]).depends_on_place
    assert bench.ran == 2


def test_folder_from_outside_is_imported_again(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (bench.site / "linked").symlink_to(tmp_path / "outside")
    bench.check()
    bench.check()
    assert bench.ran == 2


def test_file_that_changes_during_the_check_proves_nothing(bench: Bench) -> None:
    weed = bench.site / "weed.py"
    bench.check(report=lambda event: weed.touch())
    weed.unlink()
    bench.check()
    assert bench.ran == 2


def test_damaged_file_counts_as_missing(bench: Bench) -> None:
    bench.check()
    (file,) = bench.store.iterdir()
    data = bytearray(file.read_bytes())
    data[200] ^= 1
    file.write_bytes(data)
    bench.check()
    assert bench.ran == 2
    file.write_bytes(b"")
    bench.check()
    assert bench.ran == 3
    bench.check()
    assert bench.ran == 3


def test_proof_of_last_week_counts_no_more(bench: Bench) -> None:
    bench.check()
    (file,) = bench.store.iterdir()
    old = time.time() - 8 * 86_400
    os.utime(file, (old, old))
    bench.check()
    assert bench.ran == 2


def test_few_proofs_are_kept(bench: Bench) -> None:
    bench.store.mkdir()
    left = bench.store / "new-left"
    left.touch()
    os.utime(left, (0, 0))
    for number in range(10):
        bench.stage_again(f"pods = {number}\n")
        bench.check("new_pea")
    assert len(list(bench.store.iterdir())) == 8
    assert not left.exists()


def test_folder_that_cannot_be_written_keeps_nothing(bench: Bench) -> None:
    bench.store.touch()
    assert bench.check().errors == {}
    assert bench.check().errors == {}
    assert bench.ran == 2
