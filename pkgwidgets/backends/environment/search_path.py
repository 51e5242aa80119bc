"""The folders of distributions that `.pth` files add to the search path (the `site` module)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

EXECUTED_LINES = ("import ", "import\t")
"""How the lines of a `.pth` file begin that `site` executes."""
_MAX_BYTES = 1 << 20
_INSERTS_FIRST = "sys.__egginsert"
"""In a line of `easy-install.pth` that moves its folders to the front of the search path."""


def with_added_folders(folders: Sequence[str]) -> list[str]:
    """Return the folders of site-packages and those that their `.pth` files add, in import order.

    A folder that an executed line of a `.pth` file adds is not known.
    """
    first, rest = list[str](), list[str]()
    for folder in folders:
        rest.append(folder)
        for file in _pth_files(folder):
            lines = _lines(file)
            target = first if any(_INSERTS_FIRST in line for line in lines) else rest
            target += _added_folders(folder, lines)
    return list(dict.fromkeys([*first, *rest]))


def _pth_files(folder: str) -> list[str]:
    with suppress(OSError):
        names = sorted(os.listdir(folder))  # noqa: PTH208
        return [
            f"{folder}/{name}"
            for name in names
            if name.endswith(".pth") and not name.startswith(".")
        ]
    return []


def _lines(file: str) -> list[str]:
    try:
        with Path(file).open("rb") as opened:
            return opened.read(_MAX_BYTES).decode("utf-8-sig", "surrogateescape").splitlines()
    except OSError:
        return []


def _added_folders(folder: str, lines: Iterable[str]) -> list[str]:
    paths = [
        os.path.normpath(os.path.join(folder, line.rstrip()))  # noqa: PTH118
        for line in lines
        if line.strip() and not line.startswith(("#", *EXECUTED_LINES)) and "\0" not in line
    ]
    return [path for path in paths if os.path.exists(path)]  # noqa: PTH110
