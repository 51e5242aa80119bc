"""What the analysis of a plan needs, and an installation may lack."""

from __future__ import annotations

import importlib.util


def has_griffe() -> bool:
    """Return whether griffe, which reads the sources of packages, is installed."""
    return importlib.util.find_spec("griffe") is not None
