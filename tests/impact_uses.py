"""Judge what the impact says of uses against the facts of two real environments."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.analysis.api_changes import Severity
from pkgwidgets.analysis.name_usage import Cell, find_usage
from pkgwidgets.backends.sources.source_api import SourceApi
from pkgwidgets.core.plans import Change
from pkgwidgets.notebook import impact

Facts = Mapping[str, Mapping[str, Any]]
"""What is known of each name: whether it is found, and its parameters."""

BREAKS, CHANGES, NONE, UNKNOWN = "breaks", "changes", "none", "unknown"
_STANDARD = Path(inspect.__file__).parent
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


@dataclass
class Judged:
    """How often each truth got each answer, and the uses that were answered wrongly."""

    names: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def precision(self, kind: str) -> float | None:
        """Return which part of the answers of a kind is right; None if there is none."""
        answers = sum(count for (_, answer), count in self.counts.items() if answer == kind)
        return self.counts[kind, kind] / answers if answers else None

    def recall(self, kind: str) -> float | None:
        """Return which part of the uses of a kind is answered so; None if there is none."""
        truths = sum(count for (truth, _), count in self.counts.items() if truth == kind)
        return self.counts[kind, kind] / truths if truths else None

    def told(self, kind: str) -> float | None:
        """Return which part of the uses of a kind is not answered by *none*."""
        truths = sum(count for (truth, _), count in self.counts.items() if truth == kind)
        return 1 - self.counts[kind, NONE] / truths if truths else None

    def share(self, answer: str) -> float:
        """Return which part of all uses got an answer."""
        total = self.counts.total()
        return sum(n for (_, given), n in self.counts.items() if given == answer) / (total or 1)


def judge(
    package: str, version: str, old_site: Path, new_site: Path, old: Facts, new: Facts
) -> Judged:
    """Judge the answers about all uses of the public names of a package."""
    judged = Judged(names=sum(bool(fact["found"]) for fact in old.values()))
    uses = [use for name in old if old[name]["found"] for use in _uses(name, old[name], new[name])]
    cells = [Cell(number=number, source=source) for number, (source, _) in enumerate(uses)]
    found = find_usage(cells).uses
    change = Change(
        id=canonicalize_name(package), name=package, before=Version("0"), after=Version(version)
    )
    direct = [(use, change) for use in found]
    answers: dict[int, set[Severity]] = {}
    texts: dict[int, list[str]] = {}
    for row in impact.compare_uses(
        direct, SourceApi([old_site, _STANDARD]), SourceApi([new_site, _STANDARD])
    ):
        assert row.cell is not None
        answers.setdefault(row.cell, set()).add(row.severity)
        texts.setdefault(row.cell, []).append(row.finding)
    for number, (source, truth) in enumerate(uses):
        answer = _worst(answers.get(number, set()))
        judged.counts[truth, answer] += 1
        if answer not in (truth, UNKNOWN):
            said = "; ".join(filter(None, texts.get(number, ())))
            judged.wrong.append(f"{source!r}: is {truth}, answer {answer} {said}")
    return judged


def table(rows: Sequence[tuple[str, Judged | None]]) -> str:
    """Return the table of all pairs, and a last row for all of them together."""
    total = Judged()
    for _, judged in rows:
        if judged is not None:
            total.names += judged.names
            total.counts.update(judged.counts)
    head = (
        *(f"{'pair':34}", "names", " uses", "breaks", " prec", "  rec", " told", "changes"),
        *(" prec", "  rec", "unknown"),
    )
    lines = ["  ".join(head)]
    for label, judged in (*rows, ("all", total)):
        if judged is None:
            lines.append(f"{label:34}  no environment")
            continue
        truths = Counter(truth for truth, _ in judged.counts.elements())
        numbers = (f"{judged.names:5}", f"{judged.counts.total():5}", f"{truths[BREAKS]:6}")
        figures = [judged.precision(BREAKS), judged.recall(BREAKS), judged.told(BREAKS)]
        more = [judged.precision(CHANGES), judged.recall(CHANGES)]
        cells = (
            *(f"{label:34}", *numbers, *map(_figure, figures), f"{truths[CHANGES]:7}"),
            *(*map(_figure, more), f"{judged.share(UNKNOWN):7.1%}"),
        )
        lines.append("  ".join(cells))
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return f"{value:5.2f}" if value is not None else "    -"


def _worst(severities: set[Severity]) -> str:
    for severity, answer in (
        *((Severity.BREAKS, BREAKS), (Severity.CHANGES, CHANGES), (Severity.UNKNOWN, UNKNOWN)),
    ):
        if severity in severities:
            return answer
    return NONE


def _uses(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield cells that use a name, each with the truth about it."""
    module, *names = path.split("|")
    start = f"import {module}\n{'.'.join([module, *names])}"
    yield start, NONE if new["found"] else BREAKS
    before = _signature(old["parameters"])
    after = _signature(new["parameters"])
    if before is None or (after is None and new["found"]):
        return
    for count, keywords in _calls(before):
        values = [*(["v"] * count), *(f"{keyword}=v" for keyword in keywords)]
        truth = _truth(before, after, count, keywords) if after is not None else BREAKS
        yield f"v = 1\n{start}({', '.join(values)})", truth


def _signature(parameters: Sequence[Sequence[Any]] | None) -> inspect.Signature | None:
    if parameters is None:
        return None
    made = [
        inspect.Parameter(
            name,
            getattr(inspect.Parameter, kind),
            default=inspect.Parameter.empty if default is None else _ADDRESS.sub("", default),
        )
        for name, kind, default in parameters
    ]
    try:
        return inspect.Signature(made)
    except ValueError:
        return None


def _calls(signature: inspect.Signature) -> Iterator[tuple[int, list[str]]]:
    """Yield how many values a call gives by position, and which parameters by name."""
    parameters = [*signature.parameters.values()]
    by_position = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = sum(p.default is p.empty for p in by_position)
    named = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    yield required, named
    if len(by_position) > required:
        yield len(by_position), named
    optional = [
        p.name
        for p in parameters
        if p.default is not p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    for name in optional[:8]:
        yield required, [*named, name]


def _truth(
    before: inspect.Signature, after: inspect.Signature, count: int, keywords: Sequence[str]
) -> str:
    """Return what the new signature does to a call."""
    values, named = [object() for _ in range(count)], {name: object() for name in keywords}
    old = before.bind(*values, **named)
    try:
        new = after.bind(*values, **named)
    except TypeError:
        return BREAKS
    old_places = {id(value): name for name, value in _flat(old)}
    new_places = {id(value): name for name, value in _flat(new)}
    for value, name in old_places.items():
        other = new_places[value]
        if other != name and (name in after.parameters or other in before.parameters):
            return CHANGES
    for name, parameter in after.parameters.items():
        earlier = before.parameters.get(name)
        is_unset = name not in new.arguments and earlier is not None
        if is_unset and earlier is not None and name not in old.arguments:
            defaults = {earlier.default, parameter.default} - {inspect.Parameter.empty}
            if len(defaults) > 1:
                return CHANGES
    return NONE


def _flat(bound: inspect.BoundArguments) -> Iterator[tuple[str, object]]:
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            yield from ((name, inner) for inner in value)
        elif kind is inspect.Parameter.VAR_KEYWORD:
            yield from value.items()
        else:
            yield name, value
