"""Start Jupyter without a grammar that its import would build for seconds, and nobody asks."""

from __future__ import annotations

import sys

# `jsonschema` takes it for formats that are in no notebook, where it can be had.
_MAIN = """
import runpy, sys
sys.modules["rfc3987_syntax"] = None
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def command(module: str, *options: str) -> list[str]:
    """Return what runs a module of Jupyter; its kernels are as they always are."""
    return [sys.executable, "-c", _MAIN, module, *options]
