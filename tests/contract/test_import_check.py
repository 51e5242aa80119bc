"""The import check names the failing modules, whatever they do to its process."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from fakes import Kit

from pkgwidgets.backends.environment import interpreter
from pkgwidgets.backends.sandbox.import_check import ImportCheckLimits, SubprocessImportChecker
from pkgwidgets.core.errors import Cancelled
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import NOT_TRIED, Backend
from pkgwidgets.demo import Demo

MODULES = ["allotboard", "bedplanner", "compost_log", "raintable"]


def checker_with_limits(backend: Backend, **limits: float) -> SubprocessImportChecker:
    """Return an import check of the same environment with less time."""
    return SubprocessImportChecker(backend.environment.interpreter, ImportCheckLimits(**limits))


# --- the fake and the real one


def test_importable_modules_are_not_reported(kit: Kit) -> None:
    before = kit.tree()
    assert kit.backend.import_checker.check(MODULES).errors == {}
    assert kit.backend.import_checker.check([]).errors == {}
    assert kit.tree() == before


def test_failing_module_is_reported_with_its_error(kit: Kit) -> None:
    kit.edit("raintable.py", b"raise ImportError('it raises')\n")
    failures = kit.backend.import_checker.check(["compost_log", "raintable", "nothing"]).errors
    assert failures == {
        "raintable": "ImportError: it raises",
        "nothing": "ModuleNotFoundError: No module named 'nothing'",
    }


def test_import_check_reports_progress(kit: Kit) -> None:
    events: list[Event] = []
    kit.backend.import_checker.check(MODULES, events.append)
    assert {event.stage for event in events} == {Stage.VERIFYING}


def test_exception_from_the_reporter_stops_the_import_check(kit: Kit) -> None:
    def cancel(event: Event) -> None:
        raise Cancelled("")

    with pytest.raises(Cancelled):
        kit.backend.import_checker.check(MODULES, cancel)


# --- the real one only


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise ValueError('no')", "ValueError: no"),
        ("import nobody", "ModuleNotFoundError: No module named 'nobody'"),
        ("1 +", "SyntaxError: invalid syntax"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt: "),
        ("import os; os._exit(0)", "it ended the process: no error message"),
        ("import os; os._exit(7)", "it ended the process: no error message"),
        ("import os; os.kill(os.getpid(), 9)", "it ended the process (signal 9)"),
        ("import os; os.abort()", "it ended the process (signal 6)"),
        ("raise type('E', (Exception,), {'__str__': lambda s: 1 / 0})", "ZeroDivisionError"),
        ("def f(): f()\nf()", "RecursionError"),
        (f"raise ValueError({'x' * 100!r} * 100)", "ValueError: xxx"),
        ("raise ValueError('\\ud800')", "ValueError: \ud800"),
    ],
    ids=range(13),
)
def test_failing_module_is_named_and_the_others_are_still_imported(
    backend: Backend, garden: Demo, code: str, reason: str
) -> None:
    (garden.site_packages / "culprit.py").write_text(code)
    failures = backend.import_checker.check(
        ["raintable", "culprit", "nobody_else", "allotboard"]
    ).errors
    assert list(failures) == ["culprit", "nobody_else"]
    assert reason in failures["culprit"]
    assert len(failures["culprit"]) < 600


def test_hanging_import_is_stopped_after_the_timeout(backend: Backend, garden: Demo) -> None:
    checker = checker_with_limits(backend, module_seconds=0.5, last_seconds=1.0)
    (garden.site_packages / "hanging.py").write_text("import time; time.sleep(60)")
    started = time.monotonic()
    failures = checker.check(["raintable", "hanging", "allotboard"]).errors
    assert failures == {"hanging": "it did not finish within 1 seconds"}
    assert time.monotonic() - started < 6


@pytest.mark.parametrize("others", [(), ("raintable",)])
def test_slow_import_is_tried_again_with_more_time(
    backend: Backend, garden: Demo, others: tuple[str, ...]
) -> None:
    """A busy machine, or a module that compiles code, is no failure."""
    (garden.site_packages / "slow.py").write_text("import time; time.sleep(0.8)")
    checker = checker_with_limits(backend, module_seconds=0.3, last_seconds=20.0)
    assert checker.check([*others, "slow"]).errors == {}


def test_progress_names_the_module_that_is_imported_now(backend: Backend, garden: Demo) -> None:
    site = backend.environment.interpreter.scheme["purelib"]
    (site / "slow_pea.py").write_text("import time\ntime.sleep(0.4)\n")
    events: list[Event] = []
    checker = SubprocessImportChecker(backend.environment.interpreter)
    assert checker.check(["raintable", "slow_pea", "bedplanner"], events.append).errors == {}
    slow = Event(
        stage=Stage.VERIFYING, text="verifying: importing slow_pea, 2 of 3", done=2, total=3
    )
    assert slow in events


def test_only_one_of_many_hanging_imports_gets_more_time(backend: Backend, garden: Demo) -> None:
    names = ["hanging1", "hanging2", "hanging3"]
    for name in names:
        (garden.site_packages / f"{name}.py").write_text("import time; time.sleep(60)")
    checker = checker_with_limits(backend, module_seconds=0.4, last_seconds=1.5)
    started = time.monotonic()
    assert list(checker.check(names).errors) == names
    assert time.monotonic() - started < 5


def test_many_slow_modules_do_not_reach_the_timeout(backend: Backend, garden: Demo) -> None:
    names = [f"slow{number}" for number in range(8)]
    for name in names:
        (garden.site_packages / f"{name}.py").write_text("import time; time.sleep(0.12)")
    assert checker_with_limits(backend, module_seconds=0.6).check(names).errors == {}


@pytest.mark.parametrize(
    "code",
    [
        "print('junk'); print('pkgwidgets-trial:[\"fine\", \"culprit\"]')",
        "import os; os.write(1, b'pkgwidgets-trial:junk\\n' * 3)",
        "import sys; sys.stdout.close(); sys.stderr.close()",
        "import os; os.close(1); os.close(2); os.close(0)",
        "import sys; sys.stdout = sys.stderr = None",
        "import os, sys; os.write(1, b'\\xff' * 200_000)",
        "import sys; sys.exit = None; sys.modules['json'] = None; sys.argv.append('x')",
        "import atexit; atexit.register(lambda: 1 / 0)",
        "import threading; threading.Thread(target=lambda: __import__('time').sleep(60)).start()",
    ],
    ids=range(9),
)
def test_module_that_disturbs_the_process_is_not_reported(
    backend: Backend, garden: Demo, code: str
) -> None:
    (garden.site_packages / "rude.py").write_text(code)
    failures = backend.import_checker.check(["raintable", "rude", "nobody"]).errors
    assert failures == {"nobody": "ModuleNotFoundError: No module named 'nobody'"}


def test_module_that_clears_sys_argv_is_not_reported(backend: Backend, garden: Demo) -> None:
    (garden.site_packages / "rude.py").write_text("import sys; sys.argv.clear()")
    assert backend.import_checker.check(["rude", "raintable"]).errors == {}


def test_output_of_a_pth_file_is_ignored(backend: Backend, garden: Demo) -> None:
    noise = "import sys; print('junk'); print('pkgwidgets-trial:', file=sys.stderr)\n"
    (garden.site_packages / "noise.pth").write_text(noise)
    assert backend.import_checker.check(["raintable"]).errors == {}


def test_pth_file_that_raises_at_startup_is_named(backend: Backend, garden: Demo) -> None:
    (garden.site_packages / "spoilt.pth").write_text("import raintable\nimport nobody\n")
    error = "ModuleNotFoundError: No module named 'nobody'"
    assert backend.import_checker.check(["raintable"]).errors == {"spoilt.pth": error}


def test_interpreter_that_does_not_start_fails_every_module(backend: Backend, garden: Demo) -> None:
    (garden.site_packages / "end.pth").write_text("import os; os._exit(3)\n")
    assert backend.import_checker.check(["raintable", "allotboard"]).errors == dict.fromkeys(
        ["raintable", "allotboard"], "it ended the process: no error message"
    )


def test_staged_modules_come_first_and_are_not_modified(
    backend: Backend, garden: Demo, tmp_path: Path
) -> None:
    beside = tmp_path / garden.site_packages.relative_to(garden.folder / "env")
    beside.mkdir(parents=True)
    (beside / "raintable.py").write_text("raise ImportError('beside')")
    (beside / "fresh.py").write_text("import seedshelf")
    events: list[Event] = []
    failures = backend.import_checker.check(
        ["fresh", "allotboard"], events.append, staged=tmp_path
    ).errors
    assert failures == {"allotboard": "ImportError: beside"}
    assert {event.stage for event in events} == {Stage.CHECKING}
    assert sorted(path.name for path in beside.iterdir()) == ["fresh.py", "raintable.py"]
    assert backend.import_checker.check(["allotboard"]).errors == {}


def test_pythonpath_and_working_folder_are_ignored(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "raintable.py").write_text("raise ImportError('from outside')")
    (tmp_path / "json.py").write_text("raise ImportError('from outside')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "raintable.py"))
    monkeypatch.chdir(tmp_path)
    assert backend.import_checker.check(["raintable"]).errors == {}


def test_modules_that_conflict_only_with_each_other_are_not_reported(
    backend: Backend, garden: Demo
) -> None:
    """Like pip and setuptools: each imports alone, but the second one fails after the first."""
    (garden.site_packages / "jealous.py").write_text(
        "import sys; assert 'rival' not in sys.modules"
    )
    (garden.site_packages / "rival.py").write_text("")
    (garden.site_packages / "bad.py").write_text("1 / 0")
    failures = backend.import_checker.check(["rival", "jealous", "bad"]).errors
    assert failures == {"bad": "ZeroDivisionError: division by zero"}


# --- staged packages


@pytest.fixture
def stage(garden: Demo, tmp_path: Path) -> Path:
    """Return the library folder of a staged prefix."""
    library = tmp_path / garden.site_packages.relative_to(garden.folder / "env")
    library.mkdir(parents=True)
    return library


def test_masked_files_cannot_be_imported(
    backend: Backend, garden: Demo, tmp_path: Path, stage: Path
) -> None:
    (garden.site_packages / "gone.py").write_text("")
    (garden.site_packages / "user.py").write_text("import gone")
    (stage / "fresh.py").write_text("")
    assert backend.import_checker.check(["user"], staged=tmp_path).errors == {}
    hidden = {garden.site_packages / "gone.py"}
    missing = "ModuleNotFoundError: No module named 'gone'"
    assert backend.import_checker.check(["user"], staged=tmp_path, masked=hidden).errors == {
        "user": missing
    }
    assert backend.import_checker.check(["user"], masked=hidden).errors == {"user": missing}


def test_package_combines_staged_files_and_files_of_other_distributions(
    backend: Backend, garden: Demo, tmp_path: Path, stage: Path
) -> None:
    for library, names in ((garden.site_packages, ("a", "theirs")), (stage, ("a", "b"))):
        (library / "bed").mkdir()
        for name in names:
            (library / "bed" / f"{name}.py").write_text(f"where = {library == stage}\n")
    (garden.site_packages / "bed" / "__init__.py").write_text("")
    (stage / "user.py").write_text(
        "import bed.theirs, bed.b, bed.a\nassert bed.a.where and bed.b.where, bed.a.__file__\n"
    )
    assert backend.import_checker.check(["user", "bed.theirs"], staged=tmp_path).errors == {}


def test_staged_module_does_not_hide_the_standard_library(
    backend: Backend, tmp_path: Path, stage: Path
) -> None:
    (stage / "statistics.py").write_text("1 / 0")
    (stage / "user.py").write_text("import statistics; statistics.mean")
    assert backend.import_checker.check(["user"], staged=tmp_path).errors == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nobody\n", "ModuleNotFoundError: No module named 'nobody'"),
        ("import sys; sys.exit(3)\n", "SystemExit: 3"),
        ("import os; os._exit(3)\n", "it ended the process: no error message"),
    ],
    ids=range(3),
)
def test_failing_staged_pth_file_is_named(
    backend: Backend, tmp_path: Path, stage: Path, text: str, reason: str
) -> None:
    (stage / "spoilt.pth").write_text(text)
    assert backend.import_checker.check(["raintable"], staged=tmp_path).errors == {
        "spoilt.pth": reason
    }


def test_staged_pth_file_adds_its_folder_to_the_path(
    backend: Backend, tmp_path: Path, stage: Path
) -> None:
    (stage / "more.pth").write_text("# more\n\nmore\nnowhere\nimport sys; sys.more = 1\n")
    (stage / "more").mkdir()
    (stage / "more" / "deep.py").write_text("import sys; sys.more")
    assert backend.import_checker.check(["deep"], staged=tmp_path).errors == {}


def test_import_check_writes_nothing_to_the_environment(
    backend: Backend, garden: Demo, tmp_path: Path, stage: Path
) -> None:
    (stage / "fresh.py").write_text("import bedplanner")
    before = sorted(garden.site_packages.rglob("*"))
    assert backend.import_checker.check(["fresh"], staged=tmp_path).errors == {}
    assert backend.import_checker.check(["bedplanner"], masked={Path("/nowhere.py")}).errors == {}
    assert sorted(garden.site_packages.rglob("*")) == before


def test_staged_bytecode_is_reused_by_the_environment(
    backend: Backend, garden: Demo, tmp_path: Path, stage: Path
) -> None:
    """It is valid for the installed source, so the first import compiles nothing."""
    (stage / "fresh.py").write_text("import bedplanner\nwhere = __file__\n")
    assert backend.import_checker.check(["fresh"], staged=tmp_path).errors == {}
    installed = garden.site_packages / "fresh.py"
    installed.write_bytes((stage / "fresh.py").read_bytes())
    os.utime(installed, (1_700_000_000, 1_700_000_000))
    (garden.site_packages / "raintable.py").write_text("edited = True\n")
    backend.import_checker.keep_bytecode(tmp_path)
    handed = sorted(garden.site_packages.rglob("*.pyc"))
    names = {file.name.partition(".")[0] for file in handed}
    assert {"fresh", "__init__", "layout"} <= names
    stamps = [(file, file.stat().st_mtime_ns, file.stat().st_ino) for file in handed]
    assert backend.import_checker.check(["fresh"]).errors == {}
    assert [(f, f.stat().st_mtime_ns, f.stat().st_ino) for f in handed] == stamps


def test_bytecode_of_a_different_source_is_not_reused(
    backend: Backend, garden: Demo, tmp_path: Path, stage: Path
) -> None:
    (stage / "fresh.py").write_text("x = 1\n")
    assert backend.import_checker.check(["fresh"], staged=tmp_path).errors == {}
    (garden.site_packages / "fresh.py").write_text("x = 2\n")  # of the same size
    backend.import_checker.keep_bytecode(tmp_path)
    assert list(garden.site_packages.rglob("fresh.*.pyc")) == []


def test_optional_modules_are_skipped_without_spare_time(backend: Backend, garden: Demo) -> None:
    checker = checker_with_limits(backend, optional_seconds=0.0)
    (garden.site_packages / "slow.py").write_text("import time; time.sleep(0.01)")
    (garden.site_packages / "ends.py").write_text("import os; os._exit(1)")
    failures = checker.check(["slow", "ends", "nobody"], optional=["bad", "raintable"]).errors
    assert failures == {
        "ends": "it ended the process: no error message",
        "nobody": "ModuleNotFoundError: No module named 'nobody'",
        "bad": NOT_TRIED,
        "raintable": NOT_TRIED,
    }


def test_hanging_optional_module_is_reported_as_not_tried(backend: Backend, garden: Demo) -> None:
    checker = checker_with_limits(backend, optional_seconds=1.0)
    (garden.site_packages / "hanging.py").write_text("import time; time.sleep(600)")
    started = time.monotonic()
    failures = checker.check(["raintable"], optional=["hanging", "allotboard"]).errors
    assert failures == {"hanging": NOT_TRIED, "allotboard": NOT_TRIED}
    assert time.monotonic() - started < 50


def test_optional_modules_are_imported_if_there_is_time(kit: Kit) -> None:
    missing = "ModuleNotFoundError: No module named 'nobody'"
    failures = kit.backend.import_checker.check(
        ["raintable"], optional=["nobody", "allotboard"]
    ).errors
    assert failures == {"nobody": missing}


# --- the kernel check


def test_kernel_check_fails_without_jupyter_client(backend: Backend) -> None:
    reason = backend.import_checker.kernel()
    assert reason is not None
    assert "No module named 'jupyter_client'" in reason


def test_kernel_check_passes_in_this_environment() -> None:
    """It uses this Python and neither reads nor writes files of the user."""
    here = SubprocessImportChecker(interpreter.describe())
    assert here.kernel() is None


def test_kernel_that_never_answers_is_given_up() -> None:
    limits = ImportCheckLimits(module_seconds=0.2)
    reason = SubprocessImportChecker(interpreter.describe(), limits).kernel()
    assert reason is not None
    assert "it does" in reason or "it did not finish" in reason
