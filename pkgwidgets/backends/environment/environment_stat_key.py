"""A text that changes with anything that a listing of one environment shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from time import time_ns
from typing import TYPE_CHECKING

import packaging

from pkgwidgets.backends.store.file_times import SETTLED_NS

from . import eggs
from .stat_keys import Installation

if TYPE_CHECKING:
    from pkgwidgets.core.environment import Interpreter

    from .dist_info import DistInfoReader

_Seen = tuple[list[list[Installation]], tuple[object, ...]]


class EnvironmentStatKey:
    """The key of one environment; it is computed again only after a change."""

    def __init__(self, interpreter: Interpreter, reader: DistInfoReader) -> None:
        self._interpreter = interpreter
        self._reader = reader
        self._last: tuple[_Seen, str] | None = None

    def now(self) -> str:
        """Return the key; "" if a change could be missed."""
        installations = self._reader.installations()
        seen = installations, (*self._surroundings(), *self._without_key(installations))
        last = self._last
        if last is not None and last[0] == seen:
            return last[1]
        if "" in seen[1] or not _is_settled(installations):
            return ""
        text = f"{packaging.__version__} {self._interpreter} {seen}"
        key = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        self._last = seen, key
        return key

    def _without_key(self, installations: list[list[Installation]]) -> Iterator[str]:
        """Yield what is read of each egg now, and "" for each incomplete `dist-info` folder."""
        for installation in (entry for found in installations for entry in found):
            if installation[2] is None:
                is_egg = installation[1].endswith(eggs.SUFFIXES)
                yield repr(self._reader.read_one(installation)) if is_egg else ""

    def _surroundings(self) -> tuple[object, ...]:
        """Return what else decides about the origin of a distribution."""
        try:
            conda_time = os.stat(self._interpreter.prefix / "conda-meta").st_mtime_ns  # noqa: PTH116
        except OSError:
            conda_time = 0
        return conda_time, *map(_editable_files, self._own_folders())

    def _own_folders(self) -> tuple[str, ...]:
        scheme = self._interpreter.scheme
        return tuple(dict.fromkeys(str(scheme[name]) for name in ("purelib", "platlib")))


def _editable_files(folder: str) -> tuple[str, ...]:
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except OSError:
        return ()
    return tuple(sorted(name for name in names if name.startswith("__editable__")))


def _is_settled(installations: list[list[Installation]]) -> bool:
    latest = time_ns() - SETTLED_NS
    return all(
        max(times[0], times[1]) < latest
        for found in installations
        for _, _, key in found
        for times in key or ()
        if times is not None
    )
