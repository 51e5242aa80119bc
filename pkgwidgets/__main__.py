"""The command line: `python -m pkgwidgets`, or `pkgwidgets`."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # not imported from `typing`, which takes a while to load
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

__all__ = ["main", "run"]


_INTERRUPTED = 130
"""The exit code that shells use for SIGINT; `cli.main` has it too, but may not be loaded yet."""
_HELP_OPTIONS = frozenset({"-h", "--help", "--version"})


def run() -> NoReturn:
    """Run the verb on this process's command line, and exit."""
    import signal

    try:
        code = main()
        if (
            _raises_interrupts()
        ):  # the verb is done: from here on an interrupt just ends the process
            signal.signal(signal.SIGINT, signal.SIG_DFL)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; an interrupt never shows a traceback."""
    try:
        return _run_verb(argv)
    except KeyboardInterrupt:  # before `cli.main` could catch it, or while it did
        return _INTERRUPTED


def _run_verb(argv: Sequence[str] | None) -> int:
    import signal

    raises_interrupts = _raises_interrupts()
    try:
        if raises_interrupts:  # during the imports, an interrupt just ends the process
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        arguments = sys.argv[1:] if argv is None else list(argv)
        if not _HELP_OPTIONS.isdisjoint(arguments):
            from pkgwidgets.cli import help as help_module

            help_module.show_if_asked(arguments)
        from pkgwidgets.cli import main as main_module
        from pkgwidgets.cli import verbs

        verbs.load_for(arguments)  # now, not when an interrupt is heard
    finally:
        if raises_interrupts:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    return main_module.main(arguments, start_demo=_start_demo)


def _start_demo(in_terminal: bool) -> int:
    """Run the demo, in this terminal or in JupyterLab; return the exit code."""
    if in_terminal:
        from pkgwidgets.demo import terminal

        terminal.run_demo()
        return 0
    from pkgwidgets.demo import lab

    return lab.start()


def _raises_interrupts() -> bool:
    """Return whether an interrupt raises KeyboardInterrupt here: only in the main thread."""
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        return False
    return signal.getsignal(signal.SIGINT) is signal.default_int_handler


if __name__ == "__main__":
    run()
