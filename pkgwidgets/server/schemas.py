"""The values of the contract, as JSON schemas (2020-12, as OpenAPI 3.1 has them)."""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from pkgwidgets.core.event_json import EVENT
from pkgwidgets.core.plans import AllowPolicy
from pkgwidgets.presentation import payloads

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
TEXTS: Schema = {"type": "array", "items": TEXT}
_REF = "#/components/schemas/{name}"
ALLOW: Schema = {
    "enum": list(get_args(AllowPolicy)),
    "description": "What else may move: nothing, what the named depend on, or everything.",
}


def ref(name: str) -> Schema:
    """Refer to one of `components`."""
    return {"$ref": _REF.format(name=name)}


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
    """Return the values that answers are made of, by name: as they are written, or from here."""
    shapes = (payloads.PACKAGE, payloads.PLAN, payloads.TRANSACTION, payloads.RESULT, EVENT)
    _, found = msgspec.json.schema_components(
        [shape.struct for shape in shapes], schema_hook=lambda _: TEXT, ref_template=_REF
    )
    found["Package"] = found.pop("PackageInfo")
    del found["Restart"]  # of the kernel that plans: a server answers with `kernels`
    return {**{name: _closed(name, schema) for name, schema in found.items()}, **_WRITTEN_HERE}


def _closed(name: str, schema: Schema) -> Schema:
    """Return a schema with all that is there, and with what is only known here."""
    if "enum" in schema:
        return {"enum": schema["enum"]}
    found = exactly(**{**schema["properties"], **_PROPERTIES.get(name, {})})
    for each in found["properties"].values():
        each.pop("default", None)
    required = {"required": ["stage"]} if name == "Event" else {}
    return {**found, **required, **_DESCRIPTIONS.get(name, {})}


_DESCRIPTIONS: dict[str, Schema] = {
    "Package": {
        "description": (
            "One installed distribution; null is what is not known, or was not asked for."
        )
    },
    "Plan": {
        "description": "The exact changes, decided and not done; without any, nothing is to do."
    },
    "Transaction": {"description": "A plan carried out, or undone."},
}
_PROPERTIES: dict[str, dict[str, Schema]] = {
    "Plan": {
        "id": {**TEXT, "description": "Carries the plan out, once."},
        "digest": {**TEXT, "description": "The same for the same changes."},
        "allow": ALLOW,
        "commands": {**TEXTS, "description": "What would do the same in a terminal."},
        "restart": {"type": "null", "description": "See `kernels`."},
        "kernels": several("Kernel"),
    },
    "Transaction": {"id": {**MAYBE_TEXT, "description": "null where nothing was to be done."}},
    "Event": {"id": TEXT},
}
"""What a server adds to its answers, or says of them."""
_WRITTEN_HERE: dict[str, Schema] = {
    "Kernel": exactly(
        id=TEXT,
        name=TEXT,
        notebook=MAYBE_TEXT,
        restart=exactly(needed={"type": ["boolean", "null"]}, loaded=TEXTS, reason=TEXT),
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
