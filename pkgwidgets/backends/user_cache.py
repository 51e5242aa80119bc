"""The folder for what can be made again: answers of indexes, rows of a check, proven imports."""

from __future__ import annotations

from pathlib import Path


def cache_folder() -> Path:
    """Return the folder of pkgwidgets for what can be made again, of this user."""
    import platformdirs

    return platformdirs.user_cache_path("pkgwidgets")
