"""The command line at a terminal: confirmation, progress, tables and Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from fakes import Oracle
from held_transactions import PATIENCE, eventually, held_wheel

from pkgwidgets import PackageService
from pkgwidgets.backends.store.lock import lock_holder
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.demo import Demo

pytestmark = pytest.mark.slow


class Terminal(Protocol):
    shown: str
    process: subprocess.Popen[bytes]

    def wait_for(self, text: str) -> None: ...

    def type(self, keys: str) -> None: ...

    def end(self) -> int: ...


Start = Callable[..., Terminal]
StartCommand = Callable[..., "subprocess.Popen[str]"]

QUESTION = "Apply this plan? [y/N] "


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_answer_yes_applies_the_shown_plan(
    at_terminal: Start, service: PackageService, answer: str
) -> None:
    terminal = at_terminal("upgrade", "bedplanner")
    terminal.wait_for(QUESTION)
    for shown in ("bedplanner", "2.3.0", "sundrift", "needed by bedplanner", "Download: "):
        assert shown in terminal.shown
    assert service.get_package("bedplanner").version == "2.1.0"
    terminal.type(answer)
    assert terminal.end() == 0
    assert "Done. bedplanner 2.1.0 → 2.3.0, sundrift 1.0.4 → 1.2.0." in terminal.shown
    assert service.get_package("sundrift").version == "1.2.0"


@pytest.mark.parametrize("answer", ["n\n", "\n", "yess\n", "\x04"], ids=repr)
def test_other_answers_change_nothing(
    at_terminal: Start, garden: Demo, tree: Oracle, answer: str
) -> None:
    before = tree(garden.folder / "env")
    terminal = at_terminal("upgrade", "seedshelf")
    terminal.wait_for(QUESTION)
    terminal.type(answer)
    assert terminal.end() == 3
    assert "Nothing was changed." in terminal.shown
    assert tree(garden.folder / "env") == before


def test_confirmation_is_asked_with_json_output_too(garden: Demo, at_terminal: Start) -> None:
    terminal = at_terminal("upgrade", "seedshelf", "--json")
    terminal.wait_for(QUESTION)
    assert "seedshelf" in terminal.shown
    terminal.type("y\n")
    assert terminal.end() == 0
    assert json.loads(terminal.shown[terminal.shown.index("{") :])["transaction"]["changes"]


def test_option_yes_asks_nothing(at_terminal: Start) -> None:
    terminal = at_terminal("upgrade", "seedshelf", "--yes")
    assert terminal.end() == 0
    assert QUESTION not in terminal.shown


def test_progress_is_shown_and_cleared(at_terminal: Start) -> None:
    terminal = at_terminal("upgrade", "seedshelf", "--yes")
    terminal.end()
    assert "verifying" in terminal.shown
    after = terminal.shown.rpartition("verifying")[2]
    # Blanks overwrite the last event before further output.
    assert re.match(r"[^\r]*\r {9,}\rDone\. ", after)


STAGES = [
    "fetching seedshelf 1.4.2, 2.4 kB",
    "checking the new versions",
    "saving the old files",
    "installing seedshelf 1.4.2",
    "verifying",
]


def test_each_stage_is_shown_once_if_the_answer_goes_elsewhere(
    at_terminal: Start, tmp_path: Path
) -> None:
    with (tmp_path / "log").open("w+b") as log:
        terminal = at_terminal("upgrade", "seedshelf", "--yes", output=log)
        assert terminal.end() == 0
        log.seek(0)
        assert "Done. seedshelf 1.4.1 → 1.4.2." in log.read().decode()
    # While it is planned, one line is overwritten, and cleared.
    assert [line.rpartition("\r")[2] for line in terminal.shown.split("\r\n")] == [*STAGES, ""]


def test_each_stage_is_shown_once_where_nothing_can_be_overwritten(at_terminal: Start) -> None:
    terminal = at_terminal("upgrade", "seedshelf", "--yes", TERM="dumb")
    assert terminal.end() == 0
    lines = terminal.shown.split("\r\n")
    assert "\r" not in "".join(lines)
    start = lines.index(STAGES[0])
    assert lines[start : start + len(STAGES)] == STAGES
    assert lines.count("checking for updates") == 1


def test_progress_in_json_output_is_one_line_that_is_cleared(
    at_terminal: Start, tmp_path: Path
) -> None:
    with (tmp_path / "log").open("w+b") as log:
        terminal = at_terminal("upgrade", "seedshelf", "--yes", "--json", output=log)
        assert terminal.end() == 0
        log.seek(0)
        assert json.loads(log.read())["transaction"]["changes"]
    assert "verifying" in terminal.shown
    assert "\n" not in terminal.shown
    assert terminal.shown.endswith(" \r")


def test_progress_fits_the_terminal_that_shows_it(at_terminal: Start, tmp_path: Path) -> None:
    """A wider line would wrap, and each event would leave a line."""
    with (tmp_path / "log").open("wb") as log:
        terminal = at_terminal("updates", "--refresh", columns=12, output=log, COLUMNS="120")
        assert terminal.end() == 0
    shown = {text.rstrip() for text in terminal.shown.split("\r")}
    assert "checking fo" in shown
    assert max(map(len, shown)) == 11


def test_table_is_drawn_with_rich_if_installed(at_terminal: Start, tmp_path: Path) -> None:
    drawn = at_terminal("packages")
    assert drawn.end() == 0
    assert "───" in drawn.shown
    (tmp_path / "none" / "rich").mkdir(parents=True)
    (tmp_path / "none" / "rich" / "__init__.py").write_text("raise ImportError('not there')\n")
    plain = at_terminal("packages", PYTHONPATH=str(tmp_path / "none"))
    assert plain.end() == 0
    assert "───" not in plain.shown
    assert re.search(r"^seedshelf +1\.4\.1", plain.shown, re.MULTILINE)


# --- interrupts


@pytest.fixture
def gate(garden: Demo, tmp_path: Path) -> Path:
    """Hold an upgrade of seedshelf during its verification until this file exists."""
    garden.index.publish(held_wheel("1.9", tmp_path / "gate", staged=False))
    return tmp_path / "gate"


def test_ctrl_c_during_an_upgrade_rolls_back(
    at_terminal: Start, garden: Demo, service: PackageService, gate: Path, tree: Oracle
) -> None:
    before = tree(garden.folder / "env")
    terminal = at_terminal("upgrade", "seedshelf", "--yes")
    terminal.wait_for("verifying")
    terminal.type("\x03")
    assert terminal.end() == 1
    assert "Cancelling. Wait until the change is rolled back." in terminal.shown
    assert "Cancelled. The environment is unchanged." in terminal.shown
    assert "Traceback" not in terminal.shown
    assert tree(garden.folder / "env") == before
    assert [transaction.outcome for transaction in service.values.history()] == [
        Outcome.ROLLED_BACK
    ]


def test_ctrl_c_at_the_confirmation_changes_nothing(
    at_terminal: Start, garden: Demo, tree: Oracle
) -> None:
    before = tree(garden.folder / "env")
    terminal = at_terminal("upgrade", "seedshelf")
    terminal.wait_for(QUESTION)
    terminal.type("\x03")
    assert terminal.end() == 130
    assert "Cancelled. The environment is unchanged." in terminal.shown
    assert "Traceback" not in terminal.shown
    assert tree(garden.folder / "env") == before


@pytest.fixture
def start_command(garden: Demo) -> Iterator[StartCommand]:
    """Start verbs without a terminal, each in its own process group; kill them at the end."""
    where = ["--python", str(garden.python), "--index-url", garden.index_url]
    running = []

    def start(*words: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-m", "pkgwidgets", *where, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        running.append(child)
        return child

    yield start
    for child in running:
        child.kill()
        child.communicate()


def is_installed(garden: Demo) -> bool:
    """Return whether the held version is installed, so that its verification runs."""
    return bool(list(garden.site_packages.glob("seedshelf-1.9.dist-info")))


def test_interrupt_is_reported_in_json(
    start_command: StartCommand, garden: Demo, gate: Path, tree: Oracle
) -> None:
    before = tree(garden.folder / "env")
    child = start_command("upgrade", "seedshelf", "--yes", "--json")
    eventually(lambda: is_installed(garden))
    for _ in range(3):  # an impatient one
        os.killpg(child.pid, signal.SIGINT)
    output, errors = child.communicate(timeout=60)
    assert child.returncode == 1
    assert json.loads(output)["error"]["code"] == "cancelled"
    assert "Traceback" not in errors
    assert tree(garden.folder / "env") == before


def test_upgrade_completes_after_the_command_was_killed(
    start_command: StartCommand, garden: Demo, service: PackageService, gate: Path
) -> None:
    child = start_command("upgrade", "seedshelf", "--yes")
    eventually(lambda: is_installed(garden))
    child.kill()
    child.communicate()
    gate.touch()
    eventually(lambda: lock_holder(garden.folder / "env" / ".pkgwidgets") is None)
    assert [transaction.outcome for transaction in service.values.history()] == [Outcome.COMMITTED]
    assert service.get_package("seedshelf").version == "1.9"


def test_second_command_is_refused_and_names_the_first(
    start_command: StartCommand, garden: Demo, gate: Path
) -> None:
    first = start_command("upgrade", "seedshelf", "--yes")
    eventually(lambda: is_installed(garden) or first.poll() is not None)
    assert first.poll() is None, first.communicate()
    for verb in (("upgrade", "frostcall", "--yes"), ("recover",)):
        second = start_command(*verb)
        _, errors = second.communicate(timeout=60)
        assert second.returncode == 1
        assert "The environment is being changed by" in errors
    gate.touch()
    first.communicate(timeout=60)
    assert first.returncode == 0


def test_interrupt_during_a_silent_index_request_ends_at_once(
    start_command: StartCommand, garden: Demo, tree: Oracle
) -> None:
    before = tree(garden.folder / "env")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/simple/"
        child = start_command("upgrade", "seedshelf", "--yes", f"--index-url={url}")
        silent.settimeout(PATIENCE)
        with silent.accept()[0]:
            os.killpg(child.pid, signal.SIGINT)
            output, errors = child.communicate(timeout=PATIENCE)
    assert (child.returncode, output, errors) == (
        130,
        "",
        "Cancelled. The environment is unchanged.\n",
    )
    assert tree(garden.folder / "env") == before


_WHILE_LOADING = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from pkgwidgets.__main__ import main
sys.exit(main(["packages"]))
"""


