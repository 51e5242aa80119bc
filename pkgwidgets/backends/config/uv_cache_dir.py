"""Choose uv's cache folder: its own, or another if that is not writable."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path


def uv_cache_dir(configured: str = "") -> Path:
    """Return a cache folder that uv can write, the same one as long as this process runs.

    An installation takes the staged files from it. uv's own folder is preferred, because its files
    can be linked. If it cannot be created (the home is read-only or missing), a private one in the
    temporary folder is used.
    """
    configured_dir = os.environ.get("UV_CACHE_DIR") or configured
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return _find_usable_dir(Path(configured_dir or f"{base}/uv"))


@lru_cache(maxsize=16)
def _find_usable_dir(preferred: Path) -> Path:
    with suppress(OSError, RuntimeError):
        preferred = preferred.expanduser().absolute()
        preferred.mkdir(parents=True, exist_ok=True)
        # Permission bits are not enough: a file system may be mounted read-only.
        with tempfile.NamedTemporaryFile(dir=preferred, prefix=".pkgwidgets-"):
            return preferred
    fallback = Path(tempfile.gettempdir(), f"pkgwidgets-cache-{os.getuid()}")
    with suppress(OSError):
        fallback.mkdir(mode=0o700, exist_ok=True)
        status = fallback.lstat()
        # Another user may have created it first, and could put files into it.
        if status.st_uid == os.getuid() and status.st_mode & 0o170077 == 0o040000:
            return fallback
    return Path(tempfile.mkdtemp(prefix="pkgwidgets-cache-"))
