"""The body of a request as a `PlanRequest`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pkgwidgets.commands.plan_request import ACTIONS, PlanRequest
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.lock import Export
from pkgwidgets.core.names import checked_name, checked_requirement
from pkgwidgets.core.plan_arguments import checked_allow, checked_step
from pkgwidgets.core.plans import AllowPolicy
from pkgwidgets.core.versions import checked_version

from . import request_body

_ALL = "all"


def upgrade(
    names: Sequence[str] | None,
    version: str | None = None,
    allow: str | None = None,
    step: str | None = None,
) -> PlanRequest:
    """Request to upgrade packages; None means everything. Raises `InvalidRequest`."""
    request = PlanRequest(
        names=tuple(names or ()),
        allow=_allow_or_default(allow),
        version=None if version is None else str(checked_version(version)),
        step=checked_step(step),
    )
    request.check()
    return request


def install(requirements: Sequence[str], allow: str | None = None) -> PlanRequest:
    """Request to install the projects that requirements name. Raises `InvalidRequest`."""
    names = tuple(str(checked_requirement(requirement)) for requirement in requirements)
    return PlanRequest(action="install", names=names, allow=_allow_or_default(allow))


def uninstall(names: Sequence[str]) -> PlanRequest:
    """Request to uninstall packages."""
    return PlanRequest(action="uninstall", names=tuple(names))


def fix(names: Sequence[str] | None = None) -> PlanRequest:
    """Request the smallest steps out of known vulnerabilities; None means of all packages."""
    return PlanRequest(action="fix", names=tuple(names or ()))


def restore(fields: Mapping[str, Any]) -> PlanRequest:
    """Request to return to a lock, given as text, or to a day. Raises `InvalidRequest`."""
    value = fields["restore"]
    if not isinstance(value, dict) or not value.keys() <= {"text", "as_of", "exact"}:
        raise InvalidRequest("restore", value, "give an object with text, or as_of, and exact")
    text = request_body.text_field(value, "text")
    request = PlanRequest(
        action="restore",
        lock=None if text is None else Export(file_name="", text=text),
        as_of=request_body.text_field(value, "as_of"),
        exact=request_body.flag_field(value, "exact"),
    )
    request.check()
    return request


def undo(transaction: str | None) -> PlanRequest:
    """Request to undo a transaction; None means the last one."""
    return PlanRequest(action="undo", names=() if transaction is None else (transaction,))


def plan_request(fields: Mapping[str, Any]) -> PlanRequest:
    """Return the request that a body makes; raises `InvalidRequest` before anything is done."""
    actions = [action for action in ACTIONS if action in fields]
    if len(actions) != 1:
        raise InvalidRequest(
            "body", None, f"the body needs exactly one of the fields {', '.join(ACTIONS)}"
        )
    action = actions[0]
    version, allow, step = (
        request_body.text_field(fields, field) for field in ("version", "allow", "step")
    )
    if allow is not None and action not in ("upgrade", "install"):
        raise InvalidRequest("allow", allow, "only upgrade and install accept it")
    match action:
        case "install":
            request = install(request_body.text_or_list_field(fields, action), allow)
        case "undo":
            transaction = request_body.text_field(fields, action) or ""
            request = undo(None if transaction == "last" else transaction)
        case "restore":
            request = restore(fields)
        case "fix":
            everything = fields[action] == _ALL
            request = fix(None if everything else _checked_names(fields, action))
        case "uninstall":
            request = uninstall(_checked_names(fields, action))
        case "upgrade":
            everything = fields[action] == _ALL
            names = None if everything else _checked_names(fields, action)
            request = upgrade(names, version, allow, step)
    if action != "upgrade":
        request = replace(request, version=version, step=checked_step(step))
    request = replace(request, project=request_body.flag_field(fields, "project"))
    request.check()
    return request


def _checked_names(fields: Mapping[str, Any], field: str) -> tuple[str, ...]:
    return tuple(checked_name(name) for name in request_body.text_list_field(fields, field))


def _allow_or_default(text: str | None) -> AllowPolicy:
    return "dependencies" if text is None else checked_allow(text)
