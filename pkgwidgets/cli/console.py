"""Terminal output: answers on standard output, messages and questions on standard error."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any, TextIO

from pkgwidgets.core.events import Event, Stage, describe
from pkgwidgets.core.interfaces import Report, no_report
from pkgwidgets.core.text import escape_hidden
from pkgwidgets.presentation.hints import Face, render
from pkgwidgets.presentation.text_table import TextTable

from . import streams

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

    from pkgwidgets.core.errors import PkgwidgetsError

Part = str | TextTable


class Console:
    """A terminal, a pipe or a file.

    A reader that closes the pipe, such as `head`, ends the output and nothing else.
    """

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self.write_failed = False
        """Whether writing failed for another reason than a closed pipe."""
        streams.prepare()

    @property
    def can_ask(self) -> bool:
        """Whether a person can see a question and answer it."""
        return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()

    def show(self, *parts: Part) -> None:
        """Write an answer as text; nothing if the answer is JSON."""
        if not self.json:
            self._write(sys.stdout, *parts)

    def show_message(self, *parts: Part) -> None:
        """Write a message that is not part of the answer, to standard error."""
        self._write(sys.stderr, *parts)

    def write_json(self, make: Callable[[], Mapping[str, Any]]) -> None:
        """Write the answer as JSON if that is requested, alone on standard output.

        `make` is called only then: text output needs no JSON values.
        """
        if self.json:
            self._write(sys.stdout, json.dumps({"success": True, **make()}, indent=2))

    def write_error(self, error: PkgwidgetsError) -> None:
        """Write an error with its hint: to standard error, or as the JSON answer."""
        if self.json:
            from pkgwidgets.presentation import payloads  # late: text output needs no JSON values

            answer = {"success": False, "error": payloads.error(error, Face.CLI)}
            self._write(sys.stdout, json.dumps(answer, indent=2))
        else:
            self._write(sys.stderr, render(error, Face.CLI))

    def confirm(self, question: str) -> bool:
        """Ask a question and return whether the answer was yes; no answer is no."""
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
            # The rest of the buffer would raise again when Python exits.
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, stream.fileno())
            os.close(devnull)
            if isinstance(error, BrokenPipeError) or self.write_failed:
                return
            self.write_failed = True
            self.show_message(f"Cannot write all of the output: {error.strerror}.")

    @contextmanager
    def reporting(self, *, of_change: bool = False) -> Iterator[Report]:
        """Yield a report that shows the latest event in one line; nothing without a terminal.

        Each stage is a line, written once, on a terminal that cannot overwrite. So it is for a
        change whose answer goes elsewhere, as in `… | tee log`.
        """
        if not sys.stderr.isatty():
            yield no_report
            return
        is_split = of_change and not self.json and not sys.stdout.isatty()
        if is_split or os.environ.get("TERM") == "dumb":
            yield self._stages()
            return
        line = _StatusLine(sys.stderr)
        try:
            yield line.show_event
        finally:
            line.clear()

    def _stages(self) -> Report:
        """Return a report that writes a line when a stage begins."""
        begun = {Stage.DONE}  # the answer says that it is done

        def write_stage(event: Event) -> None:
            if event.stage not in begun:
                begun.add(event.stage)
                counted = event.stage is Stage.ASKING and event.total
                shown = replace(event, total=None) if counted else event
                self.show_message(describe(shown).partition("\n")[0])

        return write_stage


class _StatusLine:
    """One line of a terminal that is overwritten in place."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._length = 0
        self._started = monotonic()

    def show_event(self, event: Event) -> None:
        """Show an event in place of the previous one, with the time so far."""
        if event.stage is not Stage.DONE:
            # The last column stays free: a terminal may wrap when it is filled.
            width = self._columns() - 1
            self._put(
                escape_hidden(describe(event, monotonic() - self._started).partition("\n")[0])[
                    :width
                ]
            )

    def _columns(self) -> int:
        """Return the width of this stream's terminal: in a wider line each text would stay."""
        columns = 0
        with suppress(OSError, ValueError):
            columns = os.get_terminal_size(self._stream.fileno()).columns
        return columns or shutil.get_terminal_size().columns  # that of standard output, or a guess

    def clear(self) -> None:
        """Leave the line empty."""
        self._put("")

    def _put(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(f"\r{text.ljust(self._length)}{'' if text else chr(13)}")
            self._stream.flush()
        self._length = len(text)


def _write(stream: TextIO, *parts: Part) -> None:
    rich = _rich_console(stream) if any(isinstance(part, TextTable) for part in parts) else None
    for part in parts:
        if isinstance(part, str):
            stream.writelines(f"{escape_hidden(line)}\n" for line in part.split("\n"))
        elif rich is not None:
            _draw_table(rich, part)
        else:
            stream.writelines(f"{line}\n" for line in part.lines())
    stream.flush()


def _rich_console(stream: TextIO) -> RichConsole | None:
    """Return rich's console for a terminal, if installed; in a pipe it would truncate cells."""
    if not stream.isatty():
        return None
    try:
        from rich.console import Console as RichConsole
    except ImportError:
        return None
    return RichConsole(file=stream, highlight=False, markup=False, emoji=False)


def _draw_table(console: RichConsole, table: TextTable) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rich_table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in table.head:
        rich_table.add_column(
            Text(title), overflow="fold", no_wrap=title in ("name", "transaction")
        )
    for row in table.rows:
        rich_table.add_row(*map(Text, row))
    console.print(rich_table)
