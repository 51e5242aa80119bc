"""Two runs of a notebook, cell by cell: what is the same, and what the newer one did otherwise.

Outputs are compared as nbval compares them, with its cell markers, what it leaves out and its
sanitising: https://nbval.readthedocs.io/en/latest/
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from packaging.version import Version

from .distributions import Id
from .plans import Plan
from .words import redacted

Output = Mapping[str, Any]
"""One output of a cell, as nbformat 4 has it."""
Sanitizer = Sequence[tuple[re.Pattern[str], str]]
"""What is replaced in outputs before they are compared, by what."""

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
_LEFT_OUT = frozenset({
    "metadata", "traceback", "transient", "output_type", "name", "execution_count", "ename",
    "evalue", "application/vnd.jupyter.widget-view+json", "image/png", "image/jpeg",
    "image/svg+xml", "application/pdf",
})  # fmt: skip
_ALWAYS = (
    (re.compile(r"0x[0-9a-fA-F]{6,}"), "ADDRESS"),
    (re.compile(r"(?<=ipykernel_)\d+/\d+(?=\.py)"), "CELL"),
    # What `%time` and `%timeit` tell, and names that are made up anew for each display.
    (re.compile(r"^(CPU times: user |Wall time: )[^\n]*$", re.MULTILINE), "TIME"),
    (re.compile(r"^[\d.]+ [nμum]?s ± [^\n]* per loop \(mean ± [^\n]*\)$", re.MULTILINE), "TIME"),
    (re.compile(r"\b[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}\b"), "UUID"),
    (
        re.compile(r"(?<=[a-z]-)[0-9a-f]{32}\b"),
        "UUID",
    ),  # as in `altair-viz-…`; alone it is a digest
)
_RULE = re.compile(r"^regex: (.*)$\n^replace: (.*)$", re.MULTILINE)
# How what `warnings.showwarning` writes begins; where it ends can be seen by nothing.
_WARNING = re.compile(r"^\S.*?:\d+: (\w*(?:Warning|Error): .*)", re.MULTILINE)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_TIMES_SLOWER, _SECONDS_SLOWER = 3.0, 1.0


class Verdict(StrEnum):
    """What became of a cell; `BROKEN` and `DIFFERENT` are what an upgrade is blamed for."""

    SAME = "same"
    BROKEN = "new error"
    DIFFERENT = "different output"
    WARNS = "new warning"
    SLOWER = "slower"
    MENDED = "no error any more"
    FAILING = "error before and after"
    UNSTABLE = "different by itself"


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """The code of a notebook: its cells that are not empty, and what each says of itself."""

    notebook: Path
    sources: tuple[str, ...]
    marks: tuple[frozenset[str], ...]

    @property
    def digest(self) -> str:
        """A text that differs if the code does; outputs and prose do not count."""
        return hashlib.sha256(json.dumps(self.sources).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class GoodVersions:
    """What was installed when a notebook of that code last ran clean, and when that was, UTC."""

    notebook: Path
    digest: str
    versions: Mapping[Id, Version]
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
    marks: frozenset[str] = frozenset()
    ended: str = ""

    @property
    def error(self) -> str:
        """What it raised, where it says of itself that it does nothing of it; else ""."""
        if self.ended:
            return self.ended
        raised = [o for o in self.outputs if o["output_type"] == "error"]
        if not raised or RAISES in self.marks:
            return ""
        return f"{raised[0]['ename']}: {raised[0]['evalue']}"

    @property
    def warnings(self) -> frozenset[str]:
        """The category and text of each warning that it printed."""
        return frozenset(said.strip() for said in _WARNING.findall(self._written("stderr")))

    @property
    def text(self) -> str:
        """All that it shows, as plain text."""
        said = [_plain(output) for output in self.outputs]
        return "\n".join([*filter(None, said), *filter(None, [self.ended])])

    def _written(self, name: str) -> str:
        streams = (o for o in self.outputs if o["output_type"] == "stream" and o["name"] == name)
        return "".join(str(stream["text"]) for stream in streams)


@dataclass(frozen=True, kw_only=True, slots=True)
class NotebookRun:
    """A notebook, run from its first cell to its last."""

    script: Script
    cells: tuple[CellRun, ...]
    seconds: float = 0.0
    failure: str = ""
    """Why no kernel started for it; "" if one did."""

    @property
    def is_clean(self) -> bool:
        """Whether every cell was run without an error."""
        return not self.failure and not any(cell.error for cell in self.cells)


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedCell:
    """A cell before and after."""

    notebook: Path
    number: int
    before: CellRun
    after: CellRun
    verdict: Verdict

    @property
    def place(self) -> str:
        """`cell 3 of story.ipynb`."""
        return f"cell {self.number} of {self.notebook.name}"

    @property
    def is_blamed(self) -> bool:
        """Whether the new versions are to blame for it."""
        return self.verdict in (Verdict.BROKEN, Verdict.DIFFERENT)

    def __str__(self) -> str:
        # It is kept with the plan: what an error tells may be a secret.
        last = redacted(self.after.error or str(self.verdict)).strip().splitlines()
        return f"{self.place} ({last[0][:200] if last else self.verdict})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsal:
    """What a plan would do to notebooks: their cells before and after. Nothing was changed."""

    plan: Plan
    cells: tuple[ComparedCell, ...]
    before: tuple[NotebookRun, ...] = ()
    after: tuple[NotebookRun, ...] = ()

    @property
    def blamed(self) -> tuple[ComparedCell, ...]:
        """The cells that the plan would break: a new error, or another output."""
        return tuple(cell for cell in self.cells if cell.is_blamed)

    @property
    def passed(self) -> bool:
        """Whether nothing is blamed on the plan."""
        return not self.blamed


def versions_of(plan: Plan) -> Sanitizer:
    """Return what hides that another version calls itself so: nobody upgrades and wants that not.

    Only of versions with two dots or more: `2.0` may as well be a result.
    """
    return tuple(
        (re.compile(rf"(?<![\w.]){re.escape(text)}(?![\w.]*\w)"), f"VERSION OF {change.id}")
        for change in plan.changes
        for text in map(str, (change.before, change.after))
        if text.count(".") > 1
    )


def rules(text: str) -> Sanitizer:
    """Read a file of nbval's `--nbval-sanitize-with`; raises `re.error` for what is no pattern."""
    return tuple((re.compile(pattern), instead) for pattern, instead in _RULE.findall(text))


