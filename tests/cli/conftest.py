"""Run the command line as a process, with captured output or at a pseudo-terminal."""

from __future__ import annotations

import errno
import os
import pty
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import pytest
from held_transactions import PATIENCE

from pkgwidgets.demo import Demo

Completed = subprocess.CompletedProcess[str]
Run = Callable[..., Completed]

# Make its standard input the controlling terminal of its own session, so that Ctrl-C works.
_RUN_AT_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.fixture
def run(garden: Demo, tmp_path: Path) -> Run:
    """Run a verb on the garden without a terminal; `python` selects another environment."""

    def run_once(*words: str, python: Path | str = garden.python, **variables: str) -> Completed:
        return subprocess.run(
            argv(garden, words, python),
            cwd=tmp_path,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run_once


def argv(garden: Demo, words: tuple[str, ...], python: Path | str) -> list[str]:
    """Return the command, with the environment's options before the verb."""
    where = ["--python", str(python), "--index-url", garden.index_url]
    return [sys.executable, "-m", "pkgwidgets", *where, *words]


class Terminal:
    """A process at a pseudo-terminal; its standard output may go into a file, as with `| tee`."""

    def __init__(
        self,
        command: list[str],
        folder: Path,
        *,
        output: IO[bytes] | None = None,
        columns: int = 0,
        **variables: str,
    ) -> None:
        self._controller, terminal_end = pty.openpty()
        termios.tcsetwinsize(terminal_end, (0, columns))
        self.process = subprocess.Popen(
            [sys.executable, "-c", _RUN_AT_TERMINAL, *command[1:]],
            cwd=folder,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "120", **variables},
            stdin=terminal_end,
            stdout=output or terminal_end,
            stderr=terminal_end,
            start_new_session=True,
        )
        os.close(terminal_end)
        self.shown = ""

    def wait_for(self, text: str) -> None:
        """Read until the text is shown."""
        until = time.monotonic() + PATIENCE
        while text not in self.shown:
            assert self._read(), f"it ended without {text!r}: {self.shown}"
            assert time.monotonic() < until, f"no {text!r} in {self.shown}"

    def type(self, keys: str) -> None:
        """Send keys; `chr(3)` is Ctrl-C."""
        os.write(self._controller, keys.encode())

    def end(self) -> int:
        """Read to the end, and return the exit code."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        os.close(self._controller)

    def _read(self) -> bool:
        try:
            data = os.read(self._controller, 65536)
        except OSError as error:  # Linux: the other end is closed
            if error.errno != errno.EIO:
                raise
            return False
        self.shown += data.decode("utf-8", "replace")
        return bool(data)


@pytest.fixture
def at_terminal(garden: Demo, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Start a verb on the garden at a terminal."""
    opened = []

    def start(*words: str, **options: Any) -> Terminal:
        opened.append(Terminal(argv(garden, words, garden.python), tmp_path, **options))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()
