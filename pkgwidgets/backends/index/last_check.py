"""The rows of the last update check of an environment, in a file of this user's cache.

A new process that checks while nothing has changed reads neither the distributions nor the
answers, and loads no HTTP client.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from time import time

from packaging.utils import NormalizedName

from pkgwidgets.backends import kept_file
from pkgwidgets.backends.user_cache import cache_folder
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.last_check import AnswerTimes, KnownRows
from pkgwidgets.core.packages import PackageInfo

_KIND = "checks-1"
"""The number rises with each change of the format."""

_Kept = tuple[str, AnswerTimes, tuple[PackageInfo, ...]]


class FileLastCheck:
    """The last check of one environment with one index; it never raises for its file.

    `find_state` returns what the rows depend on besides the answers, or "" if that is not certain.
    `source` is the index as the cache names it, or "" if the answers are not those of the cache.
    `environment` names the file. A damaged file, or one of another state, counts as missing.
    """

    def __init__(
        self,
        environment: str,
        source: Callable[[], str],
        find_state: Callable[[], str],
        *,
        folder: Path | None = None,
    ) -> None:
        self._environment = environment
        self._find_source = source
        self._find_state = find_state
        self._given_folder = folder
        self._lock = Lock()
        self._last: _Kept | None = None

    def state(self) -> str:
        """Return a hash of everything that the rows depend on; "" if a change could be missed."""
        try:
            source, state = self._find_source(), self._find_state()
        except PkgwidgetsError:  # the check itself raises it again
            return ""
        return kept_file.digest(f"{source}\n{state}") if source and state else ""

    def load(self, state: str) -> tuple[PackageInfo, ...] | None:
        """Return the rows of the last check in this state, if all its answers are fresh.

        They are if the cache still holds the answers that the check used, and no others.
        """
        kept = self._find(state, self.is_current)
        return None if kept is None else kept[2]

    def known(self, state: str) -> KnownRows | None:
        """Return the rows of the last check in this state, with the times of its answers.

        Fresh or not, the cache still holds these answers, and no others.
        """
        kept = self._find(state, self._are_cached)
        return None if kept is None else (kept[2], kept[1])

    def _find(self, state: str, is_usable: Callable[[AnswerTimes], bool]) -> _Kept | None:
        """Return the last check in this state, from memory or from its file."""
        if not state:
            return None
        last = self._last
        if last is not None and last[0] == state and is_usable(last[1]):
            return last
        kept = self._read(state)
        if kept is None or not is_usable(kept[1]):
            return None
        self._last = kept
        return kept

    def save(self, state: str, rows: tuple[PackageInfo, ...], times: AnswerTimes) -> None:
        """Keep the rows; in memory only, if the file cannot be written."""
        if not state or not self._are_fresh(times):
            return
        self._last = state, times, rows
        head = json.dumps([state, {name: list(both) for name, both in times.items()}])
        from pkgwidgets.backends.row_texts import rows_to_text

        body = rows_to_text(rows)
        with self._lock, suppress(OSError, ValueError):
            kept_file.write(self._file, head, body)

    def is_current(self, times: AnswerTimes) -> bool:
        """Tell whether answers of these times are fresh, and the cache has no later ones."""
        return self._are_fresh(times) and self._are_cached(times)

    def _are_cached(self, times: AnswerTimes) -> bool:
        from . import cache_file  # late: it loads SQLite, and an audit may need no index

        file = cache_file.cache_file(self._folder)
        return cache_file.answer_times(file, self._find_source(), times) == times

    def _are_fresh(self, times: AnswerTimes) -> bool:
        now = time()
        return all(asked <= now < fresh_until for asked, fresh_until in times.values())

    def _read(self, state: str) -> _Kept | None:
        from pkgwidgets.backends.row_texts import rows_from_text

        try:
            head, body = kept_file.read(self._file)
            kept_state, times = json.loads(head)
            if kept_state != state:
                return None
            return state, parse_times(times), rows_from_text(body)
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return None

    @property
    def _folder(self) -> Path:
        given = self._given_folder
        return given if given is not None else cache_folder()

    @property
    def _file(self) -> Path:
        environment = f"{self._environment}\n{self._find_source()}"
        return kept_file.path_of(_KIND, environment, self._given_folder)


def parse_times(times: dict[str, list[float]]) -> AnswerTimes:
    """Return the times of a decoded file; raise ValueError or TypeError for anything else."""
    parsed = {}
    for name, (asked, fresh_until) in times.items():
        if type(asked) is not float or type(fresh_until) is not float:
            raise ValueError("its times are no numbers")
        parsed[NormalizedName(name)] = asked, fresh_until
    return parsed
