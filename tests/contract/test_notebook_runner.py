"""Notebook runs in scratch kernels: with the fake, and with real kernels."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import venv
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uv
from fakes import FakeKit, Kit, Oracle
from scratch_notebooks import FakeNotebookRunner, write

from pkgwidgets.analysis.notebook_runs import CellRun, NotebookRun
from pkgwidgets.analysis.rehearsal_backend import NotebookRunner, RunLimits
from pkgwidgets.backends.environment import interpreter as interpreter_module
from pkgwidgets.backends.sandbox.folder_tree import CopyLimits
from pkgwidgets.backends.sandbox.notebook_runner import KernelNotebookRunner
from pkgwidgets.core.errors import Cancelled, InvalidRequest
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel

pytestmark = pytest.mark.slow


@pytest.fixture
def runner(kit: Kit) -> NotebookRunner:
    if isinstance(kit, FakeKit):
        return FakeNotebookRunner(kit.environment)
    return KernelNotebookRunner(kit.backend.environment.interpreter)


def texts(run: NotebookRun) -> list[str]:
    return [cell.text for cell in run.cells]


# --- the fake and the real one


def test_cells_run_in_order_and_continue_after_an_error(
    kit: Kit, runner: NotebookRunner, tmp_path: Path
) -> None:
    before = kit.tree()
    cells: list[str | tuple[str, list[str]]] = [
        "import frostcall",
        "",
        "print('hello')\nfrostcall.frost_tonight(1)",
        "1 / 0",
        ("never", ["nbval-skip"]),
        "# NBVAL_RAISES_EXCEPTION\nint('a')",
        "2 + 3",
    ]
    script = runner.read(write(tmp_path / "a.ipynb", *cells))
    events: list[Event] = []
    (run,) = runner.run([script], report=events.append)
    assert [cell.number for cell in run.cells] == [1, 2, 3, 4, 5, 6]
    assert run.cells[1].text == "hello\nTrue"
    assert [cell.error for cell in run.cells] == [
        "", "", "ZeroDivisionError: division by zero", "", "", "",
    ]  # fmt: skip
    assert run.cells[5].text == "5"
    assert not run.is_clean
    assert {event.stage for event in events} == {Stage.CHECKING}
    assert kit.tree() == before


def test_staged_modules_come_first_and_masked_files_are_gone(
    kit: Kit, runner: NotebookRunner, tmp_path: Path
) -> None:
    interpreter = kit.backend.environment.interpreter
    inside = interpreter.scheme["purelib"].relative_to(interpreter.prefix)
    beside = tmp_path / "stage"
    _write_file(kit, beside / inside / "frostcall.py", b"where = 'beside'\n")
    hidden = {interpreter.scheme["purelib"] / "seedshelf.py"}
    cells = ["import frostcall\nfrostcall.where", "import seedshelf", "import raintable"]
    script = runner.read(write(tmp_path / "n" / "a.ipynb", *cells))
    (run,) = runner.run([script], staged=beside, masked=hidden)
    assert texts(run) == ["'beside'", "ModuleNotFoundError: No module named 'seedshelf'", ""]


def test_each_notebook_has_its_own_kernel(kit: Kit, runner: NotebookRunner, tmp_path: Path) -> None:
    scripts = [
        runner.read(write(tmp_path / name, *cells))
        for name, cells in {"a.ipynb": ["x = 1"], "b.ipynb": ["x"]}.items()
    ]
    first, second = runner.run(scripts)
    assert first.is_clean
    assert second.cells[0].error == "NameError: name 'x' is not defined"


def test_exception_from_the_reporter_stops_the_run(
    kit: Kit, runner: NotebookRunner, tmp_path: Path
) -> None:
    def cancel(event: Event) -> None:
        raise Cancelled("")

    with pytest.raises(Cancelled):
        runner.run([runner.read(write(tmp_path / "a.ipynb", "1"))], report=cancel)


def test_invalid_notebook_file_is_refused(kit: Kit, runner: NotebookRunner, tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text("{")
    for name in ("a.ipynb", "none.ipynb"):
        with pytest.raises(InvalidRequest):
            runner.read(tmp_path / name)


def _write_file(kit: Kit, path: Path, content: bytes) -> None:
    if isinstance(kit, FakeKit):
        kit.disk[path.parent.parent.parent / "stage" / "lib" / path.name] = content
    else:
        path.parent.mkdir(parents=True)
        path.write_bytes(content)


# --- the real one only


@dataclass(frozen=True)
class Real:
    """Runs one notebook of these cells in the demo environment."""

    notebook_runner: KernelNotebookRunner
    folder: Path

    def __call__(self, *cells: str, **more: Any) -> tuple[CellRun, ...]:
        script = self.notebook_runner.read(write(self.folder / "work" / "a.ipynb", *cells))
        (run,) = self.notebook_runner.run([script], **more)
        return run.cells


@pytest.fixture
def real(garden: Demo, tmp_path: Path) -> Real:
    return Real(KernelNotebookRunner(interpreter_module.describe(garden.python)), tmp_path)


def test_notebook_runs_in_a_copy_of_its_folder(real: Real, tmp_path: Path) -> None:
    work = tmp_path / "work"
    for name in ("sub", "venv", ".git"):
        (work / name).mkdir(parents=True)
    (work / "data.txt").write_text("seeds")
    (work / "sub" / "own.py").write_text("x = 7\n")
    (work / "venv" / "pyvenv.cfg").write_text("")
    os.mkfifo(work / "pipe")
    cells = real(
        "open('data.txt').read()",
        "import sub.own; sub.own.x",
        "open('data.txt', 'w').write('weeds'); open('new.txt', 'w').close()",
        "import os; sorted(os.listdir())",
        "os.getcwd()",
    )
    assert [cell.text for cell in cells[:2]] == ["'seeds'", "7"]
    assert cells[3].text == "['.git', 'a.ipynb', 'data.txt', 'new.txt', 'sub']"
    assert cells[4].text == repr(str(work))
    assert (work / "data.txt").read_text() == "seeds"
    assert sorted(path.name for path in work.rglob("*")) == [
        ".git", "a.ipynb", "data.txt", "own.py", "pipe", "pyvenv.cfg", "sub", "venv",
    ]  # fmt: skip


def test_too_large_folder_is_refused_before_it_is_copied(
    real: Real, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused before copying; holes of sparse files count in full."""
    place, work = tmp_path / "tmp", tmp_path / "work"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    for name, length in (("a/one", 1_500_000_000), ("b/two", 600_000_000)):
        (work / name).parent.mkdir(parents=True)
        with (work / name).open("wb") as file:
            file.truncate(length)
    with pytest.raises(InvalidRequest) as raised:
        real("1")
    assert str(raised.value).endswith(
        "work/a.ipynb' is not a valid notebook to rehearse: its folder holds more "
        "than 2.0 GB (a/one: 1.5 GB); move the notebook to its own folder. Nothing was changed."
    )
    assert list(place.iterdir()) == []


