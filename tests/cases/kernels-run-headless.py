"""Kernels of `jupyter execute` are named in plans, and know their own notebook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pkgwidgets import PackageService
from pkgwidgets.connect import connect, other_kernels

EXECUTE = (sys.executable, "-m", "jupyter", "execute")
FIND = """
from pathlib import Path
from pkgwidgets import PackageService
Path("found").write_text(str(PackageService().find_notebook()))
"""
PATIENCE = 120.0


def write_notebook(path: Path, code: str) -> Path:
    cell: dict[str, Any] = {"cell_type": "code", "id": "a", "metadata": {}, "source": code}
    cell |= {"outputs": [], "execution_count": None}
    spec = {"name": "python3", "display_name": "", "language": "python"}
    content = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": spec},
        "cells": [cell],
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def has_kernel_in_plan(notebook: Path) -> bool:
    """Tell whether the kernels of this environment come to include that of a notebook."""
    kernels = other_kernels(connect())
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = [kernel for kernel in kernels.running() if kernel.notebook == notebook.name]
        if found:
            print(f"found {found[0]}, {found[0].connection_file}")
            return True
        time.sleep(0.2)
    return False


def main() -> int:
    """Execute two notebooks; return 1 if a kernel is not seen or has another one's notebook."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        nightly = write_notebook(folder / "nightly.ipynb", "import time; time.sleep(120)")
        with subprocess.Popen([*EXECUTE, str(nightly)], cwd=folder) as executing:
            is_seen = has_kernel_in_plan(nightly)
            executing.terminate()
        child = write_notebook(folder / "child.ipynb", FIND)
        parent = write_notebook(folder / "parent.ipynb", "")
        inherited = {**os.environ, "JPY_SESSION_NAME": str(parent)}
        subprocess.run([*EXECUTE, str(child)], cwd=folder, env=inherited, check=True)
        found = (folder / "found").read_text(encoding="utf-8")
        print(f"the notebook of {child.name}: {found}")
        print(f"the notebook of this process: {PackageService().find_notebook()}")
        return 0 if is_seen and found == str(child.resolve()) else 1


if __name__ == "__main__":
    sys.exit(main())
