"""Replace a file of the user, such as a notebook: in full or not at all."""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path

from . import filesystem


def replace_text(path: Path, text: str) -> None:
    """Write a file with its mode: a synced temporary file is renamed over it.

    Of a link, the file that it names is replaced. Raises OSError; then the old file is whole.
    """
    path = path.resolve()
    mode = stat.S_IMODE(path.stat().st_mode)
    temporary = Path(filesystem.temporary_path(str(path)))
    try:
        with filesystem.opened(temporary, anew=True) as file:
            filesystem.write(file, text.encode())
            filesystem.sync(file)
        filesystem.set_mode(temporary, mode)
        filesystem.replace(temporary, path)
        filesystem.sync_path(path.parent)
    finally:
        with suppress(FileNotFoundError):
            filesystem.remove(temporary)
