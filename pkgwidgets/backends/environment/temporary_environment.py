"""Recognise the environments that uv makes for one run: changes to them would be lost."""

from __future__ import annotations

import re
from pathlib import Path

_CACHE_FOLDER = re.compile(r"(?:archive|builds|environments)-v\d+")
"""Matches the folders of uv's cache that hold environments."""
_EXTENDED = re.compile(r"^extends-environment *= *(.+)$", re.MULTILINE)
"""What `uv run --with` writes into `pyvenv.cfg`: the environment that it extends."""


def temporary_reason(prefix: Path) -> str | None:
    """Return why an environment is only temporary, and what to use; None if it is not."""
    try:
        configuration = (prefix / "pyvenv.cfg").read_text("utf-8", "replace")
    except OSError:
        return None
    extended = _EXTENDED.search(configuration)
    if extended:
        return (
            f"{prefix} exists only while `uv run --with` runs; "
            f"change {extended[1].strip()}, or add packages with `uv add`"
        )
    if any(
        _CACHE_FOLDER.fullmatch(folder.name) and (folder.parent / "CACHEDIR.TAG").is_file()
        for folder in prefix.resolve().parents
    ):
        return f"{prefix} is in the cache of uv, which other runs share; add packages with `--with`"
    return None
