"""The process of a running kernel tells its interpreter and its notebook, whatever started it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from held_transactions import eventually

from pkgwidgets.backends.processes import kernel_processes, process_info
from pkgwidgets.connect import connect, interpreter_of_process, other_kernels
from pkgwidgets.core.errors import EnvironmentRefused
from pkgwidgets.demo import Demo

KERNEL = """
import json, pathlib, socket, sys
server = socket.socket()
if "-f" in sys.argv:
    file = pathlib.Path(sys.argv[sys.argv.index("-f") + 1])
    server.bind(("127.0.0.1", json.loads(file.read_text())["shell_port"]))
    server.listen()
print("up", flush=True)
sys.stdin.read()
"""
"""What stands for ipykernel here: it listens where its connection file says."""
MODULES = {
    "ipykernel_launcher.py": KERNEL,
    "starter.py": KERNEL,
    "ipyparallel/__init__.py": "",
    "ipyparallel/engine.py": KERNEL,
    "into.py": "import os, sys\nos.execv(sys.argv[2], sys.argv[2:])\n",
    "above.py": "import subprocess, sys\nsubprocess.run(sys.argv[2:])\n",
    "distant.py": "import sys\nprint('up', flush=True)\nsys.stdin.read()\n",
    "papermill": "import os, subprocess, sys\n"
    "subprocess.run([*sys.argv[3:], '-m', 'ipykernel_launcher', '-f', os.environ['FILE']])\n",
}

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Yield a function that starts a command and waits until its kernel is up."""
    modules = tmp_path / "modules"
    for name, code in MODULES.items():
        (modules / name).parent.mkdir(parents=True, exist_ok=True)
        (modules / name).write_text(code)
    with ExitStack() as running:

        def started(*command: object, **variables: str) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=tmp_path,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(modules), **variables},
            )
            assert process.stdin is not None
            assert process.stdout is not None
            running.callback(process.wait)
            running.callback(process.stdout.close)
            running.callback(process.stdin.close)  # the kernel ends, and so do its wrappers
            assert process.stdout.readline() == b"up\n"
            return process

        yield started


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write a connection file like that of a program that executes notebooks."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = tmp_path / "tmpq0z8.json"
    path.write_text(json.dumps({"shell_port": port, "control_port": 0, "hb_port": 0}))
    return path


WRAPPERS = {
    "none": "{python} -m ipykernel_launcher -f {file}",
    "module that becomes it": "{own} -m into /e {python} -m ipykernel_launcher -f {file}",
    "module that starts it": "{own} -m above /e {python} -m ipykernel_launcher -f {file}",
    "script that starts it": "{own} modules/above.py /e {python} -m ipykernel_launcher -f {file}",
    "env": "env A=b {python} -m ipykernel_launcher -f {file}",
    "nice": "nice -n 1 {python} -m ipykernel_launcher -f {file}",
    "shell": "sh -c 'true; {python} -m ipykernel_launcher -f {file}; true'",
    "its own module": "{own} -m above /e {python} -m starter -f {file}",
    "bare name": "env PATH={folder}:/usr/bin:/bin python -m ipykernel_launcher -f {file}",
    "relative name": "{relative} -m ipykernel_launcher -f {file}",
}


def command_of(wrapper: str, garden: Demo, file: Path) -> list[str]:
    python = garden.python
    return shlex.split(
        WRAPPERS[wrapper].format(
            python=python, own=sys.executable, file=file, folder=python.parent,
            relative=os.path.relpath(python, file.parent),
        )
    )  # fmt: skip


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_process_of_a_kernel_tells_its_interpreter(
    wrapper: str, garden: Demo, start: Start, file: Path
) -> None:
    process = start(*command_of(wrapper, garden, file))
    found = interpreter_of_process(process.pid, str(file))
    assert found.parent.resolve() == garden.python.parent.resolve()
    assert found.name.startswith("python")


def test_process_that_only_waits_for_a_distant_kernel_is_not_the_kernel(
    start: Start, file: Path
) -> None:
    for words in (("modules/distant.py",), ("-m", "distant")):
        process = start(sys.executable, *words, "-f", file)
        found = kernel_processes.wait_for_kernel_process(process.pid, str(file), start_seconds=0.0)
        assert found is None


