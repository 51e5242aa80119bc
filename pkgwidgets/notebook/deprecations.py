"""The deprecation warnings that this process has issued."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import module_info


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenDeprecation:
    """A deprecation warning that this process has issued.

    `module`, `file` and `line` are where it was issued; `category` is the qualified class name.
    """

    module: str
    file: str
    line: int
    text: str
    category: str


def seen_deprecations(loaded: Iterable[tuple[str, Any]]) -> tuple[SeenDeprecation, ...]:
    """Return the deprecation warnings in the `__warningregistry__` of modules, given by name.

    Python does not register warnings that a filter ignores, and clears the registry when a
    filter is set.
    """
    deprecations = []
    for name, module in loaded:
        names = module_info.module_contents(module)
        registry = names.get("__warningregistry__")
        for key in list(registry) if type(registry) is dict else ():
            if isinstance(key, tuple) and len(key) == 3 and _is_deprecation(key[1]):
                text, warning_class, line = key
                file = next(iter(module_info.module_origins(names)), "")
                category = f"{warning_class.__module__}.{warning_class.__qualname__}"
                deprecations.append(
                    SeenDeprecation(
                        module=name, file=file, line=line, text=str(text), category=category
                    )
                )
    return tuple(deprecations)


def _is_deprecation(category: object) -> bool:
    categories = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)
    return isinstance(category, type) and issubclass(category, categories)
