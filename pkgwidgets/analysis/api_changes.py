"""Compare the signatures of two versions for one use of a name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pkgwidgets.core.text import count_noun

from .name_usage import Call


class Severity(StrEnum):
    """How serious a finding is for the cell, worst first.

    >>> plan = service.plan_upgrade("seedshelf")
    >>> [row.severity.value for row in service.values.impact(plan, notebook)]
    ['none']
    """

    BREAKS = "breaks"
    WARNS = "warns"
    CHANGES = "changes"
    UNKNOWN = "unknown"
    INDIRECT = "indirect"
    NONE = "none"


class NameState(StrEnum):
    """Whether the sources define a name; `UNKNOWN` if only running them can tell."""

    FOUND = "found"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One parameter of a signature; `default` is its source text, None if it is required."""

    name: str
    default: str | None = None
    positional: bool = True
    keyword: bool = True
    variadic: bool = False
    """Whether it collects the remaining arguments, as `*values` and `**options` do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """What the sources define for a name; `parameters` is None if it may not be callable."""

    state: NameState
    parameters: tuple[Parameter, ...] | None = None
    deprecated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The effect of a new version on one use of a name."""

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
    """Compare the signature that a use of a name has now with the one in `version`.

    `call` is None for a use that is not a call. Return nothing for a name that `old` lacks.
    """
    if old.state is not NameState.FOUND:
        return ()
    if new.state is NameState.MISSING:
        return (Finding(severity=Severity.BREAKS, text=f"{name} is not in {version}"),)
    if new.state is NameState.UNKNOWN:
        text = f"it is unknown whether {version} has {name}"
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
    for keyword in call.names:
        if _accepts_keyword(old, keyword) and not _accepts_keyword(new, keyword):
            text = f"{name} has no parameter {keyword} in {version}"
            yield Finding(severity=Severity.BREAKS, text=text)
    limit = _max_positional_count(new)
    if limit is not None and call.positional_count > limit and not _has_too_many_values(call, old):
        accepted = count_noun(limit, "positional argument")
        text = f"{name} accepts {accepted} in {version}, not {call.positional_count}"
        yield Finding(severity=Severity.BREAKS, text=text)
    old_by_name = {parameter.name: parameter for parameter in old}
    for parameter in _unset_parameters(call, new):
        if parameter.default is None and (
            parameter.name not in old_by_name or old_by_name[parameter.name].default
        ):
            text = f"{name} requires an argument for {parameter.name} in {version}"
            yield Finding(severity=Severity.BREAKS, text=text)
    for parameter in _unset_parameters(call, new):
        old_default = old_by_name[parameter.name].default if parameter.name in old_by_name else None
        # A stub writes `...` for a default that it leaves out.
        new_default = parameter.default
        if old_default not in (None, "...", new_default) and new_default not in (None, "..."):
            subject = f"the default of {parameter.name} of {name}"
            text = f"{subject} is {new_default} in {version}, not {old_default}"
            yield Finding(severity=Severity.CHANGES, text=text)


def _accepts_keyword(parameters: Sequence[Parameter], name: str) -> bool:
    return any(
        parameter.keyword and (parameter.variadic or parameter.name == name)
        for parameter in parameters
    )


def _max_positional_count(parameters: Sequence[Parameter]) -> int | None:
    """Return how many positional arguments are accepted; None means any number."""
    if any(parameter.variadic and parameter.positional for parameter in parameters):
        return None
    return sum(parameter.positional for parameter in parameters)


def _has_too_many_values(call: Call, parameters: Sequence[Parameter]) -> bool:
    limit = _max_positional_count(parameters)
    return limit is not None and call.positional_count > limit


def _unset_parameters(call: Call, parameters: Sequence[Parameter]) -> list[Parameter]:
    """Return the parameters that a call leaves to their defaults.

    Return an empty list for a call that unpacks arguments: which parameters it sets is unknown.
    """
    if call.has_unpacking:
        return []
    filled_by_position = [
        parameter for parameter in parameters if parameter.positional and not parameter.variadic
    ][: call.positional_count]
    return [
        parameter
        for parameter in parameters
        if not parameter.variadic
        and parameter not in filled_by_position
        and parameter.name not in call.names
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Impact:
    """The effect of a package change on one cell; `cell` is None if the cell is unknown.

    >>> (row,) = service.values.impact(service.plan_upgrade("seedshelf"), notebook)
    >>> row.cell, row.package, row.name, row.severity.value
    (1, 'seedshelf', 'seedshelf.sow', 'none')
    """

    cell: int | None
    package: str
    name: str
    finding: str
    severity: Severity


def sort_impacts(impacts: Iterable[Impact]) -> tuple[Impact, ...]:
    """Remove redundant impacts and sort the rest by severity, worst first, then by cell.

    An impact without a finding is redundant if its cell has a finding for the same name. It is also
    redundant if its cell uses a longer name that begins with it.
    """
    unique = list(dict.fromkeys(impacts))
    names_with_findings = {
        (impact.cell, impact.name) for impact in unique if impact.severity is not Severity.NONE
    }
    prefixes = {
        (impact.cell, ".".join(parts[:length]))
        for impact in unique
        if (parts := impact.name.split("."))
        for length in range(1, len(parts))
    }
    kept = [
        impact
        for impact in unique
        if impact.severity is not Severity.NONE
        or (impact.cell, impact.name) not in names_with_findings | prefixes
    ]
    rank = {severity: number for number, severity in enumerate(Severity)}
    kept.sort(key=lambda row: (rank[row.severity], row.cell or 0, row.package, row.name))
    return tuple(kept)
