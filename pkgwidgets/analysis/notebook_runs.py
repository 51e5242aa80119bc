"""Runs of a notebook: the markers, outputs, errors and warnings of each cell."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from packaging.utils import NormalizedName
from packaging.version import Version

Output = Mapping[str, Any]
"""One output of a cell, in the form of nbformat 4."""

IGNORE_OUTPUT, RAISES, SKIP = "ignore-output", "raises", "skip"
"""The markers that a cell can carry: see `parse_markers`."""

PICTURE = "application/vnd.pkgwidgets.picture+json"
"""The kind of a picture's summary, beside the picture itself: see `pictures.py`."""

_MARKERS = {
    "NBVAL_IGNORE_OUTPUT": IGNORE_OUTPUT,
    "PYTEST_VALIDATE_IGNORE_OUTPUT": IGNORE_OUTPUT,
    "NBVAL_RAISES_EXCEPTION": RAISES,
    "NBVAL_SKIP": SKIP,
    "nbval-ignore-output": IGNORE_OUTPUT,
    "nbval-raises-exception": RAISES,
    "raises-exception": RAISES,
    "nbval-skip": SKIP,
    "skip-execution": SKIP,
}
# The first line that `warnings.showwarning` writes; nothing marks where a warning ends.
WARNING = re.compile(r"^\S.*?:\d+: (\w*(?:Warning|Error): .*)", re.MULTILINE)
_ANSI_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, kw_only=True, slots=True)
class NotebookCode:
    """The code of a notebook: its cells that are not empty, and the markers of each."""

    notebook: Path
    sources: tuple[str, ...]
    markers: tuple[frozenset[str], ...]

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of the code; outputs and prose do not count."""
        return hashlib.sha256(json.dumps(self.sources).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownGoodVersions:
    """The versions with which a notebook of that code last ran clean; `at` is in UTC."""

    notebook: Path
    digest: str
    versions: Mapping[NormalizedName, Version]
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class CellRun:
    """One code cell of a run. `number` is its number when all cells run: `In [3]`.

    `aborted` says why the cell did not finish or was not reached; "" for a finished cell.
    """

    number: int
    source: str
    outputs: tuple[Output, ...] = ()
    seconds: float = 0.0
    markers: frozenset[str] = frozenset()
    aborted: str = ""

    @property
    def error(self) -> str:
        """Why it was aborted, or what it raised although no marker says that it raises; else ""."""
        if self.aborted:
            return self.aborted
        errors = [output for output in self.outputs if output["output_type"] == "error"]
        if not errors or RAISES in self.markers:
            return ""
        return f"{errors[0]['ename']}: {errors[0]['evalue']}"

    @property
    def error_kind(self) -> str:
        """The class of its error, or why it was aborted; "" without an error."""
        return self.error if self.aborted else self.error.partition(":")[0]

    @property
    def warnings(self) -> frozenset[str]:
        """The category and text of each warning on its stderr."""
        return frozenset(
            warning.strip() for warning in WARNING.findall(self._stream_text("stderr"))
        )

    @property
    def text(self) -> str:
        """All its outputs as plain text, and why it was aborted."""
        texts = [_plain_text(output) for output in self.outputs]
        return "\n".join([*filter(None, texts), *filter(None, [self.aborted])])

    def _stream_text(self, name: str) -> str:
        streams = (
            output
            for output in self.outputs
            if output["output_type"] == "stream" and output["name"] == name
        )
        return "".join(str(stream["text"]) for stream in streams)


@dataclass(frozen=True, kw_only=True, slots=True)
class NotebookRun:
    """One run of a notebook, from its first cell to its last."""

    script: NotebookCode
    cells: tuple[CellRun, ...]
    seconds: float = 0.0
    failure: str = ""
    """Why no kernel started; "" if one did."""
    note: str = ""
    """What of its project it ran without, and why; "" if it had all of it."""

    @property
    def is_clean(self) -> bool:
        """Whether a kernel started and every cell ran without an error."""
        return not self.failure and not any(cell.error for cell in self.cells)


def parse_markers(source: str, tags: Sequence[object]) -> frozenset[str]:
    """Return the markers of a cell, from its comment lines and from its tags."""
    lines = (line.strip() for line in source.splitlines())
    labels = {line.lstrip("#").strip() for line in lines if line.startswith("#")}
    labels |= {tag for tag in tags if isinstance(tag, str)}
    return frozenset(_MARKERS[label] for label in labels if label in _MARKERS)


def _plain_text(output: Output) -> str:
    match output["output_type"]:
        case "stream":
            return str(output["text"]).rstrip("\n")
        case "error":
            return _ANSI_COLOURS.sub("", f"{output['ename']}: {output['evalue']}")
        case _:
            data = output.get("data", {})
            return str(data.get("text/plain", ", ".join(sorted(data))))
