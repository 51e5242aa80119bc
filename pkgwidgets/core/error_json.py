"""Errors as JSON values and back: from one process to another, or to a later one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from .errors import PkgwidgetsError, shown


def error_to_json(error: PkgwidgetsError) -> dict[str, Any]:
    """Return an error's code and facts as JSON values, for another process or a later one."""
    return {"code": error.code, **{name: _plain(fact) for name, fact in error.facts.items()}}


def error_from_json(facts: Mapping[str, Any]) -> PkgwidgetsError:
    """Return the error whose facts `to_facts` gave; raises ValueError for anything else."""
    kind = {kind.code: kind for kind in _error_types(PkgwidgetsError)}.get(str(facts.get("code")))
    if kind is None:
        raise ValueError("no error of ours has this code")
    expected = {field.name: str(field.type) for field in fields(kind)}
    if expected.keys() != facts.keys() - {"code"}:
        raise ValueError(f"these are not the facts of {kind.code}")
    return kind(**{name: _READERS[of](facts[name]) for name, of in expected.items()})


def _error_types(root: type[PkgwidgetsError]) -> Iterator[type[PkgwidgetsError]]:
    yield root
    for branch in root.__subclasses__():
        yield from _error_types(branch)


def _plain(fact: object) -> Any:
    match fact:
        case tuple():
            return [_plain(item) for item in fact]
        case str() | int() | float() | None:
            return fact
        case Path():
            return str(fact)
        case _:
            return shown(fact)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a text is expected")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError("a number is expected")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("a list is expected")
    return tuple(map(_text, value))


_READERS: dict[str, Callable[[Any], object]] = {
    "str": _text,
    "int": _number,
    "tuple[str, ...]": _texts,
    "Path": lambda value: Path(_text(value)),
    "object": lambda value: value,
}
"""How a fact is read back, by its annotation."""