def test_kernel_that_is_not_there_yet_is_waited_for(garden: Demo, start: Start, file: Path) -> None:
    late = f"sleep 0.3; exec {garden.python} -m starter -f {file}"
    process = start("sh", "-c", f"echo up; {late}")
    assert kernel_processes.wait_for_kernel_process(process.pid, str(file)) == process.pid


def test_process_with_another_program_than_its_name_says_is_refused(
    garden: Demo, file: Path, tmp_path: Path
) -> None:
    """As in a container, where the same path leads to another file."""
    (tmp_path / "ipykernel_launcher").write_text("echo up\nread line\n")
    argv = [str(garden.python), "-m", "ipykernel_launcher", "-f", str(file)]
    with subprocess.Popen(
        argv, executable="/bin/sh", cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        with pytest.raises(EnvironmentRefused, match="is not on this machine"):
            interpreter_of_process(process.pid, str(file))
        process.kill()


def test_program_that_was_replaced_is_still_the_one_at_its_path(tmp_path: Path) -> None:
    program = tmp_path / "sleeper"
    shutil.copy(shutil.which("sleep") or "", program)
    with subprocess.Popen([program, "60"]) as process:
        eventually(lambda: process_info.runs_program(process.pid, program))
        assert not process_info.runs_program(process.pid, Path(sys.executable))
        program.unlink()
        assert not process_info.runs_program(process.pid, tmp_path / "other")
        shutil.copy(shutil.which("sleep") or "", program)
        assert process_info.runs_program(process.pid, program)
        process.kill()
    assert not process_info.runs_program(process.pid, program)


def test_headless_kernel_is_listed_with_the_notebook_that_is_executed(
    garden: Demo, start: Start, file: Path
) -> None:
    look = other_kernels(connect(garden.python, garden.index_url)).running
    run = ("modules/papermill", "in.ipynb", "out.ipynb")
    runner = start(sys.executable, *run, garden.python, FILE=str(file))
    [kernel] = look()
    assert (kernel.connection_file, kernel.notebook) == (str(file), "in.ipynb")
    assert kernel.process in process_info.descendants(runner.pid)
    assert kernel_processes.notebook_of(kernel.process) == str(file.parent / "in.ipynb")


def test_wrapper_in_the_environment_is_not_taken_for_the_kernel(
    garden: Demo, start: Start, file: Path
) -> None:
    look = other_kernels(connect(garden.python, garden.index_url)).running
    kernel = (sys.executable, "-m", "ipykernel_launcher", "-f", file)
    start(garden.python, "-m", "above", "/e", *kernel)
    assert look() == ()


def test_each_engine_is_listed_without_a_notebook(garden: Demo, start: Start) -> None:
    look = other_kernels(connect(garden.python, garden.index_url)).running
    session = {"JPY_SESSION_NAME": "/work/parent.ipynb"}
    engines = [start(garden.python, "-m", "ipyparallel.engine", **session) for _ in range(2)]
    assert [(kernel.process, kernel.notebook) for kernel in look()] == [
        (engine.pid, "") for engine in sorted(engines, key=lambda engine: engine.pid)
    ]
    assert str(look()[0]) == f"kernel (process {look()[0].process})"


@pytest.mark.parametrize(("wrapper", "session"), [("none", "/work/a.ipynb"), ("shell", "b.ipynb")])
def test_session_name_counts_if_the_kernels_starter_has_another(
    garden: Demo, start: Start, file: Path, wrapper: str, session: str
) -> None:
    process = start(*command_of(wrapper, garden, file), JPY_SESSION_NAME=session)
    [kernel] = other_kernels(connect(garden.python, garden.index_url)).running()
    assert kernel_processes.notebook_of(kernel.process) == session
    assert kernel.notebook == Path(session).name
    assert process.poll() is None


def test_session_name_of_a_starting_notebook_is_not_the_kernels(
    garden: Demo, start: Start, file: Path
) -> None:
    inherited = {"JPY_SESSION_NAME": "/work/parent.ipynb"}
    start(sys.executable, "modules/papermill", "-", "-", garden.python, FILE=str(file), **inherited)
    [kernel] = other_kernels(connect(garden.python, garden.index_url)).running()
    assert kernel.notebook == ""
