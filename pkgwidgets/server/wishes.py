"""What a request wishes to be planned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Allow, Plan
from pkgwidgets.core.versions import checked_name, checked_requirement, checked_version
from pkgwidgets.operations import planning

from . import bodies

Verb = Literal["upgrade", "install", "uninstall", "undo"]
VERBS = ("upgrade", "install", "uninstall", "undo")
"""What a body of `POST plans` may ask for, one at a time."""

_ALL = "all"


@dataclass(frozen=True, slots=True)
class Wish:
    """A verb, and how its plan is made; that raises as `operations.planning` says."""

    verb: Verb
    plan: Callable[[Backend], Plan]


def upgrade(
    ids: Sequence[str] | None, version: str | None = None, allow: str | None = None
) -> Wish:
    """Wish to upgrade packages, or everything."""
    reach, wanted = _reach(allow), None if version is None else str(checked_version(version))
    if wanted is not None and (ids is None or len(ids) != 1):
        raise InvalidRequest("version", version, "a version needs exactly one name")
    return Wish(
        "upgrade",
        lambda backend: planning.plan_upgrade(backend, ids, version=wanted, allow=reach),
    )


def install(requirements: Sequence[str], allow: str | None = None) -> Wish:
    """Wish to install what requirements name."""
    reach, wanted = _reach(allow), [str(checked_requirement(each)) for each in requirements]
    return Wish("install", lambda backend: planning.plan_install(backend, wanted, allow=reach))


def uninstall(ids: Sequence[str]) -> Wish:
    """Wish to remove packages."""
    return Wish("uninstall", lambda backend: planning.plan_uninstall(backend, ids))


def undo(transaction: str | None) -> Wish:
    """Wish to take a transaction back, the last one if none is named."""
    return Wish("undo", lambda backend: planning.plan_undo(backend, transaction))


def of(fields: Mapping[str, Any]) -> Wish:
    """Return the wish that a body says; raises `InvalidRequest` before anything is done."""
    verbs = [verb for verb in VERBS if verb in fields]
    if len(verbs) != 1:
        raise InvalidRequest("body", None, f"give one of {', '.join(VERBS)}")
    verb = verbs[0]
    version, allow = bodies.text(fields, "version"), bodies.text(fields, "allow")
    if version is not None and verb != "upgrade":
        raise InvalidRequest("version", version, "a version is for an upgrade")
    if allow is not None and verb not in ("upgrade", "install"):
        raise InvalidRequest("allow", allow, "it is for an upgrade or an installation")
    match verb:
        case "install":
            return install(bodies.one_or_more(fields, verb), allow)
        case "undo":
            wanted = bodies.text(fields, verb) or ""
            return undo(None if wanted == "last" else wanted)
        case "uninstall":
            return uninstall(_ids(fields, verb))
        case _:
            everything = fields[verb] == _ALL
            return upgrade(None if everything else _ids(fields, verb), version, allow)


def _ids(fields: Mapping[str, Any], verb: str) -> tuple[str, ...]:
    return tuple(checked_name(name) for name in bodies.texts(fields, verb))


def _reach(allow: str | None) -> Allow:
    if allow is None:
        return "dependencies"
    if allow not in get_args(Allow):
        raise InvalidRequest("allow", allow, f"one of {', '.join(get_args(Allow))} is wanted")
    return cast("Allow", allow)
