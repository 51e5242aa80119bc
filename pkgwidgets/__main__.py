"""The command line: `python -m pkgwidgets`, or `pkgwidgets`."""

from __future__ import annotations

import sys

from pkgwidgets.cli.program import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
