"""Where uv keeps what it fetched: its own folder, or another where that cannot be written."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path


def uv_cache_dir(configured: str = "") -> Path:
    """Return a folder that uv can use, the same one as long as we live.

    An installation takes from it what was staged before. Its own is wanted, whose files can be
    linked; where that cannot be made (a home that is read-only, or not there), one that is ours
    alone in the temporary folder.
    """
    own = os.environ.get("UV_CACHE_DIR") or configured
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return _usable(Path(own or f"{base}/uv"))


@lru_cache(maxsize=16)
def _usable(wanted: Path) -> Path:
    with suppress(OSError, RuntimeError):
        wanted = wanted.expanduser().absolute()
        wanted.mkdir(parents=True, exist_ok=True)
        # Asking for permission is not enough: a file system may be mounted read-only.
        with tempfile.NamedTemporaryFile(dir=wanted, prefix=".pkgwidgets-"):
            return wanted
    ours = Path(tempfile.gettempdir(), f"pkgwidgets-cache-{os.getuid()}")
    with suppress(OSError):
        ours.mkdir(mode=0o700, exist_ok=True)
        found = ours.lstat()
        # Whoever made it first could put files of his own into it.
        if found.st_uid == os.getuid() and found.st_mode & 0o170077 == 0o040000:
            return ours
    return Path(tempfile.mkdtemp(prefix="pkgwidgets-cache-"))
