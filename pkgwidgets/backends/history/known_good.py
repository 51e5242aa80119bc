"""The versions with which notebooks last ran without errors, one small file per notebook."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from pkgwidgets.analysis.notebook_runs import KnownGoodVersions, NotebookCode
from pkgwidgets.backends.store import filesystem
from pkgwidgets.backends.store.lock import wait_for_lock
from pkgwidgets.core.errors import DiskFailed, EnvironmentBusy
from pkgwidgets.core.json_values import JsonShape

_ENTRY = JsonShape(KnownGoodVersions, without=("notebook",))
_WAIT_SECONDS = 10.0
"""How long to wait for another rehearsal that saves its versions."""
_MAX_STATES = 5
"""The newest states of one notebook's code that are kept."""


class FolderKnownGood:
    """The files in `place/known-good`: one per notebook, with one entry per state of its code."""

    def __init__(self, place: Path) -> None:
        self._folder = place / "known-good"

    def remember(self, good: KnownGoodVersions) -> None:
        """Save these versions, instead of older ones of the same notebook and code.

        In a read-only environment nothing is saved and nothing is raised. The same counts if other
        rehearsals save theirs for ten seconds.
        """
        with suppress(OSError, EnvironmentBusy):
            filesystem.make_folders(self._folder, is_data=True)
            with self._locked():
                self._add(good)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with ExitStack() as stack:
            with suppress(DiskFailed):  # a file system without locks: the last one counts
                lock = wait_for_lock(self._folder, "another rehearsal", _WAIT_SECONDS)
                stack.enter_context(lock)
            yield

    def _add(self, good: KnownGoodVersions) -> None:
        saved = self._read_entries(good.notebook)
        entries = [entry for entry in saved if entry["digest"] != good.digest]
        entries = [*entries, _ENTRY.to_json(good)][-_MAX_STATES:]
        content = {"notebook": str(good.notebook), "good": entries}
        text = json.dumps(content, indent=1)
        filesystem.write_whole(self._file(good.notebook), text.encode("utf-8", "surrogateescape"))

    def recall(self, script: NotebookCode) -> KnownGoodVersions | None:
        """Return the versions for this code of a notebook, else for its last other code."""
        entries = self._read_entries(script.notebook)
        exact = [entry for entry in entries if entry["digest"] == script.digest]
        for entry in reversed([*entries, *exact]):
            with suppress(ValueError):
                return _ENTRY.from_json(entry, notebook=script.notebook)
        return None

    def _read_entries(self, notebook: Path) -> list[dict[str, Any]]:
        """Read the entries of a notebook; none if the file is missing or damaged."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            entries = json.loads(self._file(notebook).read_text("utf-8"))["good"]
            return [entry for entry in entries if isinstance(entry["digest"], str)]
        return []

    def _file(self, notebook: Path) -> Path:
        digest = hashlib.sha256(str(notebook.resolve()).encode("utf-8", "surrogateescape"))
        return self._folder / f"{digest.hexdigest()[:32]}.json"
