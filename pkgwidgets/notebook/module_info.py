"""The contents and the origin of a module, read without running any of its code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def module_contents(module: Any) -> dict[str, Any]:
    """Return the namespace of a module; empty for a module whose import is lazy and pending."""
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
    """Return the absolute files of a module: of its `__spec__`, and its `__file__`."""
    spec = names.get("__spec__")
    origin = spec.origin if type(spec) is ModuleSpec and spec.has_location else None
    places = (origin, names.get("__file__"))
    # Not resolved: links cost time, and an absolute path is enough here.
    absolute = [os.path.abspath(file) for file in places if type(file) is str and file]  # noqa: PTH100
    return tuple(dict.fromkeys(absolute))


def module_folder(file: str) -> str:
    """Return a file's path with the links of its folder resolved, but not the file's own.

    The file itself may be a link into a cache.
    """
    folder, _, name = file.rpartition(os.sep)
    return f"{os.path.realpath(folder)}{os.sep}{name}"
