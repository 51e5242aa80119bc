"""Check what a user gives for a plan: how far it may reach, and which version it wants."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast, get_args

from packaging.version import Version

from .errors import InvalidRequest
from .plans import AllowPolicy, StepLimit
from .versions import checked_version


def checked_allow(text: str) -> AllowPolicy:
    """Return the policy that a text names; raise `InvalidRequest` for any other text."""
    if text not in get_args(AllowPolicy):
        raise InvalidRequest("allow", text, f"use one of {', '.join(get_args(AllowPolicy))}")
    return cast("AllowPolicy", text)


def checked_step(text: object) -> StepLimit | None:
    """Return the biggest step that a text names; raise `InvalidRequest` for any other text."""
    if text is not None and text not in get_args(StepLimit):
        raise InvalidRequest("step", text, f"use one of {', '.join(get_args(StepLimit))}")
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
