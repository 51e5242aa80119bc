"""What was compiled beside an environment, moved to where CPython looks for it.

A compiled file is good for the source whose time and size it names (PEP 3147, PEP 552).
"""

from __future__ import annotations

import filecmp
from contextlib import suppress
from pathlib import Path

_FLAGS = slice(4, 8)
_TIME = slice(8, 12)
_SIZE = slice(12, 16)
_HEADER = 16


def keep_bytecode(compiled: Path, stage: Path, prefix: Path) -> None:
    """Move compiled files, laid out like the prefix, to the sources there that they are good for.

    What came from a staged source is good for the same content installed, whatever its time. Only
    the first import is faster for it: what cannot be moved is left out.
    """
    for file in compiled.rglob("*.pyc"):
        inside = file.relative_to(compiled)
        source = inside.parent.parent / f"{inside.name.partition('.')[0]}.py"
        with suppress(OSError):
            data = bytearray(file.read_bytes())
            if _fits(data, prefix / source, stage / source):
                _place(data, file, prefix / inside)


def _fits(data: bytearray, live: Path, staged: Path) -> bool:
    """Tell whether it is good for the live source; its time is set to that source's."""
    found = live.stat()
    size = (found.st_size & 0xFFFFFFFF).to_bytes(4, "little")
    time = (int(found.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little")
    if len(data) < _HEADER or any(data[_FLAGS]) or data[_SIZE] != size:
        return False
    if staged.is_file():
        data[_TIME] = time
        return filecmp.cmp(staged, live, shallow=False)
    return data[_TIME] == time


def _place(data: bytearray, file: Path, target: Path) -> None:
    file.write_bytes(data)
    target.parent.mkdir(exist_ok=True)
    file.replace(target)