def test_folder_with_too_many_files_is_refused(garden: Demo, tmp_path: Path) -> None:
    interpreter = interpreter_module.describe(garden.python)
    real = Real(KernelNotebookRunner(interpreter, CopyLimits(max_files=2)), tmp_path)
    (tmp_path / "work").mkdir()
    for number in range(2):
        (tmp_path / "work" / f"{number}").touch()
    with pytest.raises(
        InvalidRequest, match="more than 2 files; move the notebook to its own folder"
    ):
        real("1")


def test_folder_larger_than_the_free_space_is_refused(
    real: Real, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "data").write_bytes(bytes(5_000))
    free = SimpleNamespace(free=5_000)
    monkeypatch.setattr("shutil.disk_usage", lambda place: free)
    with pytest.raises(InvalidRequest, match=r"5\.\d kB, but only 5\.0 kB are free in .*TMPDIR"):
        real("1")
    free.free = 10_000
    assert real("1")[0].text == "1"


def test_copying_the_folder_can_be_cancelled(
    real: Real, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, work = tmp_path / "tmp", tmp_path / "work"
    place.mkdir()
    work.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    for number in range(20):
        (work / f"{number}").touch()
    progress: list[str] = []

    def cancel(event: Event) -> None:
        progress.append(event.text)
        if len(list(place.rglob("0-work/work/*"))) > 3:
            raise Cancelled("")

    with pytest.raises(Cancelled):
        real("1", report=cancel)
    assert set(progress) == {"copying the folder of a.ipynb"}
    assert list(place.iterdir()) == []


def test_notebook_run_writes_nothing_to_the_environment(
    real: Real, garden: Demo, tree: Oracle, tmp_path: Path
) -> None:
    before = sorted((garden.folder / "env").rglob("*")), tree(garden.folder / "env")
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import bedplanner'])"
    cells = real("import bedplanner", child, staged=tmp_path / "stage")
    assert [cell.error for cell in cells] == ["", ""]
    assert (sorted((garden.folder / "env").rglob("*")), tree(garden.folder / "env")) == before


def test_network_is_blocked_unless_allowed(real: Real, garden: Demo) -> None:
    """Loopback is allowed, and the name is not resolved."""
    here = f"import urllib.request as r; r.urlopen('{garden.index_url}').status"
    away = "import socket; socket.create_connection(('192.0.2.1', 80), 0.2)"
    name = "socket.getaddrinfo('nowhere.invalid', 80)"
    udp = "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'', ('192.0.2.1', 9))"
    refused = "OSError: [Errno 101] Network is unreachable: a rehearsal has no network"
    cells = real(here, away, name, udp)
    assert cells[0].text == "200"
    assert [cell.error for cell in cells[1:]] == [refused] * 3
    cells = real(here, away, name, limits=RunLimits(network=True))
    assert refused not in [cell.error for cell in cells]


def test_cell_over_the_time_limit_is_stopped_and_the_rest_not_reached(real: Real) -> None:
    cells = real("1", "import time; time.sleep(60)", "2", limits=RunLimits(seconds=2))
    assert [cell.aborted for cell in cells] == [
        "", "it did not finish within 2 seconds", "it was not reached",
    ]  # fmt: skip


def test_dead_kernel_is_reported(real: Real) -> None:
    cells = real("1", "import os; os._exit(3)", "2")
    assert [cell.aborted for cell in cells] == ["", "its kernel died", "it was not reached"]


@pytest.mark.parametrize("error", [Cancelled, KeyboardInterrupt])
def test_cancelling_ends_the_kernel_and_its_child_processes(
    real: Real, tmp_path: Path, error: type[BaseException]
) -> None:
    note = tmp_path / "pids"
    source = (
        "import os, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(note)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}} ')\n"
        "time.sleep(600)"
    )

    def cancel(event: Event) -> None:
        if note.exists() and note.read_text().endswith(" "):
            raise error("")

    with pytest.raises(error):
        real(source, report=cancel)
    pids = [int(pid) for pid in note.read_text().split()]
    until = time.monotonic() + 30
    while any(map(_is_alive, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    assert [pid for pid in pids if _is_alive(pid)] == []


def test_killed_runner_ends_its_kernel(real: Real, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    source = (
        "import os, time\n"
        f"open({str(note)!r}, 'w').write(f'{{os.getpid()}} {{os.getppid()}} ')\n"
        "time.sleep(600)"
    )
    killed = threading.Event()

    def kill(event: Event) -> None:
        if not killed.is_set() and note.exists() and note.read_text().endswith(" "):
            os.kill(int(note.read_text().split()[1]), signal.SIGKILL)
            killed.set()

    with pytest.raises(Exception, match="The process that runs notebooks ended"):
        real(source, report=kill)
    pid, until = int(note.read_text().split()[0]), time.monotonic() + 30
    while _is_alive(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _is_alive(pid)


def _is_alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_kernel_that_does_not_start_is_reported(real: Real, garden: Demo, tmp_path: Path) -> None:
    (garden.site_packages / "ipykernel_launcher.py").write_text("raise SystemExit('no kernel')\n")
    script = real.notebook_runner.read(write(tmp_path / "n" / "a.ipynb", "1"))
    (run,) = real.notebook_runner.run([script])
    assert run.failure == "no kernel starts (no kernel)"
    assert not run.is_clean


def test_kernel_of_the_environment_is_used_if_present(tmp_path: Path) -> None:
    here = KernelNotebookRunner(interpreter_module.describe())
    script = here.read(write(tmp_path / "n" / "a.ipynb", "import sys; sys.executable"))
    (run,) = here.run([script])
    assert texts(run) == [repr(str(sys.executable))]


def test_borrowed_kernel_exposes_only_its_dependencies(real: Real) -> None:
    cells = real("import pytest", "import traitlets", "import IPython")
    assert [cell.error for cell in cells] == [
        "ModuleNotFoundError: No module named 'pytest'", "", "",
    ]  # fmt: skip


def test_borrowed_modules_can_read_their_own_metadata(real: Real) -> None:
    """IPython 8 imports prompt_toolkit, which does so; pandas is here, and not borrowed."""
    code = """from importlib import metadata
found = []
for name in ("ipykernel", "prompt-toolkit", "prompt_toolkit", "pandas"):
    try:
        found.append(metadata.version(name) != "")
    except metadata.PackageNotFoundError:
        found.append(False)
assert found == [True, True, True, False], found"""
    assert [cell.error for cell in real(code)] == [""]


def test_notebook_sees_the_users_variables_and_writes_no_history(
    real: Real, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("GARDEN_KEY", "rake")
    (cell,) = real("import os; os.environ['GARDEN_KEY']")
    assert cell.text == "'rake'"
    assert list(tmp_path.rglob("history.sqlite")) == []


def test_child_processes_of_a_notebook_see_staged_modules(
    real: Real, garden: Demo, tmp_path: Path
) -> None:
    beside = tmp_path / "stage"
    library = beside / garden.site_packages.relative_to(garden.folder / "env")
    library.mkdir(parents=True)
    (library / "frostcall.py").write_text("where = 'beside'\n")
    child = [sys.executable, "-c", "import frostcall; print(frostcall.where)"]
    source = (
        "import subprocess, sys\n"
        f"print(subprocess.check_output([sys.executable, *{child[1:]!r}], text=True))"
    )
    (cell,) = real(source, staged=beside)
    assert cell.text.strip() == "beside"
    assert subprocess.run(child, capture_output=True, check=False).returncode != 0


def test_notebook_of_another_nbformat_is_refused(real: Real, tmp_path: Path) -> None:
    old = tmp_path / "old.ipynb"
    old.write_text(json.dumps({"nbformat": 3, "worksheets": []}))
    with pytest.raises(InvalidRequest, match="not in nbformat 4"):
        real.notebook_runner.read(old)


@pytest.mark.parametrize("language", ["R", "julia"])
@pytest.mark.parametrize("where", ["kernelspec", "language_info"])
def test_notebook_in_another_language_is_refused(
    real: Real, tmp_path: Path, language: str, where: str
) -> None:
    fields = {"language": language} if where == "kernelspec" else {"name": language}
    other = tmp_path / "other.ipynb"
    other.write_text(json.dumps({"nbformat": 4, "metadata": {where: fields}, "cells": []}))
    with pytest.raises(InvalidRequest, match=f"its code is {language.lower()}, not Python"):
        real.notebook_runner.read(other)


def test_long_outputs_are_truncated_with_a_hash(real: Real) -> None:
    """nbclient needs minutes for carriage returns in such outputs."""
    begun = time.monotonic()
    cells = real(
        "print('x' * 3_000_000)",
        "import sys\nfor n in range(30): print('y' * 100_000); sys.stdout.flush()",
        "from IPython.display import HTML; HTML('z' * 3_000_000)",
        "print('1 %\\r2 %\\r100 %\\nab\\bc\\r')",
        "import sys\nfor n in (1, 2): print(n); sys.stdout.flush(); print(n, file=sys.stderr)",
    )
    assert [len(cell.text) for cell in cells[:2]] == [1_000_000] * 2
    (shown,) = cells[2].outputs
    assert len(shown["data"]["text/html"]) < 11_000
    assert "(3000000 characters, sha256 " in shown["data"]["text/html"]
    assert cells[3].text == "100 %\nac"
    streams = {output["name"]: output["text"] for output in cells[4].outputs}
    assert streams == {"stdout": "1\n2\n", "stderr": "1\n2\n"}
    assert time.monotonic() - begun < 60


def test_endless_output_stops_at_the_time_limit(real: Real) -> None:
    (cell,) = real("while True: print('y' * 100_000)", limits=RunLimits(seconds=3))
    assert cell.aborted == "it did not finish within 3 seconds"
    assert len(cell.text) < 1_001_000


def test_cells_in_an_output_widget_do_not_hang(tmp_path: Path) -> None:
    """nbclient alone misses the end of one such cell in thirty."""
    here = KernelNotebookRunner(interpreter_module.describe())
    cells = ["import ipywidgets", *["out = ipywidgets.Output()\nwith out: print(1)"] * 60]
    script = here.read(write(tmp_path / "n" / "a.ipynb", *cells))
    (run,) = here.run([script], limits=RunLimits(seconds=300))
    assert run.is_clean
    assert max(cell.seconds for cell in run.cells) < 30


def test_cancelled_run_leaves_no_temporary_files(
    real: Real, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr("tempfile.tempdir", None)

    def cancel(event: Event) -> None:
        if "cell 1" in event.text:
            raise Cancelled("")

    with pytest.raises(Cancelled):
        real("import time; time.sleep(60)", report=cancel)
    assert [path.name for path in place.iterdir()] == []


def test_notebook_runs_with_a_long_temporary_folder_name(
    real: Real, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket path may have only about a hundred characters."""
    place = tmp_path / ("long" * 30)
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    (cell,) = real("1 + 1")
    assert cell.text == "2"


ASKING = """
import sys
from pathlib import Path
from pkgwidgets.backends.environment import interpreter
from pkgwidgets.backends.sandbox.notebook_runner import KernelNotebookRunner
runner = KernelNotebookRunner(interpreter.describe(Path(sys.argv[1])))
with runner.temporary_directory() as folder:
    print(folder, flush=True)
    runner.run([runner.read(Path(sys.argv[2]))])
"""


_TAKING = """
import json, os, pathlib, socket, sys
given = [arg for arg in sys.orig_argv if arg.endswith(".json")]
taken = pathlib.Path({taken!r})
if given and {times} > len(taken.read_text()):
    taken.write_text(taken.read_text() + "x")
    port = json.loads(pathlib.Path(given[0]).read_text())["shell_port"]
    held = socket.create_server(("127.0.0.1", port))
"""


@pytest.mark.parametrize("times", [1, 2, 3])
def test_kernel_start_is_retried_twice_if_its_port_is_taken(
    real: Real, garden: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """The folder's name is too long for sockets, so the kernel uses ports."""
    place, taken = tmp_path / ("long" * 30), tmp_path / "taken"
    place.mkdir()
    taken.write_text("")
    monkeypatch.setattr("tempfile.tempdir", str(place))
    purelib = interpreter_module.describe(garden.python).scheme["purelib"]
    (purelib / "taking.py").write_text(_TAKING.format(taken=str(taken), times=times))
    (purelib / "taking.pth").write_text("import taking\n")
    script = real.notebook_runner.read(write(tmp_path / "work" / "a.ipynb", "1 + 1"))
    (run,) = real.notebook_runner.run([script])
    assert taken.read_text() == "x" * times
    if times < 3:
        assert texts(run) == ["2"]
    else:
        assert "no kernel starts" in run.failure
        assert "Address already in use" in run.failure


def test_killed_process_leaves_no_kernel_and_its_folders_are_removed(
    real: Real, garden: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This happens if the kernel is restarted during a rehearsal."""
    place, note = tmp_path / "tmp", tmp_path / "pids"
    place.mkdir()
    source = (
        "import os, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(note)!r}, 'w').write(f'{{os.getpid()}} {{os.getppid()}} {{child.pid}} ')\n"
        "time.sleep(600)"
    )
    notebook = write(tmp_path / "work" / "a.ipynb", source)
    asking = subprocess.Popen(
        [sys.executable, "-c", ASKING, str(garden.python), str(notebook)],
        env={**os.environ, "TMPDIR": str(place)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
    )
    _wait(lambda: note.exists() and note.read_text().endswith(" "))
    asking.kill()
    asking.communicate()
    pids = [int(pid) for pid in note.read_text().split()]
    _wait(lambda: not any(map(_is_alive, pids)))
    prefixes = {path.name.rpartition("-")[0] for path in place.iterdir()}
    assert prefixes <= {"pkgwidgets-stage", "pkgwidgets-rehearsal"}
    assert "pkgwidgets-stage" in prefixes
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr("tempfile.tempdir", None)
    with real.notebook_runner.temporary_directory():
        real("1")
    assert list(place.iterdir()) == []


def test_temporary_folders_in_use_are_not_removed(
    real: Real, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with (
        real.notebook_runner.temporary_directory() as first,
        real.notebook_runner.temporary_directory() as second,
    ):
        assert first.is_dir()
        assert first != second
    assert list(tmp_path.iterdir()) == []


def _wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not until():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_pip_called_by_a_notebook_changes_nothing(tree: Oracle, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True, symlinks=True)
    python = tmp_path / "env" / "bin" / "python"
    (tmp_path / "work").mkdir()
    old, new = (
        BuiltWheel(name="peas", version=version, files={"peas.py": ""})
        for version in ("1.0", "2.0")
    )
    for wheel in (old, new):
        (tmp_path / "work" / wheel.filename).write_bytes(wheel.sent)
    install = [str(python), "-m", "pip", "install"]
    subprocess.run(
        [*install, "--quiet", "--no-index", tmp_path / "work" / old.filename], check=True
    )
    here = KernelNotebookRunner(interpreter_module.describe(python))
    uv_pip = f"{uv.find_uv_bin()} pip install --offline {new.filename}"
    cells = [f"%pip install {new.filename}", f"!{python} -m pip install {new.filename}",
             "%pip install nowhere-to-be-found", f"!VIRTUAL_ENV={tmp_path / 'env'} {uv_pip}",
             "%pip list", f"!{python} -m pip uninstall --yes peas",
             "%pip uninstall --yes peas"]  # fmt: skip
    before = tree(tmp_path / "env")
    (run,) = here.run([here.read(write(tmp_path / "work" / "a.ipynb", *cells))])
    assert tree(tmp_path / "env") == before
    assert ["Would install peas-2.0" in text for text in texts(run)[:2]] == [True, True]
    assert "No matching distribution" in texts(run)[2]
    assert "peas" in texts(run)[4]
    assert ["Could not open" in text for text in texts(run)[5:]] == [True, True]
