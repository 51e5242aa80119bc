"""The names that one index lists, sorted in a file of this user's cache.

A public index lists some 700,000 names, which are 10 MB of text. A search maps the file and halves
it until the place is found, so that the names are never in the memory of the process.
"""

from __future__ import annotations

import mmap
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from time import time

from pkgwidgets.backends import kept_file

_FIRST_LINE = b"pkgwidgets names 1 "
"""The begin of the first line; the number of bytes after it and the entity tag follow."""
_MAX_SCANNED = 20_000
"""Names with a prefix that are looked at: nearly all names begin with some single letter."""


class NameFile:
    """The kept names of one index. A missing or damaged file has none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def age(self) -> float | None:
        """Return the seconds since the index confirmed the list; None without a list."""
        with suppress(OSError), self._opened():
            return time() - self._path.stat().st_mtime
        return None

    def etag(self) -> str:
        """Return the entity tag with which the list came; "" without one."""
        with suppress(OSError), self._opened() as (text, start):
            return bytes(text[:start]).rstrip(b"\n").split(b" ", 4)[4].decode("ascii", "replace")
        return ""

    def write(self, names: Iterable[bytes], etag: str) -> None:
        """Replace the list. The names are normalized. Raises OSError if that fails."""
        ordered = (name for name, _ in groupby(sorted(names)))  # a set takes more memory
        body = b"\n".join([*ordered, b""])
        tag = etag if etag.isascii() and etag.isprintable() else ""
        head = _FIRST_LINE + f"{len(body)} {tag}\n".encode()
        kept_file.replace_file(self._path, head + body)

    def confirm(self) -> None:
        """Record that the index confirmed the list now."""
        with suppress(OSError):
            kept_file.confirm_file(self._path)

    def starting_with(self, prefix: bytes) -> list[bytes]:
        """Return the names that begin with a prefix, up to `_MAX_SCANNED`."""
        with suppress(OSError), self._opened() as (text, start):
            first = _first_place(text, start, prefix)
            # Names are ASCII, and "~" is after every character of a name.
            end = _first_place(text, start, prefix + b"~")
            return bytes(text[first:end]).split(b"\n", _MAX_SCANNED)[:_MAX_SCANNED][:-1]
        return []

    def listed(self, names: Collection[bytes]) -> set[bytes]:
        """Return those of `names` that the list has."""
        with suppress(OSError), self._opened() as (text, start):
            return {name for name in names if _has(text, start, name)}
        return set()

    @contextmanager
    def _opened(self) -> Iterator[tuple[mmap.mmap, int]]:
        """Map the file; yield it with the place of the first name. Raises OSError."""
        with self._path.open("rb") as file:
            try:
                text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError:
                raise OSError("the file is empty") from None
            with text:
                start = text.find(b"\n") + 1
                head = text[:start].split(b" ", 4)
                if text[: len(_FIRST_LINE)] != _FIRST_LINE or len(head) != 5:
                    raise OSError("it is no list of names")
                if head[3] != str(len(text) - start).encode() or text[-1:] != b"\n":
                    raise OSError("the list is incomplete")
                yield text, start


def _first_place(text: mmap.mmap, start: int, prefix: bytes) -> int:
    """Return where the first line that is not before `prefix` starts."""
    low, high = start, len(text)
    while low < high:
        middle = (low + high) // 2
        line_start = text.rfind(b"\n", start - 1, middle) + 1
        line_end = text.find(b"\n", middle)
        if text[line_start:line_end] < prefix:
            low = line_end + 1
        else:
            high = line_start
    return low


def _has(text: mmap.mmap, start: int, name: bytes) -> bool:
    place = _first_place(text, start, name)
    return text[place : place + len(name) + 1] == name + b"\n"
