"""Which files of an installed distribution go into a wheel of it, and under which names (PEP 427).

What the installer made is left out, because it makes that again: its notes, bytecode, and the
scripts of entry points.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from configparser import ConfigParser, Error
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from packaging.utils import parse_wheel_filename

from pkgwidgets.backends.environment import record
from pkgwidgets.backends.store.filesystem import os_error_text
from pkgwidgets.core.environment import Distribution, Interpreter

ENTRY_POINTS = "entry_points.txt"
_UNLISTED_FILES = ("METADATA", "WHEEL")
"""Files of the dist-info folder that are copied even if RECORD does not list them."""
_REFERENCE = re.compile(r"[\w.-]+:[\w.-]+(\s+\[.*\])?")
"""An entry point that every installer makes a script of."""
_MISSING = "is missing"
_SCRIPT_SECTIONS = ("console_scripts", "gui_scripts")


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file here, and its path in the wheel."""

    name: str
    path: Path
    is_script: bool = False


def unpackable_reason(distribution: Distribution, interpreter: Interpreter) -> str | None:
    """Return why no wheel can be made of a distribution's files; None if one can."""
    try:
        packed_files(distribution, interpreter)
    except ValueError as error:
        return str(error)
    return None


def packed_files(distribution: Distribution, interpreter: Interpreter) -> list[PackedFile]:
    """Return the files for a wheel of a distribution; edited files keep their edits.

    Raises ValueError if one of them is missing, unreadable or outside of the environment.
    """
    files = {file.name: file for file in _listed_files(distribution, interpreter)}
    if not files:
        raise ValueError("it has no RECORD, so its files are unknown")
    for name in _UNLISTED_FILES:
        path = distribution.path / name
        if path.is_file():
            packed = PackedFile(f"{stem(distribution)}.dist-info/{name}", path)
            files.setdefault(packed.name, packed)
    return [*files.values()]


def stem(distribution: Distribution) -> str:
    """Return the start of the names of the wheel and of its dist-info folder.

    It is that of the folder here, unless this has the name or version of another release.
    """
    own = distribution.path.name.removesuffix(".dist-info")
    try:
        name, version, build, _ = parse_wheel_filename(f"{own}-py3-none-any.whl")
    except ValueError:
        name, version, build = distribution.id, None, ()
    if (name, version, build) == (distribution.id, distribution.version, ()):
        return own
    return f"{distribution.id.replace('-', '_')}-{distribution.version}"


def scripts_of_entry_points(dist_info: Path) -> frozenset[str] | None:
    """Return the scripts that an installer makes; None if it could refuse `entry_points.txt`."""
    parser = ConfigParser(delimiters=("=",), strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    try:
        parser.read_string((dist_info / ENTRY_POINTS).read_text("utf-8"))
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError, Error):
        return None
    sections = [section for section in _SCRIPT_SECTIONS if parser.has_section(section)]
    scripts = {name: value for section in sections for name, value in parser.items(section)}
    is_clear = all(_REFERENCE.fullmatch(value.strip()) for value in scripts.values())
    return frozenset(scripts) if is_clear else None


def _listed_files(distribution: Distribution, interpreter: Interpreter) -> Iterator[PackedFile]:
    info = distribution.path
    places = _Places(distribution, interpreter)
    made = scripts_of_entry_points(info) or frozenset()
    added = {f"{info.name}/{name}" for name in record.ADDED_FILES}
    for row in record.entries(info):
        if row.path in added:
            continue
        try:
            packed = places.packed(row.path)
            problem = None if packed is None else _problem(packed)
        except (OSError, ValueError) as error:
            reason = os_error_text(error) if isinstance(error, OSError) else error
            packed, problem = None, f"cannot be read ({reason})"
        else:
            problem = "is outside of the environment" if packed is None else problem
        if problem == _MISSING and row.path.startswith(f"{info.name}/"):
            continue  # a copy can have as little metadata
        if problem is not None:
            raise ValueError(f"its RECORD lists {row.path[:200]!a}, which {problem}")
        if packed is not None and not (packed.is_script and packed.path.name in made):
            yield packed


class _Places:
    """The folders that a RECORD may name, and their places in a wheel."""

    def __init__(self, distribution: Distribution, interpreter: Interpreter) -> None:
        self._info = distribution.path.name
        self._stem = stem(distribution)
        self._site = distribution.path.parent
        self._real_site = self._site.resolve()
        self._scripts = interpreter.scheme["scripts"].resolve()
        self._data = interpreter.scheme["data"].resolve()
        self._real_folder = lru_cache(maxsize=None)(Path.resolve)

    def packed(self, row: str) -> PackedFile | None:
        """Return the file of a row; None for one outside of the environment."""
        if row.startswith("/"):
            return None
        path = Path(os.path.normpath(f"{self._site}/{row}"))
        name = os.path.normpath(row)
        resolved = self._real_folder(path.parent) / path.name
        if not resolved.is_relative_to(self._real_site):
            return self._outside_of_site(path, resolved)
        if name.startswith("../"):
            name = resolved.relative_to(self._real_site).as_posix()
        folder, slash, rest = name.partition("/")
        if slash and folder == self._info:
            name = f"{self._stem}.dist-info/{rest}"
        return PackedFile(name, path)

    def _outside_of_site(self, path: Path, resolved: Path) -> PackedFile | None:
        if resolved.parent == self._scripts:
            return PackedFile(f"{self._stem}.data/scripts/{path.name}", path, is_script=True)
        if not resolved.is_relative_to(self._data):
            return None
        inside = resolved.relative_to(self._data).as_posix()
        return PackedFile(f"{self._stem}.data/data/{inside}", path)


def _problem(packed: PackedFile) -> str | None:
    """Return what prevents a copy of a file, as a predicate; raises OSError, ValueError."""
    packed.name.encode()  # the names in a wheel are UTF-8
    try:
        status = packed.path.stat()
    except FileNotFoundError:
        return _MISSING
    if not stat.S_ISREG(status.st_mode):
        return "is not a file"
    return None if os.access(packed.path, os.R_OK) else "this user may not read"
