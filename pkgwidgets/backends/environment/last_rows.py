"""The rows of the last listing of an environment, in a file of this user's cache.

A new process that lists while nothing has changed reads neither metadata nor journals.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pkgwidgets.backends import kept_file
from pkgwidgets.backends.row_texts import rows_from_text, rows_to_text

if TYPE_CHECKING:
    from pkgwidgets.core.packages import PackageInfo

_KIND = "rows-1"
"""The number rises with each change of the format."""


class FileLastRows:
    """The last listing of one environment; it never raises for its file.

    `environment` names the file. `find_state` returns what the rows depend on, or "" if that is not
    certain. A damaged file, or one of another state, counts as missing.
    """

    def __init__(
        self, environment: str, find_state: Callable[[], str], *, folder: Path | None = None
    ) -> None:
        self._environment = environment
        self._find_state = find_state
        self._given_folder = folder
        self._last: tuple[str, tuple[PackageInfo, ...]] | None = None

    def state(self) -> str:
        """Return a hash of everything that the rows depend on; "" if a change could be missed."""
        state = self._find_state()
        return kept_file.digest(state) if state else ""

    def load(self, state: str) -> tuple[PackageInfo, ...] | None:
        """Return the rows of the last listing in this state; None if they are not kept."""
        if not state:
            return None
        last = self._last
        if last is not None and last[0] == state:
            return last[1]
        with suppress(OSError, ValueError, TypeError, AttributeError, RecursionError):
            head, body = kept_file.read(self._file)
            if head == state:
                rows = rows_from_text(body)
                self._last = state, rows
                return rows
        return None

    def save(self, state: str, rows: tuple[PackageInfo, ...]) -> None:
        """Keep the rows; in memory only, if the file cannot be written."""
        if not state:
            return
        self._last = state, rows
        with suppress(OSError, ValueError):
            kept_file.write(self._file, state, rows_to_text(rows))

    @property
    def _file(self) -> Path:
        return kept_file.path_of(_KIND, self._environment, self._given_folder)
