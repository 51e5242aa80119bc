"""Compare the signatures of two versions for one use of a name."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pkgwidgets.core.text import count_noun

from .code_uses import Call


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
    result_of: str = ""
    """The function whose result is not known, where that makes the name unknown."""


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

    `call` is None for a use that is not a call.
    """
    unknown = _unknown_name(name, old, new, version)
    if unknown:
        return (Finding(severity=Severity.UNKNOWN, text=unknown),)
    if old.state is not NameState.FOUND:
        return ()
    if new.state is NameState.MISSING:
        return (Finding(severity=Severity.BREAKS, text=f"{name} is not in {version}"),)
    findings = []
    if new.deprecated and not old.deprecated:
        text = f"{name} is deprecated in {version}"
        findings.append(Finding(severity=Severity.WARNS, text=text))
    if call is not None and old.parameters is not None and new.parameters is not None:
        findings += _compare_call(name, call, old.parameters, new.parameters, version)
    return tuple(findings)


def _unknown_name(name: str, old: Signature, new: Signature, version: str) -> str:
    """Return why it is unknown whether a name goes on to work; "" if it is known."""
    if NameState.UNKNOWN not in (old.state, new.state):
        both = old.state is new.state is NameState.MISSING
        return f"{name} was not found in the installed version, nor in {version}" if both else ""
    if old.state is NameState.MISSING:
        return ""
    function = old.result_of or new.result_of
    if function:
        return f"what {function} returns is unknown, so its attributes are not compared"
    return f"it is unknown whether {version} has {name}"


def _compare_call(
    name: str, call: Call, old: Sequence[Parameter], new: Sequence[Parameter], version: str
) -> Iterator[Finding]:
    """Yield what a call does differently with the new parameters: it fails, or means another."""
    texts = [*_failures(name, call, old, new, version)]
    for text in texts:
        yield Finding(severity=Severity.BREAKS, text=text)
    for text in (*_moved(name, call, old, new, version), *_defaults(name, call, old, new, version)):
        yield Finding(severity=Severity.CHANGES, text=text)
    if call.has_unpacking and not texts and _shape(old) != _shape(new):
        text = f"the parameters of {name} differ in {version}; which ones it sets is unknown"
        yield Finding(severity=Severity.UNKNOWN, text=text)


def _failures(
    name: str, call: Call, old: Sequence[Parameter], new: Sequence[Parameter], version: str
) -> Iterator[str]:
    """Yield why the call fails with the new parameters, though not with the old ones."""
    for keyword in call.names:
        if not _accepts_keyword(old, keyword):
            continue
        if not _accepts_keyword(new, keyword):
            is_there = any(parameter.name == keyword for parameter in new)
            what = "accepts {} only by position" if is_there else "has no parameter {}"
            yield f"{name} {what.format(keyword)} in {version}"
        elif _is_set_twice(call, new, keyword) and not _is_set_twice(call, old, keyword):
            yield f"{name} gets {keyword} twice in {version}: by position and by name"
    limit = _max_positional_count(new)
    if limit is not None and call.positional_count > limit and not _has_too_many_values(call, old):
        accepted = count_noun(limit, "positional argument")
        yield f"{name} accepts {accepted} in {version}, not {call.positional_count}"
    if _unset_required(call, old):
        return  # it fails already
    for parameter in _unset_required(call, new):
        yield f"{name} requires an argument for {parameter.name} in {version}"


def _moved(
    name: str, call: Call, old: Sequence[Parameter], new: Sequence[Parameter], version: str
) -> Iterator[str]:
    """Yield the positional arguments that now set another parameter.

    A parameter that has only another name is no change for them: neither name is in the other
    version.
    """
    old_names, new_names = ({p.name for p in parameters} for parameters in (old, new))
    pairs = zip(_positional(old), _positional(new), strict=False)
    for number, (before, after) in enumerate(pairs, 1):
        has_moved = before.name in new_names or after.name in old_names
        is_set = number <= call.positional_count and not before.variadic
        if is_set and has_moved and before.name != after.name:
            yield f"argument {number} of {name} is {after.name} in {version}, not {before.name}"


def _defaults(
    name: str, call: Call, old: Sequence[Parameter], new: Sequence[Parameter], version: str
) -> Iterator[str]:
    """Yield the parameters that the call leaves to a default which is another."""
    old_by_name = {parameter.name: parameter for parameter in old}
    for parameter in _unset_parameters(call, new):
        old_default = old_by_name[parameter.name].default if parameter.name in old_by_name else None
        # A stub writes `...` for a default that it leaves out.
        new_default = parameter.default
        is_known = old_default not in (None, "...") and new_default not in (None, "...")
        if is_known and not _is_same_code(old_default or "", new_default or ""):
            subject = f"the default of {parameter.name} of {name}"
            yield f"{subject} is {new_default} in {version}, not {old_default}"


def _is_same_code(first: str, second: str) -> bool:
    """Tell whether two texts are the same Python, such as with other quotes."""
    if first == second:
        return True
    try:
        return ast.dump(ast.parse(first)) == ast.dump(ast.parse(second))
    except (SyntaxError, ValueError, RecursionError):
        return False


def _shape(parameters: Sequence[Parameter]) -> list[tuple[object, ...]]:
    return [(p.name, p.default is None, p.positional, p.keyword, p.variadic) for p in parameters]


def _accepts_keyword(parameters: Sequence[Parameter], name: str) -> bool:
    return any(
        parameter.keyword and (parameter.variadic or parameter.name == name)
        for parameter in parameters
    )


def _positional(parameters: Sequence[Parameter]) -> list[Parameter]:
    return [parameter for parameter in parameters if parameter.positional]


def _max_positional_count(parameters: Sequence[Parameter]) -> int | None:
    """Return how many positional arguments are accepted; None means any number."""
    if any(parameter.variadic and parameter.positional for parameter in parameters):
        return None
    return len(_positional(parameters))


def _has_too_many_values(call: Call, parameters: Sequence[Parameter]) -> bool:
    limit = _max_positional_count(parameters)
    return limit is not None and call.positional_count > limit


def _filled_by_position(call: Call, parameters: Sequence[Parameter]) -> list[Parameter]:
    plain = [parameter for parameter in _positional(parameters) if not parameter.variadic]
    return plain[: call.positional_count]


def _is_set_twice(call: Call, parameters: Sequence[Parameter], name: str) -> bool:
    return any(p.name == name and p.keyword for p in _filled_by_position(call, parameters))


def _unset_parameters(call: Call, parameters: Sequence[Parameter]) -> list[Parameter]:
    """Return the parameters that a call leaves to their defaults.

    Return an empty list for a call that unpacks arguments: which parameters it sets is unknown.
    """
    if call.has_unpacking:
        return []
    filled_by_position = _filled_by_position(call, parameters)
    return [
        parameter
        for parameter in parameters
        if not parameter.variadic
        and parameter not in filled_by_position
        and not (parameter.keyword and parameter.name in call.names)
    ]


def _unset_required(call: Call, parameters: Sequence[Parameter]) -> list[Parameter]:
    return [p for p in _unset_parameters(call, parameters) if p.default is None]


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
    redundant = names_with_findings | prefixes
    kept = [
        impact
        for impact in unique
        if impact.severity is not Severity.NONE or (impact.cell, impact.name) not in redundant
    ]
    rank = {severity: number for number, severity in enumerate(Severity)}
    kept.sort(key=lambda row: (rank[row.severity], row.cell or 0, row.package, row.name))
    return tuple(kept)
