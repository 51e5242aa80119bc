"""A hash of all that decides whether modules import: both sets of files, Python and the machine."""

from __future__ import annotations

import json
import os
import platform
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import file_digest, sha256
from itertools import islice
from pathlib import Path

from pkgwidgets.backends.environment.installed_environment import DATA_FOLDER
from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.preparations import BYTECODE_FOLDER

_SKIPPED_FOLDERS = ("__pycache__", BYTECODE_FOLDER, DATA_FOLDER)
_MAX_FILES = 200_000
"""A prefix with more files, such as that of a whole system, is imported again: that is faster."""
_SHARED_LIBRARIES = Path("/etc/ld.so.cache")
"""It changes when the system gets or loses a shared library (ldconfig(8))."""
_OF_ONE_SHELL = ("_", "PWD", "OLDPWD", "SHLVL")
"""Variables that differ in each shell, and that no import depends on."""
_KNOWN_PTH_FILES = ("distutils-precedence.pth", "_virtualenv.pth")
"""Files of setuptools and virtualenv; the modules that they load lie beside them."""
_Entry = tuple[str, int, int | str]
_OUTSIDE: _Entry = ("a link to a folder outside", 0, 0)


def combination_key(
    interpreter: Interpreter,
    staged: Path,
    modules: Sequence[str],
    masked: Collection[Path],
    variables: Mapping[str, str],
) -> str | None:
    """Return a hash of a check of a stage; None if files outside of the two sets take part.

    Installed files count by path, size and time, and by the hashes in each RECORD. Staged ones,
    which have new times, count by their content.
    """
    if any(_imports_from_elsewhere(folder) for folder in interpreter.search):
        return None
    installed = [*islice(_installed(interpreter), _MAX_FILES + 1)]
    if len(installed) > _MAX_FILES or _OUTSIDE in installed:
        return None
    facts = (
        _python(interpreter),
        [platform.release(), _stat_text(_SHARED_LIBRARIES)],
        sorted((name, text) for name, text in variables.items() if name not in _OF_ONE_SHELL),
        list(modules),
        sorted(map(str, masked)),
        sorted(installed),
        sorted(_staged(staged)),
    )
    text = json.dumps(facts)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _python(interpreter: Interpreter) -> list[str]:
    binary = interpreter.python.resolve()
    stdlib = interpreter.stdlib or interpreter.base_prefix
    return [
        *(interpreter.version, str(interpreter.prefix), str(binary)),
        *(_stat_text(binary), _stat_text(stdlib)),
    ]


def _stat_text(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"


def _installed(interpreter: Interpreter) -> Iterator[_Entry]:
    """Yield the files of the environment; modules read more of it than its libraries."""
    places = [interpreter.prefix, *interpreter.search]
    outer = [place for place in places if not any(p in place.parents for p in places)]
    for folder in dict.fromkeys(map(str, outer)):
        for entry in _files(folder):
            try:
                status = entry.stat()
            except OSError:  # a link that leads nowhere
                continue
            if stat.S_ISDIR(status.st_mode) and not _is_within(entry.path, outer):
                yield _OUTSIDE
            yield entry.path, status.st_size, status.st_mtime_ns
            if entry.name == "RECORD":
                yield f"{entry.path} (content)", 0, _digest(entry.path)


def _is_within(link: str, places: Collection[Path]) -> bool:
    """Tell whether a link to a folder leads to a place whose files count already."""
    target = Path(os.path.realpath(link))
    return any(target.is_relative_to(os.path.realpath(place)) for place in places)


def _staged(stage: Path) -> Iterator[_Entry]:
    for entry in _files(str(stage)):
        yield entry.path[len(str(stage)) :], entry.stat().st_size, _digest(entry.path)


def _files(folder: str) -> Iterator[os.DirEntry[str]]:
    """Yield the files below a folder; what cannot be listed is left out, as by an import."""
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError:
        return
    for entry in found:
        if not entry.is_dir(follow_symlinks=False):
            yield entry
        elif entry.name not in _SKIPPED_FOLDERS:
            yield from _files(entry.path)


def _digest(path: str) -> str:
    with open(path, "rb") as file:  # noqa: PTH123 - called for every file
        return file_digest(file, "sha256").hexdigest()


def _imports_from_elsewhere(folder: Path) -> bool:
    """Tell whether a startup file adds a folder, or runs code that may do so (editable installs).

    Those are `.pth` files (the `site` module) and `.start` files (PEP 829).
    """
    try:
        found = (*folder.glob("*.pth"), *folder.glob("*.start"))
        files = [file for file in found if file.name not in _KNOWN_PTH_FILES]
        lines = [line for file in files for line in file.read_bytes().splitlines()]
    except OSError:
        return True
    return any(line.strip() and not line.startswith(b"#") for line in lines)
