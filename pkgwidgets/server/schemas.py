"""The values of the contract, as JSON schemas (2020-12, as OpenAPI 3.1 has them)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from pkgwidgets.core.events import Stage
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.plans import AllowPolicy, ChangeKind
from pkgwidgets.core.transactions import Outcome

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NAME: Schema = {
    **TEXT,
    "pattern": "^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
    "maxLength": 100,
    "description": "Any spelling of the name.",
}
VERSION: Schema = {**TEXT, "minLength": 1, "maxLength": 200}
KERNEL: Schema = {**TEXT, "pattern": "^[A-Za-z0-9._-]+$", "maxLength": 200}
PLAN: Schema = {**TEXT, "pattern": "^[0-9a-f]{32}$"}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
MAYBE_COUNT: Schema = {"type": ["integer", "null"], "minimum": 0}
YES: Schema = {"type": "boolean"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
MAYBE_MOMENT: Schema = {"type": ["string", "null"], "format": "date-time"}
TEXTS: Schema = {"type": "array", "items": TEXT}
ALLOW: Schema = {
    "enum": list(get_args(AllowPolicy)),
    "description": "What else may move: nothing, what the named depend on, or everything.",
}


def ref(name: str) -> Schema:
    """Refer to one of `components`."""
    return {"$ref": f"#/components/schemas/{name}"}


def several(name: str) -> Schema:
    """Return a list of one of `components`."""
    return {"type": "array", "items": ref(name)}


def exactly(**properties: Schema) -> Schema:
    """Return an object of which all is named, and all is there."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def some_of(**properties: Schema) -> Schema:
    """Return an object of which all is named, and anything may be left out."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


def success(**properties: Schema) -> Schema:
    """Return the answer of what went well."""
    return exactly(success={"const": True}, **properties)


def components() -> dict[str, Schema]:
    """Return the values that answers are made of, by name."""
    return {
        "Package": _package(),
        "Change": _change(),
        "HeldBack": exactly(
            id=TEXT,
            name=TEXT,
            kept_version=TEXT,
            latest=MAYBE_TEXT,
            reason=TEXT,
            how_to_unblock=TEXT,
        ),
        "Kernel": exactly(
            id=TEXT,
            name=TEXT,
            notebook=MAYBE_TEXT,
            restart=exactly(needed={"type": ["boolean", "null"]}, loaded=TEXTS, reason=TEXT),
        ),
        "Plan": _plan(),
        "Transaction": _transaction(),
        "Event": {
            **some_of(
                stage=_one_of(Stage),
                text=TEXT,
                id=TEXT,
                done=MAYBE_COUNT,
                total=MAYBE_COUNT,
                log=TEXT,
            ),
            "required": ["stage"],
        },
        "Result": exactly(
            id=TEXT, name=TEXT, success=YES, before=MAYBE_TEXT, after=MAYBE_TEXT, error=MAYBE_TEXT
        ),
        "Error": {
            "type": "object",
            "properties": {"code": TEXT, "message": TEXT, "hint": TEXT},
            "required": ["code", "message", "hint"],
            "description": "What failed, and what to do next; beside that, the facts of it.",
        },
        "Failure": {
            **some_of(
                success={"const": False},
                error=ref("Error"),
                transaction=ref("Transaction"),
                results=several("Result"),
            ),
            "required": ["success", "error"],
            "description": "With the transaction where one had begun: it was rolled back.",
        },
    }


def _package() -> Schema:
    known = {name: _of(hint) for name, hint in get_type_hints(PackageInfo).items()}
    found = exactly(id=TEXT, **known, update_available={"type": ["boolean", "null"]})
    found["description"] = (
        "One installed distribution; null is what is not known, or was not asked for."
    )
    return found


def _change() -> Schema:
    return exactly(
        id=TEXT,
        name=TEXT,
        kind=_one_of(ChangeKind),
        before=MAYBE_TEXT,
        after=MAYBE_TEXT,
        wheel=MAYBE_TEXT,
        sha256=MAYBE_TEXT,
        size=MAYBE_COUNT,
        hashes=TEXTS,
        requested=YES,
        requested_after=YES,
        reason=TEXT,
        startup_files=TEXTS,
    )


def _plan() -> Schema:
    found = exactly(
        id={**TEXT, "description": "Carries the plan out, once."},
        digest={**TEXT, "description": "The same for the same changes."},
        requested=TEXTS,
        changes=several("Change"),
        held_back=several("HeldBack"),
        environment=TEXT,
        python=TEXT,
        created=MOMENT,
        allow=ALLOW,
        commands={**TEXTS, "description": "What would do the same in a terminal."},
        undoes=MAYBE_TEXT,
        from_save_point=YES,
        notes=TEXTS,
        download_size=MAYBE_COUNT,
        warnings=TEXTS,
        restart={"type": "null", "description": "See `kernels`."},
        kernels=several("Kernel"),
    )
    found["description"] = "The exact changes, decided and not done; without any, nothing is to do."
    return found


def _transaction() -> Schema:
    found = exactly(
        id={**MAYBE_TEXT, "description": "null where nothing was to be done."},
        outcome=_one_of(Outcome),
        started=MOMENT,
        finished=MAYBE_MOMENT,
        changes=several("Change"),
        held_back=several("HeldBack"),
        undoes=MAYBE_TEXT,
        error=MAYBE_TEXT,
        user=MAYBE_TEXT,
        process=MAYBE_TEXT,
        saved_bytes=MAYBE_COUNT,
        downloaded_bytes=MAYBE_COUNT,
    )
    found["description"] = "A plan carried out, or undone."
    return found


def _of(hint: Any) -> Schema:
    """Return the schema of a field by its annotation."""
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _of(get_args(hint)[0])}
    kinds = get_args(hint) or (hint,)
    schema = _known(next(each for each in kinds if each is not NoneType))
    if NoneType not in kinds:
        return schema
    if "enum" in schema:
        return {"enum": [*schema["enum"], None]}
    return {**schema, "type": [schema["type"], "null"]}


def _known(kind: type) -> Schema:
    if kind is bool:
        return YES
    if kind is int:
        return {"type": "integer"}
    if kind is datetime:
        return MOMENT
    if issubclass(kind, StrEnum):
        return _one_of(kind)
    if issubclass(kind, str | Path):
        return TEXT
    raise TypeError(f"the contract has no word for {kind.__name__}")


def _one_of(kind: type[StrEnum]) -> Schema:
    return {"enum": [each.value for each in kind]}
