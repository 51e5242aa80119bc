"""The command line: `pkgwidgets demo` shows what this is for, on packages of no consequence."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pkgwidgets.core.errors import PkgwidgetsError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 bad input."""
    arguments = _parser().parse_args(argv)
    try:
        return _demo(terminal=arguments.terminal)
    except PkgwidgetsError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _demo(*, terminal: bool) -> int:
    if terminal:
        from pkgwidgets.demo import terminal as story

        story.tell()
        return 0
    from pkgwidgets.demo import lab

    return lab.start()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pkgwidgets",
        description="Look after the packages under a running notebook kernel.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    demo = commands.add_parser(
        "demo",
        help="a throw-away environment and index, with a notebook that shows them",
        description="Start JupyterLab on a notebook that lists, plans, upgrades and undoes in a "
        "throw-away environment. Nothing of yours is touched, and no network is used.",
    )
    demo.add_argument(
        "--terminal", action="store_true", help="tell the same story here, without JupyterLab"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
