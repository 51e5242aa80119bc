"""Which files a save point copies instead of hard-linking.

Standard library only: recovery runs on it when nothing else runs.
"""

from __future__ import annotations

import os

_COPIED_SUFFIXES = (".pth", ".start", ".egg-link")
_COPIED_FOLDERS = ("bin", "Scripts", "etc", "share")
"""Folders of the prefix whose files are edited in place, which would change a hard link, too."""


def is_modified_in_place(name: str) -> bool:
    """Return whether a path relative to the prefix may be edited in place, not replaced.

    So may the files of a project, which have absolute paths: editors rewrite them.
    """
    if name.startswith(os.sep):
        return True
    return name.endswith(_COPIED_SUFFIXES) or name.partition(os.sep)[0] in _COPIED_FOLDERS
