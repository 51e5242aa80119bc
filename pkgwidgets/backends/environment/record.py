"""One RECORD file (PEP 376, PEP 627): the files of a distribution, and what can be imported."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_NO_API = {
    "benchmarks", "bin", "doc", "docs", "example", "examples", "lib", "scripts", "share", "test",
    "tests", "tools",
}  # fmt: skip
"""Top-level folders that some wheels carry by mistake; their import proves nothing."""
_NO_MODULE = {"__main__", "conf", "conftest", "setup"}
"""What lies about in folders that are no packages, and does something when it is imported."""
_CODE = (".py", ".so", ".pyd", ".pyc")
_MAX_MODULE_DEPTH = 3
"""So many names has a module that is looked for in a namespace package (PEP 420)."""
ADDED = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json")
"""What an installer adds to a dist-info."""
_MAX_SIZE_DIGITS = 16
"""Digits that the size of no file has."""
_ODD = re.compile(r"[^./\\\n][/\\]\.\.[/\\]")
"""A row that goes up again after it went down."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: a path relative to the folder that holds the dist-info, and its sha256 in hex."""

    path: str
    sha256: str | None


def entries(dist_info: Path) -> list[Entry]:
    """Read a RECORD; an absent one has no rows, and bytecode is nobody's."""
    try:
        return list(_rows(_record_text(dist_info).splitlines()))
    except csv.Error:
        return []


def size(dist_info: Path) -> int | None:
    """Return the bytes that a RECORD counts; None if it counts none. No file is looked at."""
    try:
        counts = [
            row[2] for row in csv.reader(_record_text(dist_info).splitlines()) if len(row) > 2
        ]
    except csv.Error:
        return None
    known = [int(count) for count in counts if count.isdecimal() and len(count) < _MAX_SIZE_DIGITS]
    return sum(known) if known else None


def entries_in(dist_info: Path, names: Collection[str]) -> list[Entry]:
    """Read only the rows whose first folder or file has one of these names, any suffix left out.

    Most rows of most RECORDs are about something else, and there are hundreds of thousands.
    """
    if not names:
        return []
    text = _record_text(dist_info)
    if _ODD.search(text):
        return entries(dist_info)
    wanted = "|".join(map(re.escape, sorted(names)))
    lines = re.findall(rf'^"?(?:/|(?:{wanted})(?=[./\\])).*$', text, re.MULTILINE)
    try:
        return [entry for entry in _rows(lines) if ".dist-info/" not in entry.path]
    except csv.Error:
        return []


def first_names(found: Iterable[Entry]) -> frozenset[str]:
    """Return what `entries_in` is to look for, to find who shares folders with these."""
    firsts = {entry.path.partition("/")[0] for entry in found}
    names = {first if first == ".." else first.partition(".")[0] for first in firsts}
    return frozenset(name for name in names if name and name not in _NO_API and "-" not in name)


def module_names(found: Collection[Entry]) -> set[str]:
    """Return the modules that a distribution offers: packages, files and extensions at the top.

    Of a namespace package, which is nobody's, what this distribution has in it.
    """
    packages = {entry.path.rpartition("/")[0] for entry in found if _is_init(entry.path)}
    modules = set[str]()
    for entry in found:
        folder, _, name = entry.path.rpartition("/")
        if _is_init(entry.path):
            parts = folder.split("/")
        elif name.endswith(_CODE[:3]):
            parts = [*filter(None, folder.split("/")), name.partition(".")[0]]
        else:
            continue
        above = ("/".join(parts[:length]) for length in range(1, len(parts)))
        if len(parts) <= _MAX_MODULE_DEPTH and not any(each in packages for each in above):
            modules.add(".".join(parts))
    plain = {each for each in modules if _is_api(each)}
    # Loose files in folders are scripts and data, unless there is nothing else.
    return {each for each in plain if "." not in each or each.replace(".", "/") in packages} or {
        each for each in plain if each.rpartition(".")[2] not in _NO_MODULE
    }


def is_start(path: str) -> bool:
    """Tell whether Python's `site` runs or reads this file at every start."""
    return "/" not in path and (
        path.endswith(".pth") or path in ("sitecustomize.py", "usercustomize.py")
    )


def runs_code(file: Path) -> bool:
    """Tell whether a file that `site` reads has a line that it runs."""
    if file.suffix != ".pth":
        return True
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    return any(line.startswith(("import ", "import\t")) for line in lines)


def content_fingerprint(dist_info: Path) -> str:
    """Digest what a look at the files shows without reading them, and which folders are links."""
    said, folders = [], set[str]()
    for row in entries(dist_info):
        said.append(_stat_line(f"{dist_info.parent}/{row.path}"))
        folder = row.path.rpartition("/")[0]
        while folder and folder not in folders and not folder.endswith(".."):
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    said += [folder for folder in sorted(folders) if (dist_info.parent / folder).is_symlink()]
    return hashlib.blake2b("\n".join(said).encode("utf-8", "replace"), digest_size=8).hexdigest()


def content(dist_info: Path) -> str:
    """Digest what a wheel brought: not what the installer added."""
    added = tuple(f"{dist_info.name}/{name}" for name in ADDED)
    rows = sorted((row.path, row.sha256) for row in entries(dist_info))
    text = "\n".join(f"{path} {sha256}" for path, sha256 in rows if path not in added)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _stat_line(path: str) -> str:
    # Not the inode: a file that was put back after a failure is another, and the same.
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return "-"
    return f"{found.st_mtime_ns} {found.st_size} {stat.S_IFMT(found.st_mode)}"


def remove_requested(dist_info: Path) -> None:
    """Take REQUESTED (PEP 376) off a distribution that was only ever needed by others."""
    if not (dist_info / "REQUESTED").exists():
        return
    file, row = dist_info / "RECORD", f"{dist_info.name}/REQUESTED,"
    lines = file.read_bytes().splitlines(keepends=True)
    beside = file.with_name("RECORD.pkgwidgets")
    beside.write_bytes(b"".join(line for line in lines if not line.startswith(row.encode())))
    shutil.copystat(file, beside)
    beside.replace(file)
    (dist_info / "REQUESTED").unlink()


def _record_text(dist_info: Path) -> str:
    try:
        return (dist_info / "RECORD").read_text("utf-8", "surrogateescape")
    except OSError:
        return ""


def _rows(lines: Iterable[str]) -> Iterator[Entry]:
    for row in csv.reader(lines):
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


def _is_init(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return bool(folder) and name.startswith("__init__.") and name.endswith(_CODE)


def _is_api(module: str) -> bool:
    parts = module.split(".")
    return parts[0].lower() not in _NO_API and all(part.isidentifier() for part in parts)
