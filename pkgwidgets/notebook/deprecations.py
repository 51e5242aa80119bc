"""The deprecations that this process was warned of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import module_info


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenDeprecation:
    """A deprecation that was warned of in this process.

    `module` and `file` are where, and `category` what kind, with the module that it is from.
    """

    module: str
    file: str
    line: int
    text: str
    category: str


def seen_deprecations(loaded: Iterable[tuple[str, Any]]) -> tuple[SeenDeprecation, ...]:
    """Return the deprecations that modules, by name, were warned of, as they keep account.

    Python keeps no account of what a filter ignores, and forgets all when a filter is set.
    """
    seen = []
    for name, module in loaded:
        names = module_info.module_contents(module)
        account = names.get("__warningregistry__")
        for key in list(account) if type(account) is dict else ():
            if isinstance(key, tuple) and len(key) == 3 and _is_deprecation(key[1]):
                text, kind, line = key
                file = next(iter(module_info.module_origins(names)), "")
                category = f"{kind.__module__}.{kind.__qualname__}"
                seen.append(
                    SeenDeprecation(
                        module=name, file=file, line=line, text=str(text), category=category
                    )
                )
    return tuple(seen)


def _is_deprecation(kind: object) -> bool:
    kinds = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)
    return isinstance(kind, type) and issubclass(kind, kinds)
