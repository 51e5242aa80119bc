"""What an environment without a kernel is lent: this process's own ipykernel, and what it needs."""

from __future__ import annotations

import sys

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from pkgwidgets.core.environment import Interpreter


def borrowable_ipykernel(interpreter: Interpreter) -> tuple[list[str], list[str]] | None:
    """Return where our kernel's modules are, and their names, if the environment has none.

    None as well for another Python than ours: what is compiled would not fit.
    """
    from importlib import metadata  # late: it takes long to load, and a worker needs none of it

    alike = interpreter.version.split(".")[:2] == [str(n) for n in sys.version_info[:2]]
    if not alike or any((each / "ipykernel").is_dir() for each in interpreter.search):
        return None
    ids = _closure("ipykernel")
    names = [
        name
        for name, owners in metadata.packages_distributions().items()
        if ids & {canonicalize_name(owner) for owner in owners}
    ]
    folders = {str(metadata.distribution(id).locate_file("")) for id in ids}
    return sorted(folders), names


def _closure(root: str) -> set[str]:
    """Return a distribution of this process and everything that it depends on."""
    from importlib import metadata

    found, todo = set[str](), [root]
    while todo:
        id = canonicalize_name(todo.pop())
        try:
            requires = metadata.requires(id) or []
        except metadata.PackageNotFoundError:
            continue
        if id not in found:
            found.add(id)
            todo += [name for text in requires if (name := _wanted(text))]
    return found


def _wanted(text: str) -> str:
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return ""
    applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    return requirement.name if applies else ""
