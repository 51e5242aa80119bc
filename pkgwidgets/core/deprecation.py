"""Old public names that keep working, each with a `DeprecationWarning`."""

from __future__ import annotations

import warnings
from typing import Any


def warn_renamed(old: str, new: str) -> None:
    """Warn the caller's caller that a name is deprecated, and say which one to use."""
    warnings.warn(f"{old} is deprecated: use {new}", DeprecationWarning, stacklevel=3)


def renamed_attribute(old: str, new: str) -> Any:
    """Return a property that reads `new` and warns that `old` is deprecated."""

    def read(value: object) -> object:
        warn_renamed(f"{type(value).__name__}.{old}", new)
        return getattr(value, new)

    return property(read, doc=f"Deprecated: use `{new}`.")
