"""Check what a user gives for a plan: how far it may reach, and which version it wants."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, cast

from .errors import InvalidRequest
from .plan_choices import ALLOW_POLICIES, STEP_LIMITS
from .versions import checked_version

if TYPE_CHECKING:
    from packaging.version import Version

    from .plans import AllowPolicy, StepLimit


def checked_allow(text: str) -> AllowPolicy:
    """Return the policy that a text names; raise `InvalidRequest` for any other text."""
    if text not in ALLOW_POLICIES:
        raise InvalidRequest("allow", text, f"use one of {', '.join(ALLOW_POLICIES)}")
    return cast("AllowPolicy", text)


def checked_step(text: object) -> StepLimit | None:
    """Return the biggest step that a text names; raise `InvalidRequest` for any other text."""
    if text is not None and text not in STEP_LIMITS:
        raise InvalidRequest("step", text, f"use one of {', '.join(STEP_LIMITS)}")
    return cast("StepLimit | None", text)


def checked_target(
    version: str | None, names: Collection[str] | None, step: StepLimit | None = None
) -> Version | None:
    """Return the version to upgrade to; raise `InvalidRequest` unless there is exactly one name.

    A version and a step exclude each other.
    """
    if version is None:
        return None
    target = checked_version(version)
    if names is None or len(names) != 1:
        raise InvalidRequest("version", version, "a version can be given for one package only")
    if step is not None:
        raise InvalidRequest("step", step, "a version has its own step: leave out one of the two")
    return target


def checked_project(project: object, allow: str, step: StepLimit | None = None) -> bool:
    """Return whether a plan changes the project, too; raise `InvalidRequest` for its limits.

    The project itself says which versions it allows, and its tool which packages change.
    """
    if not isinstance(project, bool):
        raise InvalidRequest("project", project, "give True or False")
    if project and (allow != "dependencies" or step is not None):
        field, value = ("allow", allow) if step is None else ("step", step)
        reason = "the project's tool chooses the versions: leave it out, or plan without `project`"
        raise InvalidRequest(field, value, reason)
    return project