@pytest.mark.parametrize(
    "module",
    ["pkgwidgets.cli", "pkgwidgets.core.errors", "packaging", "pkgwidgets.cli.verbs"],
)
def test_ctrl_c_during_imports_ends_silently(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WHILE_LOADING, module], capture_output=True, text=True, check=False
    )
    assert done.returncode in (-signal.SIGINT, 130)
    assert (done.stdout, done.stderr) == ("", "")


def in_a_shell(garden: Demo, words: str, redirected: str) -> subprocess.CompletedProcess[str]:
    """Run a verb on the garden with streams redirected by a shell."""
    where = f"--python {garden.python} --index-url {garden.index_url}"
    line = f"exec {sys.executable} -m pkgwidgets {words} {where} {redirected}"
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_commands_work_with_closed_standard_streams(
    garden: Demo, service: PackageService, closed: str
) -> None:
    for words in (
        "packages",
        "packages --json",
        "updates",
        "upgrade seedshelf --yes",
        "undo --yes",
    ):
        done = in_a_shell(garden, words, closed)
        assert (done.returncode, done.stderr) == (0, ""), words
        assert bool(done.stdout) is (">&- 2" not in closed and closed != ">&-"), words
    assert in_a_shell(garden, "packages sprinkler", closed).returncode == 2
    assert in_a_shell(garden, "upgrade seedshelf", closed).returncode == 2  # no user can answer
    assert [transaction.outcome for transaction in service.values.history()] == [
        Outcome.COMMITTED
    ] * 2


def test_output_to_a_full_disk_is_reported(garden: Demo, service: PackageService) -> None:
    message = "Cannot write all of the output: No space left on device.\n"
    for words in ("packages", "packages --json", "updates"):
        done = in_a_shell(garden, words, ">/dev/full")
        assert (done.returncode, done.stderr) == (1, message), words
    done = in_a_shell(garden, "upgrade seedshelf --yes", ">/dev/full")
    assert (done.returncode, done.stderr) == (0, message)
    assert service.get_package("seedshelf").version == "1.4.2"
    done = in_a_shell(garden, "packages sprinkler", "2>/dev/full")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")
