"""The command line: `python -m pkgwidgets`, or `pkgwidgets`."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as `typing` has it, which takes a while to load
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


_INTERRUPTED = 130
"""The exit code that shells know for it: see `cli.program`, which may not be loaded yet."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code, whenever it is interrupted: never a traceback."""
    try:
        return _run(argv)
    except KeyboardInterrupt:  # before it could be heard, or while it was answered
        return _INTERRUPTED


def _run(argv: Sequence[str] | None) -> int:
    import signal

    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:  # while all is loaded, and when all is done, an interrupt just ends the process
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from pkgwidgets.cli import program

    if heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code = program.main(argv)
    if heard:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return code


if __name__ == "__main__":
    sys.exit(main())
