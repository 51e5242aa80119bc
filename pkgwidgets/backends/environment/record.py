"""One RECORD file (PEP 376, PEP 627): the files of a distribution, and what can be imported."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pkgwidgets.backends.store import filesystem
from pkgwidgets.backends.store.rewrite import rewrite
from pkgwidgets.core.environment import DIRECT_URL

from .parsed_files import ParsedFiles
from .search_path import EXECUTED_LINES

_NO_API_FOLDERS = {
    "benchmarks", "bin", "doc", "docs", "example", "examples", "lib", "scripts", "share", "test",
    "tests", "tools",
}  # fmt: skip
"""Top-level folders that some wheels contain by mistake; importing them proves nothing."""
_NO_API_MODULES = {"__main__", "conf", "conftest", "setup"}
"""Modules in folders without `__init__.py` whose import has side effects."""
CODE_SUFFIXES = (".py", ".so", ".pyd", ".pyc")
_MAX_MODULE_DEPTH = 3
"""The most names in a dotted module that is looked for in a namespace package (PEP 420)."""
INSTALLER_FILES = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json")
"""Files that an installer adds to a dist-info folder."""
ADDED_FILES = (*INSTALLER_FILES, "uv_cache.json", "uv_build.json")
"""The same, with what uv adds for a wheel from a folder."""
EMPTY_SHA256 = hashlib.sha256().hexdigest()
_MAX_SIZE_DIGITS = 16
"""No file's size has so many digits."""
_STRONG_SIZES = {
    "sha256": 32, "sha384": 48, "sha512": 64, "sha3_256": 32, "sha3_384": 48, "sha3_512": 64,
    "blake2b": 64, "blake2s": 32,
}  # fmt: skip
"""The algorithms that RECORD may use (PEP 427: sha256 or better), with the bytes of a hash."""
_HEX = re.compile(r"[0-9a-fA-F]+", re.ASCII)
_UP_AGAIN = re.compile(r"[/\\](?<=[^./\\\n].)\.\.[/\\]")
"""Matches a row with `..` after another folder."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: a path relative to the folder that holds the dist-info, and its hash in hex.

    `sha256` is None if RECORD has another hash or none. `other_hash` is a hash of another algorithm
    that is as strong, with its name in `hashlib`; weaker ones prove nothing and are left out.
    """

    path: str
    sha256: str | None
    other_hash: tuple[str, str] | None = None

    @property
    def hash(self) -> tuple[str, str] | None:
        """The algorithm and the hash in hex; None if RECORD has no hash that proves anything."""
        return self.other_hash if self.sha256 is None else ("sha256", self.sha256)

    def matches(self, path: str) -> bool:
        """Return whether a readable file has the hash; True if there is none."""
        with open(path, "rb") as file:  # noqa: PTH123 - called for every file
            if self.hash is None:
                return True
            algorithm, digest = self.hash
            return hashlib.file_digest(file, algorithm).hexdigest() == digest


_parsed = ParsedFiles[Entry]()


def entries(dist_info: Path) -> Sequence[Entry]:
    """Read the rows of a RECORD, without bytecode; a missing RECORD has none."""
    return _parsed.get(f"{dist_info}/RECORD", lambda: _read_entries(dist_info))


def _read_entries(dist_info: Path) -> tuple[Entry, ...]:
    try:
        return tuple(_parse_rows(_record_text(dist_info).splitlines()))
    except csv.Error:
        return ()


def paths(dist_info: Path) -> list[str]:
    """Return the paths of a RECORD's rows, without bytecode; its hashes are not decoded."""
    try:
        rows = [*csv.reader(_record_text(dist_info).splitlines())]
    except csv.Error:
        return []
    return [_normalize_path(row[0]) for row in rows if row and row[0] and not _is_bytecode(row[0])]


def size(dist_info: Path) -> int | None:
    """Return the sum of a RECORD's sizes in bytes, None if it has none; no other file is read."""
    try:
        counts = [
            row[2] for row in csv.reader(_record_text(dist_info).splitlines()) if len(row) > 2
        ]
    except csv.Error:
        return None
    known = [int(count) for count in counts if count.isdecimal() and len(count) < _MAX_SIZE_DIGITS]
    return sum(known) if known else None


