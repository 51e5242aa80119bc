"""ipykernel and its dependencies from this process, for an environment without ipykernel."""

from __future__ import annotations

import sys

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from pkgwidgets.core.environment import Interpreter


def borrowable_ipykernel(interpreter: Interpreter) -> tuple[list[str], list[str]] | None:
    """Return the folders and the names of the modules that this process's ipykernel needs.

    Return None if the environment has ipykernel, or runs another Python version than this process:
    compiled modules would not load.
    """
    from importlib import metadata  # late: its import is slow, and a worker does not need it

    is_same_python = interpreter.version.split(".")[:2] == [str(n) for n in sys.version_info[:2]]
    if not is_same_python or any((folder / "ipykernel").is_dir() for folder in interpreter.search):
        return None
    distributions = _dependency_closure("ipykernel")
    names = [
        name
        for name, owners in metadata.packages_distributions().items()
        if distributions & {canonicalize_name(owner) for owner in owners}
    ]
    folders = {
        str(metadata.distribution(distribution).locate_file("")) for distribution in distributions
    }
    return sorted(folders), names


def _dependency_closure(root: str) -> set[str]:
    """Return a distribution of this process and all its dependencies."""
    from importlib import metadata

    closure, pending = set[str](), [root]
    while pending:
        distribution = canonicalize_name(pending.pop())
        try:
            requires = metadata.requires(distribution) or []
        except metadata.PackageNotFoundError:
            continue
        if distribution not in closure:
            closure.add(distribution)
            pending += [name for text in requires if (name := _applicable_name(text))]
    return closure


def _applicable_name(text: str) -> str:
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return ""
    applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    return requirement.name if applies else ""
