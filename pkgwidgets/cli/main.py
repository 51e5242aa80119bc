"""The command line: arguments in, an exit code out, and no traceback for an error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from pkgwidgets.commands import grammar
from pkgwidgets.core.errors import Cancelled, PkgwidgetsError

from .console import Console

INTERRUPTED = 130
"""The exit code that shells use for SIGINT; nothing was started."""
StartDemo = Callable[[bool], int]
"""Starts the demo, in the terminal or in JupyterLab, and returns the exit code."""


def main(argv: Sequence[str] | None = None, *, start_demo: StartDemo) -> int:
    """Run one verb and return its exit code; `start_demo` is the verb `demo`.

    0: done. 1: failed and rolled back. 2: the request is impossible, nothing was changed. 3:
    nothing to do, or not confirmed. 130: interrupted before anything was started.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    console = Console(json="--json" in arguments)
    try:
        request = grammar.parse(arguments)
        if request.verb == "demo":
            return start_demo(request.terminal)
        from . import verbs  # the demo needs none of it

        code = verbs.load(request.verb)(request, console)
        # A change that was made is not a failure because its report could not be written.
        report_lost = console.write_failed and request.verb not in grammar.CHANGING
        return verbs.FAILED if report_lost and code == verbs.DONE else code
    except PkgwidgetsError as error:
        console.write_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        console.write_error(Cancelled(""))
        return INTERRUPTED
