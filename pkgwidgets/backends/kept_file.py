"""Small files in this user's cache, replaced in one step."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from pkgwidgets.backends.user_cache import cache_folder

_MAX_FILES = 32
"""Files of one kind that are kept; the oldest is deleted."""
_MAX_BYTES = 32 << 20


def digest(text: str) -> str:
    """Return the sha256 of a text, in hexadecimal."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def path_of(kind: str, environment: str, folder: Path | None = None) -> Path:
    """Return the file of an environment below a folder of one kind: `rows-1/….json`.

    `folder` is this user's cache by default.
    """
    name = digest(environment)[:32]
    return (cache_folder() if folder is None else folder) / kind / f"{name}.json"


def read(path: Path) -> tuple[str, str]:
    """Return the two texts of a file; raise OSError or ValueError if it is missing or damaged."""
    with path.open("rb") as file:
        text = file.read(_MAX_BYTES).decode()
    found, head, body = text.split("\n", 2)
    if found != digest(head + body):
        raise ValueError("it is damaged")
    return head, body


def write(path: Path, head: str, body: str) -> None:
    """Replace a file in one step, for this user alone; delete the oldest files of the folder.

    `head` has no line break. Raises OSError or ValueError, and then the old file is unchanged.
    """
    replace_file(path, f"{digest(head + body)}\n{head}\n{body}".encode())


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file by these bytes; as `write`, without a digest. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
    with suppress(OSError):  # another process may delete the same files
        _delete_oldest(path.parent)


def _delete_oldest(folder: Path) -> None:
    newest_first = sorted(folder.iterdir(), key=lambda kept: kept.stat().st_mtime, reverse=True)
    for kept in newest_first[_MAX_FILES:]:
        kept.unlink(missing_ok=True)


def confirm_file(path: Path) -> None:
    """Record that a file was confirmed now; raises OSError."""
    os.utime(path)