def entries_in(dist_info: Path, names: Collection[str]) -> Sequence[Entry]:
    """Read only the rows whose first folder or file has one of these names, without its suffix.

    An environment's RECORDs have hundreds of thousands of rows, and most do not match.
    """
    if not names:
        return []
    text = _record_text(dist_info)
    if _goes_up_again(text):
        return entries(dist_info)
    pattern = "|".join(map(re.escape, sorted(names)))
    # It begins with the end of a line, not with `^`: the search skips what is between.
    row = rf'\n("?(?:\.[/\\])*(?:/|(?:{pattern})(?=[./\\,"])).*)'
    lines = re.findall(row, f"\n{text}")
    try:
        return [entry for entry in _parse_rows(lines) if ".dist-info/" not in entry.path]
    except csv.Error:
        return []


def _goes_up_again(text: str) -> bool:
    """Tell whether a row has `..` after another folder: few RECORDs have `..` after anything."""
    return ("/.." in text or "\\.." in text) and _UP_AGAIN.search(text) is not None


def first_names(rows: Iterable[Entry]) -> frozenset[str]:
    """Return the names with which `entries_in` finds rows that share folders with these rows."""
    first_parts = {entry.path.partition("/")[0] for entry in rows}
    names = {first if first == ".." else first.partition(".")[0] for first in first_parts}
    return frozenset(name for name in names - {""} - _NO_API_FOLDERS if "-" not in name)


def all_first_names(paths: Iterable[str]) -> frozenset[str]:
    """Return the names with which `entries_in` finds every row that equals one of these paths."""
    first_parts = {path.partition("/")[0] for path in paths}
    return frozenset(
        first if first == ".." else first.partition(".")[0]
        for first in first_parts
        if not first.endswith(".dist-info")
    )


def module_names(rows: Collection[Entry]) -> set[str]:
    """Return the modules that a distribution offers: top-level packages, files and extensions.

    Of a namespace package (PEP 420), these are the modules inside that belong to it.
    """
    packages = {entry.path.rpartition("/")[0] for entry in rows if _is_init(entry.path)}
    modules = set[str]()
    for entry in rows:
        folder, _, name = entry.path.rpartition("/")
        if _is_init(entry.path):
            parts = folder.split("/")
        elif name.endswith(CODE_SUFFIXES[:3]):
            parts = [*filter(None, folder.split("/")), name.partition(".")[0]]
        else:
            continue
        parents = ("/".join(parts[:length]) for length in range(1, len(parts)))
        if len(parts) <= _MAX_MODULE_DEPTH and not any(parent in packages for parent in parents):
            modules.add(".".join(parts))
    public = {name for name in modules if _is_api_name(name)}
    # Loose files in folders are scripts and data, unless there is nothing else.
    return {name for name in public if "." not in name or name.replace(".", "/") in packages} or {
        name for name in public if name.rpartition(".")[2] not in _NO_API_MODULES
    }


def is_startup_file(path: str) -> bool:
    """Return whether Python's `site` runs or reads this file at every start."""
    return "/" not in path and (
        path.endswith((".pth", ".start")) or path in ("sitecustomize.py", "usercustomize.py")
    )


def runs_code(file: Path) -> bool:
    """Return whether `site` runs code of this file: in a `.pth` file, a line that imports."""
    if file.suffix != ".pth":
        return True
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    return any(line.startswith(EXECUTED_LINES) for line in lines)


def content_fingerprint(dist_info: Path) -> str:
    """Digest the times, sizes and types of the files, and which of their folders are links."""
    lines, folders = [], set[str]()
    for row in entries(dist_info):
        # Without `..`: after a link it would lead to another folder.
        path = f"{dist_info.parent}/{row.path}"
        lines.append(_stat_line(os.path.normpath(path) if row.path.startswith("..") else path))
        folder = row.path.rpartition("/")[0]
        while folder and folder not in folders and not folder.endswith(".."):
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    lines += [folder for folder in sorted(folders) if (dist_info.parent / folder).is_symlink()]
    return hashlib.blake2b("\n".join(lines).encode("utf-8", "replace"), digest_size=8).hexdigest()


