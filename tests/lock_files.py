"""Environments and uv, for tests of locks."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import uv


def run_uv(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run uv; return its output and its exit code."""
    argv = [uv.find_uv_bin(), *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def new_environment(folder: Path) -> Path:
    """Create an empty environment; return its interpreter."""
    assert run_uv("venv", "--python", sys.executable, folder).returncode == 0
    return folder / "bin" / "python"


def installed_in(python: Path) -> set[str]:
    """Return `name==version` of everything that uv finds installed."""
    return set(run_uv("pip", "freeze", "--python", python).stdout.split())


def check_pylock(tables: dict[str, Any]) -> None:
    """Validate the tables of a `pylock.toml`, as far as packaging can: it reads them since 26."""
    assert tables["lock-version"] == "1.0"
    if find_spec("packaging.pylock") is not None:
        from packaging.pylock import Pylock

        Pylock.from_dict(tables).validate()
