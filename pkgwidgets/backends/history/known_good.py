"""The versions with which notebooks last ran clean, one small file a notebook."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from pkgwidgets.analysis.notebook_runs import KnownGoodVersions, NotebookCode
from pkgwidgets.backends.store import filesystem
from pkgwidgets.core.json_values import JsonShape

_ENTRY = JsonShape(KnownGoodVersions, without=("notebook",))
_MAX_STATES = 5
"""States of one notebook's code that are kept, the newest."""


class FolderKnownGood:
    """`place/known-good`, beside the journal: by the notebook's path, and in it by its code."""

    def __init__(self, place: Path) -> None:
        self._folder = place / "known-good"

    def remember(self, good: KnownGoodVersions) -> None:
        """Keep them, instead of older ones of the same notebook and code.

        An environment where nothing can be written has no memory; nothing is raised.
        """
        others = [each for each in self._entries(good.notebook) if each["digest"] != good.digest]
        whole = {
            "notebook": str(good.notebook),
            "good": [*others, _ENTRY.to_json(good)][-_MAX_STATES:],
        }
        with suppress(OSError):
            filesystem.make_folders(self._folder, 0o700)
            file = self._file(good.notebook)
            filesystem.write_whole(
                file, json.dumps(whole, indent=1).encode("utf-8", "surrogateescape")
            )

    def recall(self, script: NotebookCode) -> KnownGoodVersions | None:
        """Return those of a notebook: of this code, else of what it last was."""
        entries = self._entries(script.notebook)
        exact = [each for each in entries if each["digest"] == script.digest]
        for entry in reversed([*entries, *exact]):
            with suppress(ValueError):
                return _ENTRY.from_json(entry, notebook=script.notebook)
        return None

    def _entries(self, notebook: Path) -> list[dict[str, Any]]:
        """Read what is kept; nothing, where that is spoilt or not there."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            entries = json.loads(self._file(notebook).read_text("utf-8"))["good"]
            return [each for each in entries if isinstance(each["digest"], str)]
        return []

    def _file(self, notebook: Path) -> Path:
        name = hashlib.sha256(str(notebook.resolve()).encode("utf-8", "surrogateescape"))
        return self._folder / f"{name.hexdigest()[:32]}.json"
