"""What a request says in its body: a JSON object with known fields, or a refusal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pkgwidgets.core.errors import InvalidRequest, shown

MAX_BYTES = 64 * 1024
"""Bytes of a body that are read."""


def parse_body(raw: bytes, known: Sequence[str]) -> Mapping[str, Any]:
    """Return the fields of a body, those that are null left out; an empty body has none.

    Raises `InvalidRequest` for what is no JSON object, has a field that is not known or one twice.
    """
    if not raw.strip():
        return {}
    try:
        found = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant
        )
    except InvalidRequest:
        raise
    except (ValueError, RecursionError):  # also a number too long to be read
        raise _refused("the body is not JSON") from None
    if not isinstance(found, dict):
        raise _refused("the body is not a JSON object")
    for name in found:
        if name not in known:
            expected = ", ".join(known) or "none"
            raise _refused(f"{shown(name)} is not a field of this body (it has {expected})")
    return {name: value for name, value in found.items() if value is not None}


def text_field(fields: Mapping[str, Any], name: str) -> str | None:
    """Return a field's text, None where it is not given; raises `InvalidRequest` for others."""
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value
    raise InvalidRequest(name, value, "a text is wanted")


def text_list_field(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a field's list of texts; raises `InvalidRequest` for others, and for an empty one."""
    value = fields.get(name)
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return tuple(value)
    raise InvalidRequest(name, value, "a list of texts is wanted")


def text_or_list_field(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a field's text, or its list of them; raises `InvalidRequest` for others."""
    value = fields.get(name)
    return (value,) if isinstance(value, str) else text_list_field(fields, name)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _refused("the body has a field twice")
    return found


def _no_constant(text: str) -> NoReturn:
    raise _refused(f"{text} is not JSON")


def _refused(reason: str) -> InvalidRequest:
    return InvalidRequest("body", None, reason)
