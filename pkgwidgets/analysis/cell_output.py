"""What a cell shows, in a form that can be compared: text by kind, and pictures.

Outputs are read as nbval reads them: its cell markers, its ignored keys and its sanitizing,
https://nbval.readthedocs.io/en/latest/
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pkgwidgets.core.plans import Plan

from .notebook_runs import PICTURE, WARNING, CellRun

Sanitizer = Sequence[tuple[re.Pattern[str], str]]
"""Patterns and their replacements, applied to outputs before they are compared."""

_IGNORED_KEYS = frozenset({
    "metadata", "traceback", "transient", "output_type", "name", "execution_count", "ename",
    "evalue", "application/vnd.jupyter.widget-view+json", "image/png", "image/jpeg",
    "image/svg+xml", "application/pdf", PICTURE, "data",
})  # fmt: skip
_SEPARATOR = "\x1e"
"""A line between two outputs of one kind."""
DEFAULT_SANITIZER: Sanitizer = (
    (re.compile(r"0x[0-9a-fA-F]{6,}"), "ADDRESS"),
    (re.compile(r"(?<=ipykernel_)\d+/\d+(?=\.py)"), "CELL"),
    # The spaces of tqdm, whose versions differ in them.
    (re.compile(r"[\u00a0\u2007\u202f]"), " "),
    # The output of `%time` and `%timeit`, the times of a progress bar, and names that are new for
    # each display.
    (re.compile(r"^(CPU times: user |Wall time: )[^\n]*$", re.MULTILINE), "TIME"),
    (re.compile(r"^[\d.]+ [nμum]?s ± [^\n]* per loop \(mean ± [^\n]*\)$", re.MULTILINE), "TIME"),
    (re.compile(r"\[\d\d:\d\d(?::\d\d)?[<,][^\]\n]*\]"), "[TIME]"),
    (re.compile(r"\b[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}\b"), "UUID"),
    # As in `altair-viz-…` and `map_…`; a digest that stands alone may be a result.
    (re.compile(r"(?<=[a-z][-_])[0-9a-f]{32}\b"), "UUID"),
    # pandas' Styler, https://pandas.pydata.org/docs/reference/api/pandas.io.formats.style.Styler
    (re.compile(r"(?<![A-Za-z0-9])T_[0-9a-f]{5}(?![0-9a-f])"), "TABLE"),
    (re.compile(r"(?<=/schema/)(vega(?:-lite)?)/v[\d.]+(?=\.json)"), r"\1/VERSION"),
)
_SANITIZE_RULE = re.compile(r"^regex: (.*)$\n^replace: (.*)$", re.MULTILINE)


def mask_versions(plan: Plan) -> Sanitizer:
    """Return a sanitizer that hides the plan's version numbers: an upgrade always changes those.

    Only versions with two or more dots are hidden: `2.0` may just as well be a result.
    """
    return tuple(
        (re.compile(rf"(?<![\w.]){re.escape(version)}(?![\w.]*\w)"), f"VERSION OF {change.id}")
        for change in plan.changes
        for version in map(str, (change.before, change.after))
        if version.count(".") > 1
    )


def parse_sanitize_rules(text: str) -> Sanitizer:
    """Parse a file for nbval's `--nbval-sanitize-with`; raises `re.error` for a bad pattern."""
    return tuple(
        (re.compile(pattern), replacement) for pattern, replacement in _SANITIZE_RULE.findall(text)
    )


def sanitize(text: str, sanitizer: Sanitizer) -> str:
    """Apply the replacements of a sanitizer."""
    for pattern, replacement in sanitizer:
        text = pattern.sub(replacement, text)
    return text


def visible_texts(cell: CellRun, sanitizer: Sanitizer) -> dict[str, str]:
    """Return what a cell shows as one text per kind; the order between kinds does not count.

    A value of JSON is one line per leaf. Warnings on stderr are left out: they have a verdict of
    their own.
    """
    shown: dict[str, list[str]] = defaultdict(list)
    streams: dict[str, str] = defaultdict(str)
    for output in cell.outputs:
        if output["output_type"] == "stream":
            streams[output["name"]] += output["text"]
            continue
        for kind, value in {**output, **output.get("data", {})}.items():
            if kind not in _IGNORED_KEYS:
                shown[kind].append(sanitize(_as_text(value), sanitizer))
    if "stderr" in streams:
        warning = WARNING.search(streams["stderr"])
        streams["stderr"] = streams["stderr"][: warning.start() if warning else None]
    texts = {kind: f"\n{_SEPARATOR}\n".join(values) for kind, values in shown.items()}
    return texts | {
        name: sanitize(text, sanitizer) for name, text in streams.items() if text.strip()
    }


def visible_pictures(cell: CellRun) -> tuple[Mapping[str, Any], ...]:
    """Return the summaries of the pictures that a cell shows."""
    bundles = (output.get("data", {}) for output in cell.outputs)
    return tuple(bundle[PICTURE] for bundle in bundles if PICTURE in bundle)


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, indent=0, sort_keys=True, default=str)
