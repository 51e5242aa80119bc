"""The body of a request: a JSON object with known fields."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pkgwidgets.core.errors import InvalidRequest, shown

MAX_BYTES = 64 * 1024
"""The largest body, in bytes."""


def parse_body(raw: bytes, known: Sequence[str]) -> Mapping[str, Any]:
    """Return the fields of a body without those that are null; an empty body has none.

    Raises `InvalidRequest` if it is not a JSON object, or has an unknown or duplicate field.
    """
    if not raw.strip():
        return {}
    try:
        document = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_reject_duplicates,
            parse_constant=_reject_constant,
        )
    except InvalidRequest:
        raise
    except (ValueError, RecursionError):  # ValueError also for a number with too many digits
        raise _body_error("the body is not JSON") from None
    if not isinstance(document, dict):
        raise _body_error("the body is not a JSON object")
    for name in document:
        if name not in known:
            raise _body_error(f"unknown field {shown(name)}; {_describe_fields(known)}")
    return {name: value for name, value in document.items() if value is not None}


def _describe_fields(known: Sequence[str]) -> str:
    return f"the known fields are {', '.join(known)}" if known else "the body can have no fields"


def text_field(fields: Mapping[str, Any], name: str) -> str | None:
    """Return a field's text, None if absent; raises `InvalidRequest` for other types."""
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value
    raise InvalidRequest(name, value, "it must be a string")


def flag_field(fields: Mapping[str, Any], name: str) -> bool:
    """Return a field's truth value, False if absent; raises `InvalidRequest` for other types."""
    value = fields.get(name, False)
    if isinstance(value, bool):
        return value
    raise InvalidRequest(name, value, "it must be true or false")


def text_list_field(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a field's list of texts; raises `InvalidRequest` for other types and an empty list."""
    value = fields.get(name)
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise InvalidRequest(name, value, "it must be a list of strings with at least one item")


def text_or_list_field(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a field's text or list of texts as a tuple; raises `InvalidRequest` for others."""
    value = fields.get(name)
    return (value,) if isinstance(value, str) else text_list_field(fields, name)


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _body_error("the body has a field more than once")
    return fields


def _reject_constant(text: str) -> NoReturn:
    raise _body_error(f"{text} is not JSON")


def _body_error(reason: str) -> InvalidRequest:
    return InvalidRequest("body", None, reason)
