"""Read files of constraints as uv and pip do.

Source: https://pip.pypa.io/en/stable/reference/requirements-file-format/.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

_COMMENT = re.compile(r"(^|\s+)#.*$")
_NESTED = re.compile(r"(?:-[cr]|--(?:constraints?|requirements?))(?:\s+|\s*=\s*|(?<=^-[cr]))(\S.*)")
_LINE_OPTION = re.compile(r"\s--?[a-z].*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")


def is_remote(address: str) -> bool:
    """Tell whether a file of constraints is on the network."""
    return urlsplit(address).scheme in ("http", "https")


def requirement_lines(address: str, folder: Path) -> Iterator[str]:
    """Yield the requirements in a file, and in those that it names; yield URLs of remote files.

    A relative path starts from `folder`, one in a file from the folder of that file. Raises
    OSError or ValueError for a file that cannot be read.
    """
    yield from _read(_local_path(address, folder), set())


def _read(path: Path, seen: set[Path]) -> Iterator[str]:
    resolved = path.resolve()
    if resolved in seen:
        return
    seen.add(resolved)
    text = path.read_text("utf-8-sig")
    for raw in re.sub(r"\\\r?\n", "", text).splitlines():
        line = _VARIABLE.sub(lambda m: os.environ.get(m[1], m[0]), _COMMENT.sub("", raw).strip())
        nested = _NESTED.fullmatch(line)
        if nested is not None and is_remote(nested[1]):
            yield nested[1]
        elif nested is not None:
            yield from _read(_local_path(nested[1], path.parent), seen)
        elif line and not line.startswith("-"):
            yield _LINE_OPTION.sub("", line).rstrip()


def _local_path(address: str, folder: Path) -> Path:
    if address.startswith("file:"):
        return Path(unquote(urlsplit(address).path))
    return folder / Path(address.strip("\"'")).expanduser()