def marks(source: str, tags: Sequence[object]) -> frozenset[str]:
    """Return what a cell says of itself, by a comment of its own line or by a tag."""
    lines = (line.strip() for line in source.splitlines())
    said = {line.lstrip("#").strip() for line in lines if line.startswith("#")}
    said |= {tag for tag in tags if isinstance(tag, str)}
    return frozenset(_MARKERS[word] for word in said if word in _MARKERS)


def compared(
    before: NotebookRun, after: NotebookRun, sanitizer: Sanitizer = ()
) -> tuple[ComparedCell, ...]:
    """Compare two runs of the same notebook, cell by cell."""
    return tuple(
        ComparedCell(
            notebook=before.script.notebook,
            number=old.number,
            before=old,
            after=new,
            verdict=_verdict(old, new, (*_ALWAYS, *sanitizer)),
        )
        for old, new in zip(before.cells, after.cells, strict=True)
    )


def without_noise(
    cells: Sequence[ComparedCell], again: NotebookRun, sanitizer: Sanitizer = ()
) -> tuple[ComparedCell, ...]:
    """Pardon cells that differ from themselves, in a second run without the new versions."""
    found = {cell.number: cell for cell in again.cells}
    return tuple(
        replace(cell, verdict=Verdict.UNSTABLE)
        if cell.is_blamed
        and _verdict(cell.before, found[cell.number], (*_ALWAYS, *sanitizer))
        in (Verdict.DIFFERENT, Verdict.BROKEN)
        else cell
        for cell in cells
    )


def confirmed(
    cells: Sequence[ComparedCell], again: NotebookRun, sanitizer: Sanitizer = ()
) -> tuple[ComparedCell, ...]:
    """Pardon cells that do not break in a second run with the new versions: it was chance."""
    found = {cell.number: cell for cell in again.cells}
    return tuple(
        replace(cell, verdict=Verdict.UNSTABLE)
        if cell.is_blamed
        and _verdict(cell.before, found[cell.number], (*_ALWAYS, *sanitizer))
        not in (Verdict.DIFFERENT, Verdict.BROKEN)
        else cell
        for cell in cells
    )


def _verdict(before: CellRun, after: CellRun, sanitizer: Sanitizer) -> Verdict:
    if before.error or after.error:
        if before.error and after.error:
            return Verdict.FAILING
        return Verdict.BROKEN if after.error else Verdict.MENDED
    ignored = IGNORE_OUTPUT in before.marks
    if not ignored and _shown(before, sanitizer) != _shown(after, sanitizer):
        return Verdict.DIFFERENT
    if {_sanitized(w, sanitizer) for w in after.warnings} - {
        _sanitized(w, sanitizer) for w in before.warnings
    }:
        return Verdict.WARNS
    if after.seconds > _TIMES_SLOWER * before.seconds + _SECONDS_SLOWER:
        return Verdict.SLOWER
    return Verdict.SAME


def _shown(cell: CellRun, sanitizer: Sanitizer) -> dict[str, list[object]]:
    """Return, by kind, what a cell shows: the order between kinds does not count."""
    shown: dict[str, list[object]] = defaultdict(list)
    streams: dict[str, str] = defaultdict(str)
    for output in cell.outputs:
        if output["output_type"] == "stream":
            streams[output["name"]] += output["text"]
            continue
        for kind, value in {**output, **output.get("data", {})}.items():
            if kind not in _LEFT_OUT and kind != "data":
                shown[kind].append(_sanitized(value, sanitizer))
    if "stderr" in streams:  # warnings are looked at on their own
        found = _WARNING.search(streams["stderr"])
        streams["stderr"] = streams["stderr"][: found.start() if found else None]
    for name, text in streams.items():
        if text.strip():
            shown[name].append(_sanitized(text, sanitizer))
    return dict(shown)


def _sanitized(value: object, sanitizer: Sanitizer) -> object:
    if not isinstance(value, str):
        return value
    for pattern, instead in sanitizer:
        value = pattern.sub(instead, value)
    return value


def _plain(output: Output) -> str:
    match output["output_type"]:
        case "stream":
            return str(output["text"]).rstrip("\n")
        case "error":
            return _COLOURS.sub("", f"{output['ename']}: {output['evalue']}")
        case _:
            data = output.get("data", {})
            return str(data.get("text/plain", ", ".join(sorted(data))))
