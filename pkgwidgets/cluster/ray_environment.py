"""Write a plan as Ray's `runtime_env`: exact versions for the workers of a job; nothing is changed.

The field `uv` with a list of requirements is that of Ray's reference, `ray.runtime_env.RuntimeEnv`.
"""

from __future__ import annotations

from collections.abc import Iterable

from packaging.requirements import InvalidRequirement, Requirement

from pkgwidgets.core.errors import InvalidRequest


def ray_runtime_env(pins: Iterable[str]) -> dict[str, list[str]]:
    """Return the `runtime_env` of a Ray job with these exact versions, such as those of a plan.

    Raises `InvalidRequest` for a requirement that is not `name==version`.

    >>> from pkgwidgets.cluster import ray_runtime_env
    >>> ray_runtime_env(["raintable==2.4.0", "seedshelf==1.4.2"])
    {'uv': ['raintable==2.4.0', 'seedshelf==1.4.2']}
    """
    return {"uv": sorted(map(_checked, pins))}


def _checked(pin: str) -> str:
    try:
        requirement = Requirement(pin)
    except InvalidRequirement as error:
        raise InvalidRequest("requirement", pin, str(error).splitlines()[0]) from error
    operators = [specifier.operator for specifier in requirement.specifier]
    if operators != ["=="] or "*" in str(requirement.specifier) or requirement.url is not None:
        raise InvalidRequest("requirement", pin, "only exact versions are written")
    return pin
