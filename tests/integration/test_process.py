"""A child process has its own session and few variables, and ends with its caller."""

from __future__ import annotations

import _thread
import gc
import os
import sys
import time
from itertools import pairwise
from pathlib import Path
from threading import Timer

import pytest
from held_transactions import alive

from pkgwidgets.backends.processes import process

PYTHON = sys.executable


def has_ended(pid: int) -> bool:
    until = time.monotonic() + 1
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.01)
    return not alive(pid)


def read_pid(file: Path) -> int:
    """Wait until a process has written its number; return it."""
    until = time.monotonic() + 10
    while not (file.exists() and file.read_text().endswith("\n")):
        assert time.monotonic() < until
        time.sleep(0.01)
    return int(file.read_text())


class Stop(Exception):
    """Raised by a tick."""


def test_run_returns_the_exit_code_and_both_outputs() -> None:
    code = "import sys; print(sys.stdin.read().upper()); print('no', file=sys.stderr); sys.exit(3)"
    done = process.run([PYTHON, "-c", code], stdin="straße")
    assert (done.returncode, done.stdout, done.stderr) == (3, "STRASSE\n", "no\n")
    assert done.argv == (PYTHON, "-c", code)


def test_process_runs_in_its_own_session() -> None:
    done = process.run([PYTHON, "-c", "import os; print(os.getpid(), os.getpgid(0), os.getsid(0))"])
    pid, group, session = map(int, done.stdout.split())
    assert pid == group == session
    assert group != os.getpgid(0)
    assert session != os.getsid(0)


def test_stdin_is_empty_by_default() -> None:
    done = process.run([PYTHON, "-c", "import sys; print(sys.stdin.read() == '')"])
    assert done.stdout == "True\n"


def test_large_output_on_both_streams_does_not_block() -> None:
    code = """
import sys
for _ in range(50):
    print('x' * 50_000)
    print('y' * 50_000, file=sys.stderr)
"""
    done = process.run([PYTHON, "-c", code], timeout=30)
    assert (done.returncode, len(done.stdout), len(done.stderr)) == (0, 2_500_050, 2_500_050)


_ANSWERED = """
import pathlib, sys, time
def wait_for(name):
    while not pathlib.Path(sys.argv[1], name).exists():
        time.sleep(0.01)
"""


def test_lines_are_passed_on_while_the_process_runs(tmp_path: Path) -> None:
    code = f"""{_ANSWERED}
for line in ("one", "two", "x" * 200_000 + "\\nthree"):
    print(line, flush=True)
    wait_for(line[-5:].strip())
"""
    lines: list[str] = []

    def answer(line: str) -> None:
        lines.append(line)
        (tmp_path / line[:5]).touch()

    done = process.run([PYTHON, "-c", code, str(tmp_path)], on_line=answer, timeout=60)
    assert done.returncode == 0
    assert [line for line in lines if len(line) < 10] == ["one", "two", "three"]
    assert done.stdout == f"one\ntwo\n{'x' * 200_000}\nthree\n"


