"""Write the user's limits as a configuration file of uv, without anything else.

uv's own files may also redirect an installation, or name indexes and credentials.
Source: https://docs.astral.sh/uv/reference/settings/.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pkgwidgets.core.limits import ALL, Limit, Limits


def config_text(limits: Limits) -> tuple[str, ...]:
    """Return the lines of a `uv.toml` that sets these limits."""
    modes = dict(limits.prereleases)
    names = [limit.requirement for limit in limits.sources_only]
    settings: dict[str, Any] = {
        "constraint-dependencies": [limit.requirement for limit in limits.constraints],
        "override-dependencies": _scoped(limits.overrides),
        "exclude-dependencies": _scoped(limits.excludes),
        "prerelease": modes.pop("", ""),
        "prerelease-package": modes,
        "resolution": limits.resolution,
        "no-binary": ALL in names,
        "no-binary-package": [name for name in names if name != ALL],
        "dependency-metadata": [
            {
                "name": declared.package,
                **({"version": declared.version} if declared.version else {}),
                "requires-dist": list(declared.requires),
            }
            for declared in limits.metadata
        ],
    }
    return tuple(f"{name} = {_toml(value)}" for name, value in settings.items() if value)


def _scoped(limits: Iterable[Limit]) -> list[Any]:
    """Return requirements, and a table for each scope: uv takes one table for a scope."""
    entries: list[Any] = []
    scopes: dict[tuple[str, str], list[str]] = {}
    for limit in limits:
        if not limit.package:
            entries.append(limit.requirement)
            continue
        scope = (limit.package, limit.version)
        if scope not in scopes:
            scopes[scope] = []
            package = {"name": limit.package}
            package |= {"version": limit.version} if limit.version else {}
            entries.append({"package": package, "dependencies": scopes[scope]})
        scopes[scope].append(limit.requirement)
    return entries


def _toml(value: object) -> str:
    """Return a value as TOML on one line; its texts are written as in JSON."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_toml(key)} = {_toml(v)}" for key, v in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