def content_digest(dist_info: Path, *, with_scripts: bool = True) -> str:
    """Digest the paths and hashes of a wheel's files, without those that the installer added.

    A file without a hash in RECORD is hashed. Scripts name their interpreter, so they differ
    between environments.
    """
    added = tuple(f"{dist_info.name}/{name}" for name in ADDED_FILES)
    rows = sorted(
        (row.path, row.hash or ("", ""))  # one file may have two rows, and one hash
        for row in entries(dist_info)
        if row.path not in added and (with_scripts or not row.path.startswith("../"))
    )
    text = "\n".join(
        f"{path} {digest or _content_hash(dist_info.parent / path)}" for path, (_, digest) in rows
    )
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _content_hash(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return "-"


def _stat_line(path: str) -> str:
    # Without the inode: a rollback may restore the same file with another inode.
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return "-"
    return f"{status.st_mtime_ns} {status.st_size} {stat.S_IFMT(status.st_mode)}"


def remove_requested(dist_info: Path) -> None:
    """Remove REQUESTED (PEP 376) from a distribution that only other distributions require."""
    _remove_note(dist_info, "REQUESTED")


def remove_direct_url(dist_info: Path) -> None:
    """Remove direct_url.json (PEP 610) from a distribution whose file no longer exists."""
    _remove_note(dist_info, DIRECT_URL)


def _remove_note(dist_info: Path, name: str) -> None:
    if not (dist_info / name).exists():
        return
    file, row = dist_info / "RECORD", f"{dist_info.name}/{name},"
    lines = file.read_bytes().splitlines(keepends=True)
    rewrite(file, b"".join(line for line in lines if not line.startswith(row.encode())))
    filesystem.remove(dist_info / name)


def _record_text(dist_info: Path) -> str:
    try:
        return (dist_info / "RECORD").read_text("utf-8", "surrogateescape")
    except OSError:
        return ""


def _parse_rows(lines: Iterable[str]) -> Iterator[Entry]:
    for row in csv.reader(lines):
        if row and row[0] and not _is_bytecode(row[0]):
            algorithm, _, digest = (row[1] if len(row) > 1 else "").partition("=")
            decoded = _decode_digest(algorithm.lower(), digest)
            is_sha256 = decoded is not None and decoded[0] == "sha256"
            yield Entry(
                _normalize_path(row[0]),
                decoded[1] if decoded is not None and is_sha256 else None,
                None if is_sha256 else decoded,
            )


def _is_bytecode(path: str) -> bool:
    """Return whether a file was compiled from a source; a `.pyc` without a source is a module."""
    return path.endswith(".pyc") and "__pycache__/" in path.replace("\\", "/")


def _normalize_path(path: str) -> str:
    """Return a path with slashes only, and without the `./` that some tools begin it with."""
    path = path.replace("\\", "/")
    while path.startswith("./") and path != "./":
        path = path[2:]
    return path


def _decode_digest(algorithm: str, text: str) -> tuple[str, str] | None:
    """Return a hash of RECORD and its algorithm; None if it is weaker than sha256 or unknown.

    The text is unpadded base64, or hex, as uv_build wrote it before 0.9. Any other text becomes one
    that is no hash, so that no file matches it.
    """
    size = _STRONG_SIZES.get(algorithm)
    if size is None:
        return None
    if len(text) == 2 * size and _HEX.fullmatch(text):
        return algorithm, text.lower()
    try:
        digest = base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except ValueError:
        digest = b""
    return algorithm, digest.hex() if len(digest) == size else "unreadable"


def _is_init(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return bool(folder) and name.startswith("__init__.") and name.endswith(CODE_SUFFIXES)


def _is_api_name(module: str) -> bool:
    parts = module.split(".")
    return parts[0].lower() not in _NO_API_FOLDERS and all(part.isidentifier() for part in parts)
