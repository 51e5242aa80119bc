"""A notebook that was run: what each of its cells says of itself, shows, raises and warns of."""

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
"""One output of a cell, as nbformat 4 has it."""

IGNORE_OUTPUT, RAISES, SKIP = "ignore-output", "raises", "skip"
"""What a cell may say of itself: see `marks`."""

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
# How what `warnings.showwarning` writes begins; where it ends can be seen by nothing.
WARNING = re.compile(r"^\S.*?:\d+: (\w*(?:Warning|Error): .*)", re.MULTILINE)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, kw_only=True, slots=True)
class NotebookCode:
    """The code of a notebook: its cells that are not empty, and what each says of itself."""

    notebook: Path
    sources: tuple[str, ...]
    markers: tuple[frozenset[str], ...]

    @property
    def digest(self) -> str:
        """A text that differs if the code does; outputs and prose do not count."""
        return hashlib.sha256(json.dumps(self.sources).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownGoodVersions:
    """What was installed when a notebook of that code last ran clean, and when that was, UTC."""

    notebook: Path
    digest: str
    versions: Mapping[NormalizedName, Version]
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class CellRun:
    """One code cell, run. `number` is the one it gets when all are run: `In [3]`.

    `ended` says why it came to no end, or was not reached; "" for a cell that was run.
    """

    number: int
    source: str
    outputs: tuple[Output, ...] = ()
    seconds: float = 0.0
    markers: frozenset[str] = frozenset()
    aborted: str = ""

    @property
    def error(self) -> str:
        """What it raised, where it says of itself that it does nothing of it; else ""."""
        if self.aborted:
            return self.aborted
        raised = [o for o in self.outputs if o["output_type"] == "error"]
        if not raised or RAISES in self.markers:
            return ""
        return f"{raised[0]['ename']}: {raised[0]['evalue']}"

    @property
    def warnings(self) -> frozenset[str]:
        """The category and text of each warning that it printed."""
        return frozenset(said.strip() for said in WARNING.findall(self._written("stderr")))

    @property
    def text(self) -> str:
        """All that it shows, as plain text."""
        said = [_plain(output) for output in self.outputs]
        return "\n".join([*filter(None, said), *filter(None, [self.aborted])])

    def _written(self, name: str) -> str:
        streams = (o for o in self.outputs if o["output_type"] == "stream" and o["name"] == name)
        return "".join(str(stream["text"]) for stream in streams)


@dataclass(frozen=True, kw_only=True, slots=True)
class NotebookRun:
    """A notebook, run from its first cell to its last."""

    script: NotebookCode
    cells: tuple[CellRun, ...]
    seconds: float = 0.0
    failure: str = ""
    """Why no kernel started for it; "" if one did."""

    @property
    def is_clean(self) -> bool:
        """Whether every cell was run without an error."""
        return not self.failure and not any(cell.error for cell in self.cells)


def parse_markers(source: str, tags: Sequence[object]) -> frozenset[str]:
    """Return what a cell says of itself, by a comment of its own line or by a tag."""
    lines = (line.strip() for line in source.splitlines())
    said = {line.lstrip("#").strip() for line in lines if line.startswith("#")}
    said |= {tag for tag in tags if isinstance(tag, str)}
    return frozenset(_MARKERS[word] for word in said if word in _MARKERS)


def _plain(output: Output) -> str:
    match output["output_type"]:
        case "stream":
            return str(output["text"]).rstrip("\n")
        case "error":
            return _COLOURS.sub("", f"{output['ename']}: {output['evalue']}")
        case _:
            data = output.get("data", {})
            return str(data.get("text/plain", ", ".join(sorted(data))))
