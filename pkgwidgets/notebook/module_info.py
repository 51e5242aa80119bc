"""What is in a module and where it is from, without asking the module: it might do something."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def module_contents(module: Any) -> dict[str, Any]:
    """Return what is in a module, by name.

    Nothing of one whose import was put off until it is used.
    """
    kind = type(module)
    if kind is ModuleType:
        plain: dict[str, Any] = module.__dict__
        return plain
    if kind.__name__ == "_LazyModule":
        return {}
    try:
        names = object.__getattribute__(module, "__dict__")
    except Exception:
        return {}
    return names if type(names) is dict else {}


def module_origins(names: Mapping[str, Any]) -> tuple[str, ...]:
    """Return where a module came from: as its import recorded it, and as it says itself."""
    spec = names.get("__spec__")
    origin = spec.origin if type(spec) is ModuleSpec and spec.has_location else None
    places = (origin, names.get("__file__"))
    # Not resolved: an absolute path is all that is needed here, and links cost.
    absolute = [os.path.abspath(file) for file in places if type(file) is str and file]  # noqa: PTH100
    return tuple(dict.fromkeys(absolute))


def module_folder(file: str) -> str:
    """Return where a file lies: its folder's links followed, but not its own, into a cache."""
    folder, _, name = file.rpartition(os.sep)
    return f"{os.path.realpath(folder)}{os.sep}{name}"
