"""What a request wishes to be planned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.names import checked_name, checked_requirement
from pkgwidgets.core.plans import AllowPolicy, Plan
from pkgwidgets.core.versions import checked_version
from pkgwidgets.operations import planning

from . import request_body

Verb = Literal["upgrade", "install", "uninstall", "undo"]
VERBS = ("upgrade", "install", "uninstall", "undo")
"""What a body of `POST plans` may ask for, one at a time."""

_ALL = "all"


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """A verb, and how its plan is made; that raises as `operations.planning` says."""

    verb: Verb
    plan: Callable[[Backend], Plan]


def upgrade(
    ids: Sequence[str] | None, version: str | None = None, allow: str | None = None
) -> PlanRequest:
    """Wish to upgrade packages, or everything."""
    reach, wanted = _reach(allow), None if version is None else str(checked_version(version))
    if wanted is not None and (ids is None or len(ids) != 1):
        raise InvalidRequest("version", version, "a version needs exactly one name")
    return PlanRequest(
        "upgrade",
        lambda backend: planning.plan_upgrade(backend, ids, version=wanted, allow=reach),
    )


def install(requirements: Sequence[str], allow: str | None = None) -> PlanRequest:
    """Wish to install what requirements name."""
    reach, wanted = _reach(allow), [str(checked_requirement(each)) for each in requirements]
    return PlanRequest(
        "install", lambda backend: planning.plan_install(backend, wanted, allow=reach)
    )


def uninstall(ids: Sequence[str]) -> PlanRequest:
    """Wish to remove packages."""
    return PlanRequest("uninstall", lambda backend: planning.plan_uninstall(backend, ids))


def undo(transaction: str | None) -> PlanRequest:
    """Wish to take a transaction back, the last one if none is named."""
    return PlanRequest("undo", lambda backend: planning.plan_undo(backend, transaction))


def plan_request(fields: Mapping[str, Any]) -> PlanRequest:
    """Return the wish that a body says; raises `InvalidRequest` before anything is done."""
    verbs = [verb for verb in VERBS if verb in fields]
    if len(verbs) != 1:
        raise InvalidRequest("body", None, f"give one of {', '.join(VERBS)}")
    verb = verbs[0]
    version, allow = (
        request_body.text_field(fields, "version"),
        request_body.text_field(fields, "allow"),
    )
    if version is not None and verb != "upgrade":
        raise InvalidRequest("version", version, "a version is for an upgrade")
    if allow is not None and verb not in ("upgrade", "install"):
        raise InvalidRequest("allow", allow, "it is for an upgrade or an installation")
    match verb:
        case "install":
            return install(request_body.text_or_list_field(fields, verb), allow)
        case "undo":
            wanted = request_body.text_field(fields, verb) or ""
            return undo(None if wanted == "last" else wanted)
        case "uninstall":
            return uninstall(_ids(fields, verb))
        case _:
            everything = fields[verb] == _ALL
            return upgrade(None if everything else _ids(fields, verb), version, allow)


def _ids(fields: Mapping[str, Any], verb: str) -> tuple[str, ...]:
    return tuple(checked_name(name) for name in request_body.text_list_field(fields, verb))


def _reach(allow: str | None) -> AllowPolicy:
    if allow is None:
        return "dependencies"
    if allow not in get_args(AllowPolicy):
        raise InvalidRequest("allow", allow, f"one of {', '.join(get_args(AllowPolicy))} is wanted")
    return cast("AllowPolicy", allow)