@pytest.mark.parametrize("is_told", [True, False], ids=["told", "not told"])
def test_end_is_noticed_whether_or_not_the_system_tells_it(
    is_told: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if not is_told:
        monkeypatch.delattr(os, "pidfd_open")
    ticks: list[int] = []

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 4:
            (tmp_path / "go").touch()

    done = process.run([PYTHON, "-c", f"{_ANSWERED}wait_for('go')", str(tmp_path)], tick=tick)
    assert done.returncode == 0
    assert process.run(["sleep", "30"], timeout=0.1).returncode is None


def test_invalid_utf8_output_is_read_with_replacement_characters() -> None:
    done = process.run([PYTHON, "-c", "import os; os.write(1, b'a\\xffb')"])
    assert done.stdout == "a\ufffdb"


def test_death_by_signal_is_a_negative_exit_code() -> None:
    done = process.run([PYTHON, "-c", "import os; os.kill(os.getpid(), 9)"])
    assert done.returncode == -9


def test_process_is_stopped_after_the_timeout() -> None:
    started = time.monotonic()
    done = process.run([PYTHON, "-c", "import time; time.sleep(60)"], timeout=0.2)
    assert done.returncode is None
    assert 0.2 <= time.monotonic() - started < 5


def test_output_before_the_timeout_is_kept() -> None:
    code = "import time; print('begun', flush=True); time.sleep(60)"
    assert process.run([PYTHON, "-c", code], timeout=0.5).stdout == "begun\n"


def test_tick_is_called_regularly_until_the_end() -> None:
    ticks: list[float] = []
    process.run(["sleep", "0.5"], tick=lambda: ticks.append(time.monotonic()))
    assert 4 <= len(ticks) <= 20
    assert max(b - a for a, b in pairwise(ticks)) < 0.4


def two_processes(folder: Path, *, stubborn: str = "") -> list[str]:
    """Return the command of a shell with a child; `stubborn` ones ignore SIGTERM."""
    loop = "while :; do sleep 0.05; done"

    def write_pid(name: str) -> str:
        trap = "trap : TERM; " if name in stubborn else ""
        return f"{trap}echo $$ > {folder}/{name}; "

    (folder / "child.sh").write_text(write_pid("child") + loop)
    return ["sh", "-c", f"sh {folder}/child.sh & {write_pid('parent')} wait; {loop}"]


def both_run(folder: Path) -> bool:
    files = [folder / name for name in ("parent", "child")]
    return all(file.exists() and file.read_text().endswith("\n") for file in files)


def stop_both(folder: Path, *, stubborn: str = "", grace_seconds: float = 3.0) -> None:
    """Run the shell and its child, and raise out of a tick when both run."""

    def stop() -> None:
        if both_run(folder):
            raise Stop

    argv = two_processes(folder, stubborn=stubborn)
    with pytest.raises(Stop):
        process.run(argv, tick=stop, grace_seconds=grace_seconds)


def test_exception_from_tick_ends_the_process_group(tmp_path: Path) -> None:
    stop_both(tmp_path)
    assert has_ended(read_pid(tmp_path / "parent"))
    assert has_ended(read_pid(tmp_path / "child"))


def test_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    stop_both(tmp_path, stubborn="parent, child", grace_seconds=0.2)
    assert has_ended(read_pid(tmp_path / "parent"))
    assert has_ended(read_pid(tmp_path / "child"))


def test_grandchild_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    stop_both(tmp_path, stubborn="child", grace_seconds=0.2)
    child = read_pid(tmp_path / "child")
    survived = not has_ended(child)
    if survived:
        os.kill(child, 9)
    assert not survived


def test_interrupt_ends_the_process(tmp_path: Path) -> None:
    command = f"echo $$ > {tmp_path}/pid; sleep 60"
    timer = Timer(0.3, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        process.run(["sh", "-c", command], timeout=60)
    timer.join()
    assert has_ended(read_pid(tmp_path / "pid"))


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_second_interrupt_still_ends_the_process(tmp_path: Path) -> None:
    command = f"trap : TERM; echo $$ > {tmp_path}/pid; while :; do sleep 0.05; done"
    timers = [Timer(after, _thread.interrupt_main) for after in (0.3, 0.6)]
    for timer in timers:
        timer.start()
    with pytest.raises(KeyboardInterrupt):
        process.run(["sh", "-c", command], timeout=60)
    for timer in timers:
        timer.join()
    pid = read_pid(tmp_path / "pid")
    survived = alive(pid)
    if survived:
        os.killpg(pid, 9)
    gc.collect()  # what was left unwaited for warns here, and in no other test
    assert not survived


def test_kept_descriptor_is_inherited() -> None:
    read, write = os.pipe()
    try:
        code = f"import os; os.write({write}, b'held')"
        assert process.run([PYTHON, "-c", code]).returncode == 1
        assert process.run([PYTHON, "-c", code], keep=[write]).returncode == 0
        assert os.read(read, 10) == b"held"
    finally:
        os.close(read)
        os.close(write)


ALONE = """
import os, signal, sys
from pkgwidgets.backends.processes import process
given = sys.stdin.read()
first = os.getpid()
process.daemonize()
print(first, os.getpid(), os.getsid(0), os.getpgid(0), len(given), flush=True)
os.kill(os.getpid(), signal.SIGINT)
os.kill(os.getpid(), signal.SIGHUP)
print("deaf", flush=True)
process.close_stdio()
print("unheard", flush=True)
with open(sys.argv[1], "w") as file:
    print(os.getpid(), file=file)
import time
time.sleep(60)
"""


def test_detached_process_is_read_and_survives_leave(tmp_path: Path) -> None:
    argv = [PYTHON, "-c", ALONE, str(tmp_path / "pid")]
    started = process.start(argv, stdin="x" * 1_000_000, cwd=tmp_path)
    first, pid, session, group, given = map(int, started.line().split())
    assert (pid, given) == (session, 1_000_000)
    assert pid == group
    assert first != pid
    assert [started.line(), started.line()] == ["deaf", ""]
    started.detach()
    assert read_pid(tmp_path / "pid") == pid
    assert alive(pid)
    with pytest.raises(ChildProcessError):
        os.waitpid(first, os.WNOHANG)
    os.kill(pid, 9)
    assert has_ended(pid)


def test_last_words_of_an_ended_process_are_its_stderr(tmp_path: Path) -> None:
    code = "import sys; print('a'); sys.exit('why it ended')"
    started = process.start([PYTHON, "-c", code], stdin="x" * 1_000_000, cwd=tmp_path)
    assert [started.line(), started.line(), started.last_words()] == ["a", "", "why it ended"]
    started.detach()


def test_start_of_a_missing_command_leaves_no_open_descriptor(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(FileNotFoundError):
        process.start(["/nothing/of/that/name"], stdin="", cwd=tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_run_of_a_missing_command_raises_file_not_found() -> None:
    with pytest.raises(FileNotFoundError):
        process.run(["/nothing/of/that/name"])


def test_process_sees_only_allowed_and_given_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nothing")
    code = "import os; print(sorted(os.environ))"
    assert "PYTHONPATH" not in process.run([PYTHON, "-c", code]).stdout
    given = process.clean_environment({"MINE": "1"})
    assert "'MINE'" in process.run([PYTHON, "-c", code], environment=given).stdout
    assert given["NO_COLOR"] == "1"
