"""The records of changes of clusters on the client: a file of JSON lines for each change.

The first line describes the change, and each later one is a step. A line is durable before the
step begins, so that a later client can finish or undo what this one leaves. The files are in the
user's data folder and contain no credentials.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from pkgwidgets.backends.store import filesystem
from pkgwidgets.backends.store.lock import wait_for_lock
from pkgwidgets.core.errors import DiskFailed


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
        """Add a line to the record of a change, durably; make the file. Raises `DiskFailed`.

        A line that an earlier call could not write to its end stays a line of its own.
        """
        path = self._folder / f"{change}.jsonl"
        is_new = filesystem.find(path) is None
        try:
            filesystem.make_folders(self._folder)
            is_torn = not is_new and not path.read_bytes().endswith(b"\n")
            with filesystem.opened(path) as file:
                data = json.dumps(line).encode() + b"\n"
                filesystem.write(file, b"\n" + data if is_torn else data)
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
        with wait_for_lock(self._folder, "another client of this cluster", seconds):
            yield

    def read(self) -> tuple[StoredRecord, ...]:
        """Return all records, oldest first; a line that was not written to its end is left out."""
        return tuple(self._read())

    def _read(self) -> Iterator[StoredRecord]:
        for path in sorted(self._folder.glob("*.jsonl")):
            first, *others = map(_parse, path.read_bytes().split(b"\n")[:-1] or [b""])
            if first is not None:
                steps = tuple(step for step in others if step is not None)
                yield StoredRecord(id=path.stem, description=first, steps=steps)


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return a line of a record; None for one that was not written to its end."""
    try:
        parsed = json.loads(line)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None
