"""Rewrite a file of an environment: as a whole, so that a kill leaves the old or the new file.

Standard library only, as all of the store.
"""

from __future__ import annotations

import stat
from pathlib import Path

from . import filesystem


def rewrite(path: Path, data: bytes) -> None:
    """Replace the content of a file; mode and times stay.

    The new file is made in the same folder, at a path where a restore finds and removes it. Hard
    links to the old file, such as that of a save point, keep the old content.
    """
    temporary = filesystem.temporary_path(str(path))
    filesystem.remove(temporary)
    with filesystem.opened(Path(temporary), anew=True) as file:
        filesystem.write(file, data)
    filesystem.set_mode(temporary, stat.S_IMODE(path.stat().st_mode))
    filesystem.set_time(temporary, path)
    filesystem.replace(temporary, path)
