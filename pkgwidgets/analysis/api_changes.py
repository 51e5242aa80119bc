"""What a call or a name of one version finds in another: the difference of two signatures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from .name_usage import Call


class Severity(StrEnum):
    """What a finding means for the cell, worst first."""

    BREAKS = "breaks"
    WARNS = "warns"
    CHANGES = "changes"
    UNKNOWN = "unknown"
    INDIRECT = "indirect"
    NONE = "none"


class NameState(StrEnum):
    """Whether sources have a name: `UNKNOWN` where only running them would tell."""

    FOUND = "found"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One parameter of a signature; `default` is its text, None if a value must be given."""

    name: str
    default: str | None = None
    positional: bool = True
    keyword: bool = True
    variadic: bool = False
    """Whether it takes what the others do not, as `*values` and `**options` do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """What sources say of a name; `parameters` is None for what is not seen to be callable."""

    state: NameState
    parameters: tuple[Parameter, ...] | None = None
    deprecated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What a new version does to one use of a name."""

    severity: Severity
    text: str


class ApiReader(Protocol):
    """Reads what the sources of distributions offer."""

    def api(self, name: str) -> Signature:
        """Return what the sources say of a name in full, `altair.Chart().mark_bar`."""

    def has_module(self, name: str) -> bool:
        """Tell whether there is a module of this name in full."""


def compare_signatures(
    name: str, call: Call | None, old: Signature, new: Signature, version: str
) -> tuple[Finding, ...]:
    """Compare what a use of a name finds now with what it will find in `version`."""
    if old.state is not NameState.FOUND:
        return ()
    if new.state is NameState.MISSING:
        return (Finding(severity=Severity.BREAKS, text=f"{name} is not in {version}"),)
    if new.state is NameState.UNKNOWN:
        text = f"the sources of {version} do not tell whether it has {name}"
        return (Finding(severity=Severity.UNKNOWN, text=text),)
    findings = []
    if new.deprecated and not old.deprecated:
        text = f"{name} is deprecated in {version}"
        findings.append(Finding(severity=Severity.WARNS, text=text))
    if call is not None and old.parameters is not None and new.parameters is not None:
        findings += _compare_call(name, call, old.parameters, new.parameters, version)
    return tuple(findings)


def _compare_call(
    name: str, call: Call, old: Sequence[Parameter], new: Sequence[Parameter], version: str
) -> Iterator[Finding]:
    for given in call.names:
        if _takes(old, given) and not _takes(new, given):
            text = f"{name} has no parameter {given} in {version}"
            yield Finding(severity=Severity.BREAKS, text=text)
    most = _positional_count(new)
    if most is not None and call.positional_count > most and not _has_too_many(call, old):
        text = f"{name} takes {most} values by place in {version}, not {call.positional_count}"
        yield Finding(severity=Severity.BREAKS, text=text)
    before = {parameter.name: parameter for parameter in old}
    for parameter in _unset_parameters(call, new):
        if parameter.default is None and (
            parameter.name not in before or before[parameter.name].default
        ):
            text = f"{name} needs a value for {parameter.name} in {version}"
            yield Finding(severity=Severity.BREAKS, text=text)
    for parameter in _unset_parameters(call, new):
        was = before[parameter.name].default if parameter.name in before else None
        # A stub writes dots for a default that it does not tell.
        if was not in (None, "...", parameter.default) and parameter.default not in (None, "..."):
            what = f"the default of {parameter.name} of {name}"
            text = f"{what} is {parameter.default} in {version}, not {was}"
            yield Finding(severity=Severity.CHANGES, text=text)


def _takes(parameters: Sequence[Parameter], name: str) -> bool:
    return any(
        parameter.keyword and (parameter.variadic or parameter.name == name)
        for parameter in parameters
    )


def _positional_count(parameters: Sequence[Parameter]) -> int | None:
    """Return how many values may be given by place; None for any number."""
    if any(parameter.variadic and parameter.positional for parameter in parameters):
        return None
    return sum(parameter.positional for parameter in parameters)


def _has_too_many(call: Call, parameters: Sequence[Parameter]) -> bool:
    most = _positional_count(parameters)
    return most is not None and call.positional_count > most


def _unset_parameters(call: Call, parameters: Sequence[Parameter]) -> list[Parameter]:
    """Return what a call leaves to the defaults; nothing if it gives what cannot be seen."""
    if call.has_unpacking:
        return []
    by_place = [
        parameter for parameter in parameters if parameter.positional and not parameter.variadic
    ][: call.positional_count]
    return [
        parameter
        for parameter in parameters
        if not parameter.variadic and parameter not in by_place and parameter.name not in call.names
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Impact:
    """What a change of a package means for one cell; `cell` is None where nothing tells which."""

    cell: int | None
    package: str
    name: str
    finding: str
    severity: Severity


def sort_impacts(rows: Iterable[Impact]) -> tuple[Impact, ...]:
    """Leave out what says nothing new, and put the worst first, then in the order of cells.

    A mere use counts only where its cell has nothing to say of that name, or of a longer one.
    """
    kept = list(dict.fromkeys(rows))
    named = {(row.cell, row.name) for row in kept if row.severity is not Severity.NONE}
    longer = {
        (row.cell, ".".join(parts[:length]))
        for row in kept
        if (parts := row.name.split("."))
        for length in range(1, len(parts))
    }
    kept = [
        row
        for row in kept
        if row.severity is not Severity.NONE or (row.cell, row.name) not in named | longer
    ]
    rank = {severity: number for number, severity in enumerate(Severity)}
    return tuple(
        sorted(kept, key=lambda row: (rank[row.severity], row.cell or 0, row.package, row.name))
    )
