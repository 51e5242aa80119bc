"""The command line: `python -m pkgwidgets`, or `pkgwidgets`."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as `typing` has it, which takes a while to load
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

__all__ = ["main", "run"]


_INTERRUPTED = 130
"""The exit code that shells know for it: see `cli.program`, which may not be loaded yet."""


def run() -> NoReturn:
    """Be the command: run the verb that this process was started with, and exit."""
    import signal

    try:
        code = main()
        if _is_heard():  # when all is done, an interrupt just ends the process
            signal.signal(signal.SIGINT, signal.SIG_DFL)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code, whenever it is interrupted: never a traceback."""
    try:
        return _answer(argv)
    except KeyboardInterrupt:  # before it could be heard, or while it was answered
        return _INTERRUPTED


def _answer(argv: Sequence[str] | None) -> int:
    import signal

    heard = _is_heard()
    try:
        if heard:  # while all is loaded, an interrupt just ends the process
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        from pkgwidgets.cli import main as main_module
    finally:
        if heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    return main_module.main(argv, start_demo=_start_demo)


def _start_demo(in_terminal: bool) -> int:
    """Tell the story of the demo, in this terminal or in JupyterLab; return the exit code."""
    if in_terminal:
        from pkgwidgets.demo import terminal

        terminal.tell()
        return 0
    from pkgwidgets.demo import lab

    return lab.start()


def _is_heard() -> bool:
    """Tell whether an interrupt is raised here: only the main thread hears of any."""
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        return False
    return signal.getsignal(signal.SIGINT) is signal.default_int_handler


if __name__ == "__main__":
    run()
