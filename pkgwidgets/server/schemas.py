"""The values of the contract as JSON schemas (2020-12, which OpenAPI 3.1 uses)."""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from pkgwidgets.core.event_json import EVENT
from pkgwidgets.core.plans import AllowPolicy, StepLimit
from pkgwidgets.core.policy import MAX_REASON_CHARACTERS
from pkgwidgets.presentation import payloads

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NAME: Schema = {
    **TEXT,
    "pattern": "^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
    "maxLength": 100,
    "description": "A package name, in any spelling.",
}
VERSION: Schema = {**TEXT, "minLength": 1, "maxLength": 200}
KERNEL: Schema = {**TEXT, "pattern": "^[A-Za-z0-9._-]+$", "maxLength": 200}
COPY_NAME: Schema = {
    **TEXT,
    "pattern": "^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$",
    "maxLength": 50,
    "description": "The name of a copy.",
}
PLAN: Schema = {**TEXT, "pattern": "^[0-9a-f]{32}$"}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
TEXTS: Schema = {"type": "array", "items": TEXT}
_REF_TEMPLATE = "#/components/schemas/{name}"
ALLOW: Schema = {
    "enum": list(get_args(AllowPolicy)),
    "description": "Which other packages may change: none, dependencies of the named ones, or any.",
}

STEP: Schema = {
    "enum": list(get_args(StepLimit)),
    "description": "The biggest step that an upgrade may take; by default any.",
}

PROJECT: Schema = {
    "type": "boolean",
    "description": (
        "Whether `pyproject.toml` and `uv.lock` of the uv project change, too; by default not. "
        "Only for upgrade, install and uninstall, without `allow` and `step`."
    ),
}


VERSIONS: Schema = {
    **TEXT,
    "minLength": 1,
    "description": "The allowed versions (PEP 440), such as `<3`.",
}
HOLD_REASON: Schema = {
    **TEXT,
    "maxLength": MAX_REASON_CHARACTERS,
    "description": "Why; it is shown wherever the hold prevents an update.",
}
HOLD_UNTIL: Schema = {
    **TEXT,
    "format": "date",
    "description": "The day on which the hold ends (ISO 8601).",
}


def ref(name: str) -> Schema:
    """Return a reference to a schema of `components`."""
    return {"$ref": _REF_TEMPLATE.format(name=name)}


def array_of(name: str) -> Schema:
    """Return the schema of an array whose items are a schema of `components`."""
    return {"type": "array", "items": ref(name)}


def required_object(**properties: Schema) -> Schema:
    """Return the schema of an object with exactly these properties, all required."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def optional_object(**properties: Schema) -> Schema:
    """Return the schema of an object with only these properties, all optional."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


def success(**properties: Schema) -> Schema:
    """Return the schema of the answer to a request that succeeded."""
    return required_object(success={"const": True}, **properties)


def components() -> dict[str, Schema]:
    """Return the schemas of the values in answers, by name: derived from the values, or added."""
    shapes = (
        payloads.PACKAGE,
        payloads.PLAN,
        payloads.TRANSACTION,
        payloads.RESULT,
        payloads.HOLD,
        payloads.PUBLISHERS,
        EVENT,
    )
    _, schemas = msgspec.json.schema_components(
        [shape.struct for shape in shapes], schema_hook=lambda _: TEXT, ref_template=_REF_TEMPLATE
    )
    schemas["Package"] = schemas.pop("PackageInfo")
    schemas["Hold"] = schemas.pop("ListedHold")
    del schemas["Restart"]  # about the kernel that plans: a server answers with `kernels`
    return {
        **{name: _close_schema(name, schema) for name, schema in schemas.items()},
        **_SERVER_SCHEMAS,
    }


def _close_schema(name: str, schema: Schema) -> Schema:
    """Return a schema with all properties required, and with what the server adds."""
    if "enum" in schema:
        return {"enum": schema["enum"]}
    closed = required_object(**{**schema["properties"], **_SERVER_PROPERTIES.get(name, {})})
    for property_schema in closed["properties"].values():
        property_schema.pop("default", None)
    required = {"required": ["stage"]} if name == "Event" else {}
    return {**closed, **required, **_DESCRIPTIONS.get(name, {})}


