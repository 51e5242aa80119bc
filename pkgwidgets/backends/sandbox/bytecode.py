"""Move the bytecode of an import check to the `__pycache__` folders of the environment.

A compiled file is valid for a source with the time and size in its header (PEP 3147, PEP 552).
"""

from __future__ import annotations

import filecmp
import os
from contextlib import suppress
from pathlib import Path

from pkgwidgets.backends.store import filesystem

_FLAGS = slice(4, 8)
_TIME = slice(8, 12)
_SIZE = slice(12, 16)
_HEADER_BYTES = 16


def keep_bytecode(compiled: Path, stage: Path, prefix: Path) -> None:
    """Move compiled files, laid out like the prefix, to the installed sources that they fit.

    Bytecode of a staged source fits the same installed content, whatever its time. It only makes
    the first import faster, so a file that cannot be moved is skipped.
    """
    for file in compiled.rglob("*.pyc"):
        relative_path = file.relative_to(compiled)
        source = relative_path.parent.parent / f"{relative_path.name.partition('.')[0]}.py"
        with suppress(OSError):
            data = bytearray(file.read_bytes())
            if _adapt_to_source(data, prefix / source, stage / source):
                _replace_bytecode(data, file, prefix / relative_path)


def _adapt_to_source(data: bytearray, live: Path, staged: Path) -> bool:
    """Set the time of the live source in `data`, and tell whether the bytecode is valid for it."""
    status = live.stat()
    size = (status.st_size & 0xFFFFFFFF).to_bytes(4, "little")
    mtime = (int(status.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little")
    if len(data) < _HEADER_BYTES or any(data[_FLAGS]) or data[_SIZE] != size:
        return False
    if staged.is_file():
        data[_TIME] = mtime
        # The installer often links both to one file of its cache.
        return os.path.samestat(staged.stat(), status) or filecmp.cmp(staged, live, shallow=False)
    return data[_TIME] == mtime


def _replace_bytecode(data: bytearray, file: Path, target: Path) -> None:
    with filesystem.opened(file, anew=True) as opened:
        filesystem.write(opened, bytes(data))
    if not target.parent.is_dir():
        filesystem.make_folder(target.parent)
    filesystem.replace(file, target)
