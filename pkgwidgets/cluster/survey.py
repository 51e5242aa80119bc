"""What one environment has installed, and whether it can be changed."""

from __future__ import annotations

import os
from importlib import metadata
from typing import Any

from pkgwidgets.core.dependency_graph import installed_versions
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.operations.access import read_only_reason


def survey(backend: Backend) -> dict[str, Any]:
    """Return the facts of an environment as JSON values, read from its metadata now.

    `packages` maps normalized names to versions. `problem` says why nothing can be changed; "" if
    it can. `pkgwidgets` is the version that answers.
    """
    interpreter = backend.environment.interpreter
    versions = installed_versions(backend.environment.distributions())
    return {
        "prefix": os.path.realpath(interpreter.prefix),
        "python": str(interpreter.python),
        "python_version": interpreter.version,
        "platform": interpreter.markers.get("sys_platform", ""),
        "machine": interpreter.markers.get("platform_machine", ""),
        "pkgwidgets": _own_version(),
        "problem": read_only_reason(backend) or "",
        "packages": {str(name): str(version) for name, version in versions.items()},
    }


def _own_version() -> str:
    try:
        return metadata.version("pkgwidgets")
    except metadata.PackageNotFoundError:
        return "unknown"  # it runs from its sources
