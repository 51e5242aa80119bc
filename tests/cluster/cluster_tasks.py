"""Functions that run as tasks of a cluster; workers import them by name."""

from __future__ import annotations

import sys
from importlib import import_module
from time import sleep


def version_of(module: str) -> str:
    """Return the version of a module that the worker has loaded."""
    version: str = import_module(module).__version__
    return version


def loaded_and_installed(module: str, number: int, seconds: float = 0.0) -> tuple[str, str, str]:
    """Return the prefix, the loaded version and the version in the file of a module.

    `number` makes each task another one. The task takes `seconds`.
    """
    loaded = import_module(module)
    sleep(seconds)
    with open(str(loaded.__file__), encoding="utf-8") as file:  # noqa: PTH123 - as tasks do
        lines = [line for line in file if line.startswith("__version__")]
    installed = lines[0].partition("=")[2].strip().strip("\"'")
    return sys.prefix, str(loaded.__version__), installed
