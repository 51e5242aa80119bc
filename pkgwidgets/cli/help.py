"""The help, shown without loading what a verb needs: it appears at once."""

from __future__ import annotations

from collections.abc import Sequence

from pkgwidgets.commands.argument_parser import UsageError, parse_arguments

from . import streams


def show_if_asked(arguments: Sequence[str]) -> None:
    """Print the help and raise SystemExit; return if these arguments do not ask for it.

    Invalid arguments are not reported here: `main` does that, as text or as JSON.
    """
    streams.prepare()
    try:
        parse_arguments(arguments)
    except UsageError:
        return
