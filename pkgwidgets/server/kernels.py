"""Which Python a kernel runs: from its specification, never from the client."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

# Jupyter starts these words with the server's own Python.
_OWN = re.compile(r"python(3(\.\d+)?)?(\.exe)?", re.ASCII)


def interpreter(argv: Sequence[str]) -> Path:
    """Return the interpreter that a kernel specification's command starts."""
    first = argv[0] if argv else "python"
    if _OWN.fullmatch(first):
        return Path(sys.executable)
    return Path(shutil.which(first) or first)
