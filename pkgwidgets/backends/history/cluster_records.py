"""The records of changes of clusters on the client: a file of JSON lines for each change.

The first line describes the change, and each later one is a step. A line is durable before the
step begins, so that a later client can finish or undo what this one leaves. The files are in the
user's data folder and contain no credentials.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import platformdirs

from pkgwidgets.backends.store import filesystem
from pkgwidgets.backends.store.lock import hold_lock
from pkgwidgets.core.errors import DiskFailed, EnvironmentBusy


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredRecord:
    """A record as it is stored: the id of a change, its description and its steps."""

    id: str
    description: Mapping[str, Any]
    steps: tuple[Mapping[str, Any], ...]


class ClusterRecordFiles:
    """The records of one user; `folder` is another place for them."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or platformdirs.user_data_path("pkgwidgets") / "clusters"

    def append(self, change: str, line: Mapping[str, Any]) -> None:
        """Add a line to the record of a change, durably; make the file. Raises `DiskFailed`."""
        path = self._folder / f"{change}.jsonl"
        is_new = filesystem.find(path) is None
        try:
            filesystem.make_folders(self._folder)
            with filesystem.opened(path) as file:
                filesystem.write(file, json.dumps(line).encode() + b"\n")
                filesystem.sync(file)
            if is_new:
                filesystem.sync_path(self._folder)
        except OSError as error:
            raise DiskFailed("", str(path), filesystem.os_error_text(error)) from error

    @contextmanager
    def locked(self, seconds: float) -> Iterator[None]:
        """Let no other process of this user on this machine change a cluster in a block.

        `seconds` is how long to wait for it. Raises `EnvironmentBusy` and `DiskFailed`.
        """
        try:
            filesystem.make_folders(self._folder)
        except OSError as error:
            raise DiskFailed("", str(self._folder), filesystem.os_error_text(error)) from error
        deadline = monotonic() + seconds
        with ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(hold_lock(self._folder, "another client of this cluster"))
                    break
                except EnvironmentBusy:
                    if monotonic() > deadline:
                        raise
            yield

    def read(self) -> tuple[StoredRecord, ...]:
        """Return all records, oldest first; a line that was not written to its end is left out."""
        return tuple(self._read())

    def _read(self) -> Iterator[StoredRecord]:
        for path in sorted(self._folder.glob("*.jsonl")):
            lines = []
            for line in path.read_bytes().split(b"\n")[:-1]:
                try:
                    lines.append(json.loads(line))
                except ValueError:
                    break
            if lines:
                yield StoredRecord(id=path.stem, description=lines[0], steps=tuple(lines[1:]))
