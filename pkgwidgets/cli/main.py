"""The command line as a whole: words in, an exit code out, and never a traceback for an error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from pkgwidgets.commands import grammar
from pkgwidgets.core.errors import Cancelled, PkgwidgetsError

from .console import Console
from .verbs import DONE, FAILED, VERBS

INTERRUPTED = 130
"""The exit code that shells know for it; nothing had been begun."""
StartDemo = Callable[[bool], int]
"""Starts the demo, in the terminal or in JupyterLab, and returns the exit code."""


def main(argv: Sequence[str] | None = None, *, start_demo: StartDemo) -> int:
    """Run one verb and return its exit code; `start_demo` is the verb `demo`.

    0 done, 1 failed and rolled back, 2 what was asked for cannot be done and nothing was, 3
    nothing to do or not agreed to, 130 interrupted before anything was begun.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    screen = Console(json="--json" in words)
    try:
        request = grammar.parse(words)
        if request.verb == "demo":
            return start_demo(request.terminal)
        code = VERBS[request.verb](request, screen)
        # What was changed is changed, whether that could be said or not.
        unsaid = screen.lost and request.verb not in grammar.CHANGING
        return FAILED if unsaid and code == DONE else code
    except PkgwidgetsError as error:
        screen.fail(error)
        return error.exit_code
    except KeyboardInterrupt:
        screen.fail(Cancelled(""))
        return INTERRUPTED