_DESCRIPTIONS: dict[str, Schema] = {
    "Hold": {
        "description": (
            "A limit on the versions of a package, or of all packages if `name` is empty. It is "
            "not `active` after its last day."
        )
    },
    "Package": {
        "description": "An installed package. A value that is unknown or was not checked is null."
    },
    "Plan": {"description": "The exact changes to one environment. They are not applied yet."},
    "Transaction": {"description": "A plan that is being applied, was applied or was rolled back."},
}
_SERVER_PROPERTIES: dict[str, dict[str, Schema]] = {
    "Plan": {
        "id": {**TEXT, "description": "Applies the plan, once."},
        "digest": {**TEXT, "description": "A hash of the plan: equal plans have equal digests."},
        "allow": ALLOW,
        "commands": {**TEXTS, "description": "Equivalent commands for a terminal."},
        "restart": {"type": "null", "description": "Always null here: see `kernels`."},
        "kernels": array_of("Kernel"),
    },
    "Transaction": {"id": {**MAYBE_TEXT, "description": "null if there was nothing to change."}},
    "Event": {"id": TEXT},
}
"""Properties that the server adds or describes, by the name of the schema."""
_AGES: Schema = {
    "type": "object",
    "additionalProperties": {"type": "number"},
    "description": "Ages in seconds, by name or index.",
}
_SERVER_SCHEMAS: dict[str, Schema] = {
    "Advisory": {
        **required_object(
            **dict.fromkeys(("id", "name", "summary", "effect"), TEXT),
            **dict.fromkeys(("version", "advisory", "severity", "fixed_in"), MAYBE_TEXT),
            aliases=TEXTS,
            links=TEXTS,
            safe_version={
                **MAYBE_TEXT,
                "description": "The smallest compatible release without a known vulnerability.",
            },
            blocked_by=TEXT,
            source=TEXT,
            as_of=MAYBE_TEXT,
            error={**MAYBE_TEXT, "description": "Why something is unknown."},
        ),
        "description": (
            "A known vulnerability of an installed package. `effect` is `affected` or `unknown`; "
            "`advisory` is null if nothing is known about the package."
        ),
    },
    "MinimumAge": {
        **required_object(seconds={"type": "number"}, packages=_AGES, indexes=_AGES),
        "description": (
            "The age that a release needs before a plan takes it; 0 means any. `packages` and "
            "`indexes` have exceptions."
        ),
    },
    "EnvironmentCopy": required_object(
        name=COPY_NAME,
        folder=TEXT,
        python=TEXT,
        python_version=TEXT,
        source=TEXT,
        packages={"type": "integer"},
        kernel=TEXT,
        created={**TEXT, "format": "date-time"},
        notes=TEXTS,
    ),
    "Operation": {
        **required_object(
            id=TEXT,
            name=COPY_NAME,
            state={"enum": ["running", "done", "failed", "cancelled"]},
            text={**TEXT, "description": "The last step, in words."},
            environment={"anyOf": [ref("EnvironmentCopy"), {"type": "null"}]},
            error={"anyOf": [ref("Error"), {"type": "null"}]},
        ),
        "description": "A copy of an environment that is being made, or was made.",
    },
    "Kernel": required_object(
        id={**MAYBE_TEXT, "description": "null for a kernel that this server did not start."},
        name=TEXT,
        process={"type": ["integer", "null"], "description": "The id of its process."},
        notebook=MAYBE_TEXT,
        restart=required_object(needed={"type": ["boolean", "null"]}, loaded=TEXTS, reason=TEXT),
    ),
    "Error": {
        "type": "object",
        "properties": {"code": TEXT, "message": TEXT, "hint": TEXT},
        "required": ["code", "message", "hint"],
        "description": "What failed, and what to do next. Further fields are facts of the message.",
    },
    "Failure": {
        **optional_object(
            success={"const": False},
            error=ref("Error"),
            transaction=ref("Transaction"),
            results=array_of("Result"),
        ),
        "required": ["success", "error"],
        "description": "A request that failed. If a transaction had started, it is included.",
    },
}
