"""What RECORD says of the files of a distribution (PEP 376, PEP 627)."""

from __future__ import annotations

import base64
import csv
import filecmp
import hashlib
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from packaging.utils import canonicalize_name

from pkgwidgets.core.changes import Installed
from pkgwidgets.core.errors import EnvironmentRefused
from pkgwidgets.core.interfaces import Environment
from pkgwidgets.core.model import Distribution, Id, Plan

from .environment import PLACE

_NO_API = {"benchmarks", "doc", "docs", "example", "examples", "scripts", "test", "tests"}
"""Top-level folders that some wheels carry by mistake; their import proves nothing."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: a path relative to the folder that holds the dist-info, and its sha256 in hex."""

    path: str
    sha256: str | None


def unmark(dist_info: Path) -> None:
    """Take REQUESTED (PEP 376) off a distribution that was only ever needed by others."""
    if not (dist_info / "REQUESTED").exists():
        return
    record, row = dist_info / "RECORD", f"{dist_info.name}/REQUESTED,"
    lines = record.read_bytes().splitlines(keepends=True)
    beside = record.with_name("RECORD.pkgwidgets")
    beside.write_bytes(b"".join(line for line in lines if not line.startswith(row.encode())))
    shutil.copystat(record, beside)
    beside.replace(record)
    (dist_info / "REQUESTED").unlink()


class _Inside:
    """Tells whether a path is a distribution's to name: in the prefix, also by its links."""

    def __init__(self, prefix: Path) -> None:
        self._ours = prefix / PLACE
        self._root = os.path.realpath(prefix)
        self._known: dict[Path, bool] = {}

    def holds(self, path: Path) -> bool:
        """Say no to what leads out of the prefix, and to our own folder."""
        folder = path.parent
        if folder not in self._known:
            real = os.path.realpath(folder)
            ours = path.is_relative_to(self._ours)
            self._known[folder] = not ours and f"{real}/".startswith(f"{self._root}/")
        return self._known[folder]


