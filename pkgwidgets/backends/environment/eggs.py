"""Installations of setuptools and distutils from before `dist-info`: egg-info, egg and egg-link.

What `importlib.metadata` and uv read of them is read here. None of them has a RECORD.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = (".egg-info", ".egg-link")
"""The endings of such files and folders in a folder of the search path."""
_MAX_BYTES = 4 << 20


def find_metadata(path: str) -> str:
    """Return the egg-info that an egg-link leads to; any other path is returned as it is.

    Raises `ValueError` if it leads nowhere.
    """
    if not path.endswith(".egg-link"):
        return path
    name = os.path.basename(path).removesuffix(".egg-link")  # noqa: PTH119
    lines = (line.strip() for line in _read(path).decode("utf-8", "replace").splitlines())
    target = next(filter(None, lines), None)
    if target is None:
        raise ValueError("it names no folder")
    folder = os.path.normpath(os.path.join(os.path.dirname(path), target))  # noqa: PTH118, PTH120
    egg_info = f"{folder}/{name.replace('-', '_')}.egg-info"
    if not os.path.isdir(egg_info):  # noqa: PTH112
        raise ValueError(f"it leads to {egg_info}, which does not exist")
    return egg_info


def read_metadata(path: str) -> tuple[bytes, tuple[str, ...]]:
    """Return the text of PKG-INFO, and the requirements of `requires.txt` (PEP 508).

    `path` is an egg-info, a file or a folder, or an egg, a folder or an archive.
    """
    folder = f"{path}/EGG-INFO" if path.endswith(".egg") else path
    if os.path.isfile(path):  # noqa: PTH113
        if path.endswith(".egg"):
            return _read_archive(path)
        return _read(path), ()
    try:
        requires = _read(f"{folder}/requires.txt")
    except FileNotFoundError:
        requires = b""
    try:
        metadata = _read(f"{folder}/PKG-INFO")
    except FileNotFoundError:
        raise ValueError("PKG-INFO is missing") from None
    return metadata, parse_requires(requires.decode("utf-8", "replace"))


def parse_requires(text: str) -> tuple[str, ...]:
    """Return the requirements of a `requires.txt`, whose sections are `[extra:marker]`."""
    return tuple(_requirements(text))


def _requirements(text: str) -> Iterator[str]:
    marker = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            extra, _, condition = line[1:-1].partition(":")
            conditions = [f"({condition})"] if condition else []
            conditions += [f'extra == "{extra}"'] if extra else []
            marker = " and ".join(conditions)
        elif line and not line.startswith("#"):
            yield f"{line} ; {marker}" if marker else line


def _read_archive(path: str) -> tuple[bytes, tuple[str, ...]]:
    import zipfile  # late: such archives are rare

    try:
        with zipfile.ZipFile(path) as archive:
            metadata = archive.open("EGG-INFO/PKG-INFO").read(_MAX_BYTES)
            names = archive.namelist()
            is_requiring = "EGG-INFO/requires.txt" in names
            requires = (
                archive.open("EGG-INFO/requires.txt").read(_MAX_BYTES) if is_requiring else b""
            )
    # A missing member, a damaged archive, an unknown compression, an encrypted member.
    except (KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"it is no egg: {error}") from error
    return metadata, parse_requires(requires.decode("utf-8", "replace"))


def _read(path: str) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(_MAX_BYTES)
