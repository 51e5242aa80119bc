"""Start Jupyter without a grammar whose import takes seconds and which nothing needs."""

from __future__ import annotations

import sys

# `jsonschema` imports it, if installed, for formats that no notebook uses.
_MAIN = """
import runpy, sys
sys.modules["rfc3987_syntax"] = None
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def command(module: str, *options: str, python: str = sys.executable) -> list[str]:
    """Return the command that runs a Jupyter module; its kernels are unchanged."""
    return [python, "-c", _MAIN, module, *options]
