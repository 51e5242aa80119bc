"""A hash of all that decides whether modules import: both sets of files, Python and the machine."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest, sha256
from itertools import count
from pathlib import Path

from pkgwidgets.backends.environment.installed_environment import DATA_FOLDER
from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.preparations import BYTECODE_FOLDER

_SKIPPED_FOLDERS = ("__pycache__", BYTECODE_FOLDER, DATA_FOLDER)
_MAX_FILES = 200_000
"""A prefix with more files, such as that of a whole system, is imported again: that is faster."""
_FILES_PER_TICK = 500
_DIGESTS_PER_TICK = 32
_SHARED_LIBRARIES = Path("/etc/ld.so.cache")
"""It changes when the system gets or loses a shared library (ldconfig(8))."""
_OF_ONE_SHELL = ("_", "PWD", "OLDPWD", "SHLVL")
"""Variables that differ in each shell, and that no import depends on."""
_KNOWN_PTH_FILES = ("distutils-precedence.pth", "_virtualenv.pth")
"""Files of setuptools and virtualenv; the modules that they load lie beside them."""
_Entry = tuple[str, int, int, int]
"""The path, size, time and time of change of a file; a staged path is relative to the stage."""


@dataclass(frozen=True, slots=True)
class FileSets:
    """The installed files and the staged ones, as they are now: equal if nothing was changed."""

    installed: tuple[_Entry, ...]
    staged: tuple[_Entry, ...]


def read_file_sets(
    interpreter: Interpreter, stage: Path, tick: Callable[[], None] = lambda: None
) -> FileSets | None:
    """List both sets of files; None if files outside of them take part, or if they are too many.

    `tick` is called regularly. Raises OSError if a staged file vanishes, and what `tick` raises.
    """
    if any(_imports_from_elsewhere(folder) for folder in interpreter.search):
        return None
    found = _installed(interpreter, tick)
    if found is None:
        return None
    start = len(str(stage))
    staged = (_described(entry, entry.path[start:]) for entry in _files(str(stage)))
    return FileSets(tuple(sorted(found)), tuple(sorted(staged)))


def combination_key(
    interpreter: Interpreter,
    files: FileSets,
    stage: Path,
    modules: Sequence[str],
    masked: Collection[Path],
    variables: Mapping[str, str],
    tick: Callable[[], None] = lambda: None,
) -> str:
    """Return a hash of a check of a stage.

    Installed files count by path, size and time, and by the hashes in each RECORD. Staged ones,
    which have new times, count by their content. `tick` is called regularly.
    """
    numbers = count()

    def digest(path: str) -> str:
        if next(numbers) % _DIGESTS_PER_TICK == 0:
            tick()
        return _digest(path)

    records = (entry[0] for entry in files.installed if entry[0].endswith("/RECORD"))
    facts = (
        _python(interpreter),
        [platform.release(), _stat_text(_SHARED_LIBRARIES)],
        sorted((name, text) for name, text in variables.items() if name not in _OF_ONE_SHELL),
        list(modules),
        sorted(map(str, masked)),
        [entry[:3] for entry in files.installed],
        [(record, digest(record)) for record in records],
        [(path, size, digest(f"{stage}{path}")) for path, size, *_ in files.staged],
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


def _installed(interpreter: Interpreter, tick: Callable[[], None]) -> list[_Entry] | None:
    """Return the files of the environment; modules read more of it than its libraries.

    None if there are too many, or if a link leads to a folder outside.
    """
    places = [interpreter.prefix, *interpreter.search]
    outer = [place for place in places if not any(p in place.parents for p in places)]
    found = list[_Entry]()
    for entry in (entry for folder in dict.fromkeys(map(str, outer)) for entry in _files(folder)):
        if len(found) == _MAX_FILES:
            return None
        if len(found) % _FILES_PER_TICK == 0:
            tick()
        if entry.is_symlink() and entry.is_dir() and not _is_within(entry.path, outer):
            return None
        with suppress(OSError):  # a link that leads nowhere
            found.append(_described(entry, entry.path))
    return found


def _described(entry: os.DirEntry[str], path: str) -> _Entry:
    status = entry.stat()
    return path, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _is_within(link: str, places: Collection[Path]) -> bool:
    """Tell whether a link to a folder leads to a place whose files count already."""
    target = Path(os.path.realpath(link))
    return any(target.is_relative_to(os.path.realpath(place)) for place in places)


def _files(folder: str) -> Iterator[os.DirEntry[str]]:
    """Yield the files below a folder; what cannot be listed is left out, as by an import."""
    pending = [folder]
    while pending:
        with suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    yield entry
                elif entry.name not in _SKIPPED_FOLDERS:
                    pending.append(entry.path)


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
