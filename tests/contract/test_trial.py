"""A trial says which modules fail and why, whatever they do to the process that tries them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fakes import Kit

from pkgwidgets.backends import trial
from pkgwidgets.core.errors import Cancelled
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.model import Event, Stage
from pkgwidgets.demo import Demo

MODULES = ["allotboard", "bedplanner", "compost_log", "raintable"]


# --- both


def test_what_imports_is_not_mentioned(kit: Kit) -> None:
    before = kit.tree()
    assert kit.backend.trial.failing(MODULES) == {}
    assert kit.backend.trial.failing([]) == {}
    assert kit.tree() == before


def test_what_fails_is_named_with_its_error(kit: Kit) -> None:
    kit.edit("raintable.py", b"raise ImportError('it raises')\n")
    found = kit.backend.trial.failing(["compost_log", "raintable", "nothing"])
    assert found == {
        "raintable": "ImportError: it raises",
        "nothing": "ModuleNotFoundError: No module named 'nothing'",
    }


def test_it_reports_while_it_waits(kit: Kit) -> None:
    told: list[Event] = []
    kit.backend.trial.failing(MODULES, told.append)
    assert {event.stage for event in told} == {Stage.VERIFYING}


def test_what_the_report_raises_ends_it(kit: Kit) -> None:
    def cancel(event: Event) -> None:
        raise Cancelled("")

    with pytest.raises(Cancelled):
        kit.backend.trial.failing(MODULES, cancel)


# --- the real one


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise ValueError('no')", "ValueError: no"),
        ("import nobody", "ModuleNotFoundError: No module named 'nobody'"),
        ("1 +", "SyntaxError: invalid syntax"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt: "),
        ("import os; os._exit(0)", "it ended the process: without a word"),
        ("import os; os._exit(7)", "it ended the process: without a word"),
        ("import os; os.kill(os.getpid(), 9)", "it ended the process (signal 9)"),
        ("import os; os.abort()", "it ended the process (signal 6)"),
        ("raise type('E', (Exception,), {'__str__': lambda s: 1 / 0})", "ZeroDivisionError"),
        ("def f(): f()\nf()", "RecursionError"),
        (f"raise ValueError({'x' * 100!r} * 100)", "ValueError: xxx"),
        ("raise ValueError('\\ud800')", "ValueError: \ud800"),
    ],
    ids=range(13),
)
def test_the_culprit_is_named_and_the_others_are_tried(
    backend: Backend, garden: Demo, code: str, reason: str
) -> None:
    (garden.site_packages / "culprit.py").write_text(code)
    found = backend.trial.failing(["raintable", "culprit", "nobody_else", "allotboard"])
    assert list(found) == ["culprit", "nobody_else"]
    assert reason in found["culprit"]
    assert len(found["culprit"]) < 600


def test_what_hangs_is_given_up(
    backend: Backend, garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_PATIENCE", 0.5)
    (garden.site_packages / "hanging.py").write_text("import time; time.sleep(60)")
    started = time.monotonic()
    found = backend.trial.failing(["raintable", "hanging", "allotboard"])
    assert found == {"hanging": "it did not finish within 0 seconds"}
    assert time.monotonic() - started < 5


def test_many_slow_modules_are_not_one_that_hangs(
    backend: Backend, garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_PATIENCE", 0.6)
    names = [f"slow{number}" for number in range(8)]
    for name in names:
        (garden.site_packages / f"{name}.py").write_text("import time; time.sleep(0.12)")
    assert backend.trial.failing(names) == {}


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
def test_what_a_module_does_to_the_process_does_no_harm(
    backend: Backend, garden: Demo, code: str
) -> None:
    (garden.site_packages / "rude.py").write_text(code)
    found = backend.trial.failing(["raintable", "rude", "nobody"])
    assert found == {"nobody": "ModuleNotFoundError: No module named 'nobody'"}


def test_a_module_that_takes_the_arguments_is_not_blamed(backend: Backend, garden: Demo) -> None:
    (garden.site_packages / "rude.py").write_text("import sys; sys.argv.clear()")
    assert backend.trial.failing(["rude", "raintable"]) == {}


def test_noise_of_a_pth_file_does_no_harm(backend: Backend, garden: Demo) -> None:
    noise = (
        "import sys; print('junk'); print('pkgwidgets-trial:', file=sys.stderr)\nimport nobody\n"
    )
    (garden.site_packages / "noise.pth").write_text(noise)
    assert backend.trial.failing(["raintable"]) == {}


def test_a_python_that_does_not_start_fails_everything(backend: Backend, garden: Demo) -> None:
    (garden.site_packages / "end.pth").write_text("import os; os._exit(3)\n")
    assert backend.trial.failing(["raintable", "allotboard"]) == dict.fromkeys(
        ["raintable", "allotboard"], "it ended the process: without a word"
    )


def test_what_lies_beside_comes_first_and_is_not_written_to(
    backend: Backend, garden: Demo, tmp_path: Path
) -> None:
    beside = tmp_path / garden.site_packages.relative_to(garden.folder / "env")
    beside.mkdir(parents=True)
    (beside / "raintable.py").write_text("raise ImportError('beside')")
    (beside / "fresh.py").write_text("import seedshelf")
    told: list[Event] = []
    found = backend.trial.failing(["fresh", "allotboard"], told.append, beside=tmp_path)
    assert found == {"allotboard": "ImportError: beside"}
    assert {event.stage for event in told} == {Stage.CHECKING}
    assert sorted(path.name for path in beside.iterdir()) == ["fresh.py", "raintable.py"]
    assert backend.trial.failing(["allotboard"]) == {}


def test_the_users_variables_and_folder_stay_out(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "raintable.py").write_text("raise ImportError('from outside')")
    (tmp_path / "json.py").write_text("raise ImportError('from outside')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "raintable.py"))
    monkeypatch.chdir(tmp_path)
    assert backend.trial.failing(["raintable"]) == {}


def test_modules_that_cannot_stand_each_other_are_not_blamed(
    backend: Backend, garden: Demo
) -> None:
    """As pip and setuptools: each imports alone, and the second fails after the first."""
    (garden.site_packages / "jealous.py").write_text(
        "import sys; assert 'rival' not in sys.modules"
    )
    (garden.site_packages / "rival.py").write_text("")
    (garden.site_packages / "bad.py").write_text("1 / 0")
    found = backend.trial.failing(["rival", "jealous", "bad"])
    assert found == {"bad": "ZeroDivisionError: division by zero"}
