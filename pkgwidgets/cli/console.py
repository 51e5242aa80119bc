"""What is said and asked: answers on the standard output, everything beside them on the other."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.events import Event, Stage, describe
from pkgwidgets.core.interfaces import Report, no_report
from pkgwidgets.core.text import escape_hidden
from pkgwidgets.presentation import payloads
from pkgwidgets.presentation.hints import Face, render
from pkgwidgets.presentation.text_table import TextTable

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

Part = str | TextTable


class Console:
    """A terminal, or whatever the output goes to.

    Who only looks on and goes away, as `head` does, ends nothing but the output.
    """

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self.lost = False
        """Whether something could not be written, for another reason than that nobody reads it."""
        _open_what_is_closed()
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError):  # whatever its encoding lacks is spelled out
                stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there to see a question and to answer it."""
        return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()

    def show(self, *parts: Part) -> None:
        """Write for people; nothing if the answer is to be JSON."""
        if not self.json:
            self._write(sys.stdout, *parts)

    def show_aside(self, *parts: Part) -> None:
        """Write what is no answer."""
        self._write(sys.stderr, *parts)

    def answer(self, **said: Any) -> None:
        """Give the answer in JSON, if that is wanted; the only thing on the standard output."""
        if self.json:
            self._write(sys.stdout, json.dumps({"success": True, **said}, indent=2))

    def fail(self, error: PkgwidgetsError) -> None:
        """Say what failed and what to do: beside the output, or as its JSON."""
        if self.json:
            said = {"success": False, "error": payloads.error(error, Face.CLI)}
            self._write(sys.stdout, json.dumps(said, indent=2))
        else:
            self._write(sys.stderr, render(error, Face.CLI))

    def confirm(self, question: str) -> bool:
        """Ask, and tell whether the answer was yes; anything else, and no answer, is no."""
        sys.stdout.flush()
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        answer = sys.stdin.readline()
        if not answer.endswith("\n"):
            self._write(sys.stderr, "")
        return answer.strip().lower() in ("y", "yes")

    def _write(self, stream: TextIO, *parts: Part) -> None:
        try:
            _write(stream, *parts)
        except OSError as error:
            # What is left in the buffer would raise again when Python ends.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
            if isinstance(error, BrokenPipeError) or self.lost:
                return
            self.lost = True
            self.show_aside(f"Not all could be written: {error.strerror}.")

    @contextmanager
    def reporting(self) -> Iterator[Report]:
        """Give what writes events over one another; to nobody where there is no terminal."""
        if not sys.stderr.isatty():
            yield no_report
            return
        line = _Line(sys.stderr)
        try:
            yield line.tell
        finally:
            line.clear()


class _Line:
    """One line of a terminal that is written again and again."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._length = 0

    def tell(self, event: Event) -> None:
        """Show an event in the place of the one before."""
        if event.stage is not Stage.DONE:
            # The last column stays free: a terminal may go on to the next line when it is filled.
            room = shutil.get_terminal_size().columns - 1
            self._put(escape_hidden(describe(event).partition("\n")[0])[:room])

    def clear(self) -> None:
        """Leave the line empty."""
        self._put("")

    def _put(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(f"\r{text.ljust(self._length)}{'' if text else chr(13)}")
            self._stream.flush()
        self._length = len(text)


def _write(stream: TextIO, *parts: Part) -> None:
    rich = _rich(stream) if any(isinstance(part, TextTable) for part in parts) else None
    for part in parts:
        if isinstance(part, str):
            stream.writelines(f"{escape_hidden(line)}\n" for line in part.split("\n"))
        elif rich is not None:
            _draw(rich, part)
        else:
            stream.writelines(f"{line}\n" for line in part.lines())
    stream.flush()


def _open_what_is_closed() -> None:
    """Give us the streams that we were started without: the next file would take their place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


def _rich(stream: TextIO) -> RichConsole | None:
    """Return what draws on a terminal, if it is there: in a pipe it would cut the cells."""
    if not stream.isatty():
        return None
    try:
        from rich.console import Console as RichConsole
    except ImportError:
        return None
    return RichConsole(file=stream, highlight=False, markup=False, emoji=False)


def _draw(console: RichConsole, shown: TextTable) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in shown.head:
        drawn.add_column(Text(title), overflow="fold", no_wrap=title in ("name", "transaction"))
    for row in shown.rows:
        drawn.add_row(*map(Text, row))
    console.print(drawn)
