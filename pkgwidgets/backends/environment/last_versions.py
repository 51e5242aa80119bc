"""Keep the names and versions of an environment, in a file of this user's cache.

Reading the metadata of hundreds of packages takes most of an audit; the stat key of the environment
tells whether that is needed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.backends import kept_file
from pkgwidgets.core.listing import ListedPackage, Listing
from pkgwidgets.core.origins import Origin

_KIND = "listings-1"
"""The number rises with each change of the format."""
_Row = tuple[str, str | None, str, str]


class FileLastVersions:
    """The listing of one environment; it never raises for its file.

    `environment` names the file, `find_state` returns the stat key, and `guess` the likely
    versions. In a block of `one_look` the environment is looked at once. A damaged file, or one of
    another state, counts as missing.
    """

    def __init__(
        self,
        environment: str,
        find_state: Callable[[], str],
        guess: Callable[[], Mapping[NormalizedName, Version]] = dict,
        one_look: Callable[[], AbstractContextManager[None]] = nullcontext,
        *,
        folder: Path | None = None,
    ) -> None:
        self._environment = environment
        self._given_folder = folder
        self._last: tuple[str, Listing] | None = None
        self.state = find_state
        self.guess = guess
        self.one_look = one_look

    def load(self, state: str) -> Listing | None:
        """Return the listing in this state; None if it is not kept."""
        if not state:
            return None
        last = self._last
        if last is not None and last[0] == state:
            return last[1]
        with suppress(OSError, ValueError, TypeError, AttributeError, RecursionError):
            head, body = kept_file.read(self._file)
            if head == state:
                rows = json.loads(body)
                found = {NormalizedName(name): _parse(*row) for name, row in rows.items()}
                self._last = state, found
                return found
        return None

    def save(self, state: str, listing: Listing) -> None:
        """Keep the listing of a state; in memory only, if the file cannot be written."""
        if not state:
            return
        self._last = state, listing
        rows = {name: _row(package) for name, package in listing.items()}
        with suppress(OSError, ValueError):
            kept_file.write(self._file, state, json.dumps(rows))

    @property
    def _file(self) -> Path:
        return kept_file.path_of(_KIND, self._environment, self._given_folder)


def _row(package: ListedPackage) -> _Row:
    version = None if package.version is None else str(package.version)
    return package.name, version, package.origin.value, package.reason


def _parse(name: str, version: str | None, origin: str, reason: str) -> ListedPackage:
    if not all(type(text) is str for text in (name, origin, reason)):
        raise TypeError("its texts are no texts")
    parsed = None if version is None else Version(version)
    return ListedPackage(name=name, version=parsed, origin=Origin(origin), reason=reason)