class InstalledRecords:
    """The RECORD files of one environment, and of a stage laid out like its prefix."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def touched(self, plan: Plan, stage: Path | None) -> frozenset[Path]:
        """Return every path that the plan removes or writes.

        Raises `EnvironmentRefused` for a RECORD that is missing or hostile: a path outside of the
        environment's folders, or a folder.
        """
        installed = self._environment.distributions()
        old, new = set[Path](), dict[Path, Id]()
        for change in plan.changes:
            if change.before is not None:
                old |= self._files(self._known(change.id, installed).path, None)
            if change.after is not None and stage is not None:
                staged = self._files(self._staged(change.id, stage), stage)
                new.update(dict.fromkeys(staged, change.id))
        self._raise_if_shared(old, {change.id for change in plan.changes}, installed, stage)
        if stage is not None:
            self._raise_if_taken({path: id for path, id in new.items() if path not in old}, stage)
        return frozenset(old | new.keys())

    def _raise_if_shared(
        self, old: Collection[Path], ids: Collection[Id], installed: Installed, stage: Path | None
    ) -> None:
        """Refuse to take a file that another distribution owns too, unless it stays the same."""
        prefix = self._environment.interpreter.prefix
        for id, other in installed.items():
            if id in ids or other.path.parent not in self._roots:
                continue
            for entry in _entries(other.path):
                path = Path(os.path.normpath(f"{other.path.parent}/{entry.path}"))
                if path not in old:
                    continue
                staged = stage / path.relative_to(prefix) if stage is not None else None
                if (
                    staged is None
                    or not staged.exists()
                    or not filecmp.cmp(staged, path, shallow=False)
                ):
                    raise self._refused(f"{id} owns {entry.path!a}, too: it would break")

    def _raise_if_taken(self, new: Mapping[Path, Id], stage: Path) -> None:
        """Refuse to overwrite what is not the plan's, unless it would stay the same."""
        prefix = self._environment.interpreter.prefix
        for path, id in new.items():
            staged = stage / path.relative_to(prefix)
            if path.exists() and not (path.is_file() and filecmp.cmp(staged, path, shallow=False)):
                where = str(path.relative_to(prefix))
                raise self._refused(f"{id} would overwrite {where!a}, which is not its own")

    def modules(
        self, ids: Collection[Id], stage: Path | None = None
    ) -> Mapping[Id, tuple[str, ...]]:
        """Return the top-level modules of distributions; of the staged one where there is one."""
        found = {}
        installed = self._environment.distributions()
        for id in ids:
            folder = self._find_staged(id, stage) if stage is not None else None
            if folder is None:
                known = installed.get(id)
                if not isinstance(known, Distribution):
                    continue
                folder = known.path
            found[id] = tuple(sorted(_top_level(_entries(folder))))
        return found

    def owners(self, files: Collection[str]) -> Mapping[str, Id]:
        """Return which distribution owns each of these files, by RECORD and never by name."""
        owned: dict[str, Id] = {}
        by_folder: dict[str, set[str]] = {}
        for folder in {os.fspath(path) for path in self._roots}:
            start = folder + os.sep
            by_folder[folder] = {f.removeprefix(start) for f in files if f.startswith(start)}
        for id, found in self._environment.distributions().items():
            folder = os.fspath(found.path.parent)
            wanted = by_folder.get(folder)
            if not wanted:
                continue
            for entry in _entries(found.path):
                if entry.path in wanted:
                    owned[f"{folder}{os.sep}{entry.path}"] = id
        return owned

    def damage(self, plan: Plan) -> tuple[str, ...]:
        """Hash every file that the plan installed; name what is missing or differs."""
        problems = []
        installed = self._environment.distributions()
        for change in plan.changes:
            found = installed.get(change.id)
            if change.after is None or not isinstance(found, Distribution):
                continue
            for entry in _entries(found.path):
                problem = _differs(found.path.parent / entry.path, entry.sha256)
                if problem is not None:
                    problems.append(f"{change.id}: {entry.path} {problem}")
        return tuple(problems)

    def _known(self, id: Id, installed: Installed) -> Distribution:
        found = installed.get(id)
        if not isinstance(found, Distribution):
            reason = found.reason if found is not None else "it is not installed"
            raise self._refused(f"{id} cannot be changed: {reason}")
        return found

    def _find_staged(self, id: Id, stage: Path) -> Path | None:
        for folder in self._libraries(stage):
            for path in sorted(folder.glob("*.dist-info")):
                if canonicalize_name(path.name.partition("-")[0]) == id:
                    return path
        return None

    def _staged(self, id: Id, stage: Path) -> Path:
        found = self._find_staged(id, stage)
        if found is None:
            raise self._refused(f"the wheel of {id} brought no dist-info of that name")
        return found

    def _libraries(self, stage: Path) -> list[Path]:
        return list(dict.fromkeys(stage / self._inside(folder) for folder in self._roots))

    @property
    def _roots(self) -> tuple[Path, ...]:
        scheme = self._environment.interpreter.scheme
        return scheme["purelib"], scheme["platlib"]

    def _inside(self, folder: Path) -> Path:
        try:
            return folder.relative_to(self._environment.interpreter.prefix)
        except ValueError:
            raise self._refused(f"{folder} lies outside of its prefix") from None

    def _files(self, dist_info: Path, stage: Path | None) -> set[Path]:
        """Map the rows of a RECORD to live paths, and refuse what is not a distribution's own."""
        prefix = self._environment.interpreter.prefix
        base = stage if stage is not None else prefix
        entries = _entries(dist_info)
        if not entries:
            raise self._refused(f"{dist_info.name} has no RECORD: its files are unknown")
        paths, inside = set[Path](), _Inside(prefix)
        for entry in entries:
            path = Path(os.path.normpath(dist_info.parent / entry.path))
            live = prefix / path.relative_to(base) if path.is_relative_to(base) else None
            strange = PurePosixPath(entry.path).is_absolute() or "\0" in entry.path
            if strange or live is None or not inside.holds(live) or live.is_dir():
                raise self._refused(f"RECORD of {dist_info.name} names {entry.path[:200]!a}")
            paths.add(live)
        return paths

    def _refused(self, reason: str) -> EnvironmentRefused:
        return EnvironmentRefused(self._environment.interpreter.python, reason)


def _entries(dist_info: Path) -> list[Entry]:
    """Read a RECORD; an absent one has no rows, and bytecode is nobody's."""
    try:
        text = (dist_info / "RECORD").read_text("utf-8", "surrogateescape")
    except OSError:
        return []
    try:
        return list(_rows(text))
    except csv.Error:
        return []


def _rows(text: str) -> Iterator[Entry]:
    for row in csv.reader(text.splitlines()):
        if row and row[0] and not _is_bytecode(row[0]):
            kind, _, digest = (row[1] if len(row) > 1 else "").partition("=")
            yield Entry(row[0].replace("\\", "/"), _hex(digest) if kind == "sha256" else None)


def _is_bytecode(path: str) -> bool:
    """Tell what is compiled beside its source; compiled files without one are modules."""
    return path.endswith(".pyc") and "__pycache__/" in path.replace("\\", "/")


def _hex(digest: str) -> str:
    """Return the hex of RECORD's unpadded base64; of what is none, a text that no file has."""
    try:
        return base64.urlsafe_b64decode(digest + "=" * (-len(digest) % 4)).hex()
    except ValueError:
        return "unreadable"


def _differs(path: Path, sha256: str | None) -> str | None:
    try:
        with path.open("rb") as file:
            if sha256 is not None and hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                return "differs from RECORD"
    except OSError as error:
        return f"cannot be read ({(error.strerror or 'unknown').lower()})"
    return None


def _top_level(entries: Collection[Entry]) -> set[str]:
    """Return the modules that a distribution offers: packages, files and extensions at the top."""
    found = set()
    for entry in entries:
        first, _, rest = entry.path.partition("/")
        if not rest and first.endswith((".py", ".so", ".pyd")):
            first = first.partition(".")[0]
        elif rest != "__init__.py" and not rest.startswith("__init__."):
            continue
        if first.isidentifier() and first.lower() not in _NO_API:
            found.add(first)
    return found
