"""Convert errors to JSON values and back, for another process or a later one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from .errors import PkgwidgetsError, shown


def error_to_json(error: PkgwidgetsError) -> dict[str, Any]:
    """Return an error's code and facts as JSON values, for another process or a later one."""
    facts = {
        name: _plain(fact) for name, fact in error.facts.items() if not _is_default(error, name)
    }
    return {"code": error.code, **facts}


def error_from_json(facts: object) -> PkgwidgetsError:
    """Return the error that `error_to_json` converted; raise ValueError for anything else."""
    if not isinstance(facts, Mapping):
        raise ValueError("an object is expected")
    kind = {kind.code: kind for kind in _error_types(PkgwidgetsError)}.get(str(facts.get("code")))
    if kind is None:
        raise ValueError("unknown error code")
    expected = {field.name: str(field.type) for field in fields(kind)}
    given = {name: fact for name, fact in facts.items() if name != "code"}
    required = {field.name for field in fields(kind) if "added" not in field.metadata}
    if not required <= given.keys() <= expected.keys():
        raise ValueError(f"these are not the facts of {kind.code}")
    return kind(**{name: _READERS[expected[name]](fact) for name, fact in given.items()})


def _error_types(root: type[PkgwidgetsError]) -> Iterator[type[PkgwidgetsError]]:
    yield root
    for branch in root.__subclasses__():
        yield from _error_types(branch)


def _is_default(error: PkgwidgetsError, name: str) -> bool:
    """Tell whether a fact was added later and has its default: old readers refuse it."""
    added = {field.name: field.default for field in fields(error) if "added" in field.metadata}
    return name in added and error.facts[name] == added[name]


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


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false is expected")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("a list is expected")
    return tuple(map(_text, value))


_READERS: dict[str, Callable[[Any], object]] = {
    "str": _text,
    "int": _number,
    "bool": _flag,
    "tuple[str, ...]": _texts,
    "Path": lambda value: Path(_text(value)),
    "object": lambda value: value,
}
"""The functions that read a fact, by its annotation."""
