"""The lock in the metadata of a notebook: requirement lines, readable without pkgwidgets.

jq -r '.metadata.pkgwidgets.lock.requirements[]' story.ipynb > requirements.txt
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import product
from typing import Any

from .errors import LockUnreadable, shown
from .lock import Lock, LockedPackage
from .requirements_reader import read_requirements
from .requirements_text import hashes_of, requirement_text

_KEY = "pkgwidgets"
_LOCK = "lock"
_VERSION = 1


_Style = tuple[bool, tuple[str, str] | None]
"""Whether JSON is ASCII only, and its separators."""
_INDENTATION = re.compile(r"\s*\{\r?\n([ \t]+)")
"""The start of a notebook that has several lines."""
_SCRIPT = re.compile(r"^# /// script$\s(?:^#(?:| .*)$\s)+?^# ///$", re.MULTILINE)
"""A block of inline metadata (PEP 723), as uv and juv find it."""


def write_notebook_lock(
    text: str, lock: Lock, source: str, *, script: bool = False, now: datetime | None = None
) -> str:
    """Return the text of a notebook with a lock in its metadata; nothing else changes.

    With `script`, the requested packages are also a block of inline metadata (PEP 723). It is in a
    first cell, as juv writes it, or replaces an existing block. Raises
    `LockUnreadable` if the text is not a notebook in nbformat 4.
    """
    notebook = _notebook(text, source)
    dump = _style(text, notebook)
    own = notebook["metadata"].setdefault(_KEY, {})
    if not isinstance(own, dict):
        raise LockUnreadable(source, f"its metadata has another value as {_KEY}")
    own[_LOCK] = lock_fields(lock, now)
    if script:
        _set_script(notebook, _script_text(lock))
    return dump(notebook)


def lock_fields(lock: Lock, now: datetime | None = None) -> dict[str, Any]:
    """Return a lock as it is in the metadata of a notebook: `pkgwidgets.lock`."""
    fields: dict[str, Any] = {
        "version": _VERSION,
        "python": lock.python,
        "saved": f"{now or datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "requirements": [_line(package) for package in lock.packages],
    }
    return {**fields, "missing": dict(lock.missing)} if lock.missing else fields


def _line(package: LockedPackage) -> str:
    """Return a package on one line, with the hash of the wheel for this environment.

    One hash keeps the lock short. The others of the release are known on the index.
    """
    if package.source is not None and package.source.editable:
        return f"{requirement_text(package)}#egg={package.name}"  # else it has no name
    marker = f" ; {package.marker}" if package.marker else ""
    hashes = "".join(f" --hash=sha256:{digest}" for digest in hashes_of(package)[:1])
    return f"{requirement_text(package)}{marker}{hashes}"


def _script_text(lock: Lock) -> str:
    """Return the block of inline metadata that requires the requested packages."""
    minor = ".".join(lock.python.split(".")[:2])
    lines = ["# /// script", f'# requires-python = ">={minor}"', "# dependencies = ["]
    for package in lock.requested:
        if package.source is None or not package.source.editable:
            lines.append(f"#     {json.dumps(requirement_text(package), ensure_ascii=False)},")
    return "\n".join([*lines, "# ]", "# ///"])


def _set_script(notebook: dict[str, Any], block: str) -> None:
    """Replace the block of inline metadata, or add a first cell with it."""
    for cell in _code_cells(notebook):
        source = cell.get("source")
        joined = "".join(source) if isinstance(source, list) else str(source)
        if _SCRIPT.search(joined):
            replaced = _SCRIPT.sub(lambda match: block, joined, count=1)
            cell["source"] = replaced.splitlines(True) if isinstance(source, list) else replaced
            return
    cell = {"cell_type": "code", "execution_count": None}
    if (notebook.get("nbformat_minor") or 0) >= 5:
        cell["id"] = uuid.uuid4().hex[:8]
    cell |= {
        "metadata": {"jupyter": {"source_hidden": True}},
        "outputs": [],
        "source": block.splitlines(True),
    }
    notebook["cells"].insert(0, cell)


def _code_cells(notebook: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for cell in notebook["cells"]:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            yield cell


def _style(text: str, notebook: object) -> Callable[[object], str]:
    """Return what writes a notebook in the style of a text; else in that of nbformat.

    Where no style gives the same text, such as for a number like `1e5`, the nearest one is taken.
    """
    end = text[len(text.rstrip()) :]
    match = _INDENTATION.match(text)
    line_end = "\r\n" if match is not None and "\r" in match[0] else "\n"

    def dumper(style: _Style, indent: str | None) -> Callable[[object], str]:
        ascii_only, separators = style

        def dump(value: object) -> str:
            written = json.dumps(
                value, indent=indent, ensure_ascii=ascii_only, separators=separators
            )
            return written.replace("\n", line_end) + end  # a text in JSON has no line ends

        return dump

    indent = None if match is None else match[1]
    styles: Iterator[_Style] = product((False, True), (None, (",", ":")))
    for style in styles:
        dump = dumper(style, indent)
        if dump(notebook) == text:
            return dump
    is_ascii = text.isascii() and not json.dumps(notebook, ensure_ascii=False).isascii()
    nearest = indent if indent is not None or "\n" not in text.strip() else " "
    return dumper((is_ascii or not _is_encodable(notebook), None), nearest)


def _is_encodable(notebook: object) -> bool:
    """Tell whether a file can hold all characters; half of a surrogate pair must be escaped."""
    try:
        json.dumps(notebook, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _notebook(text: str | bytes, source: str) -> dict[str, Any]:
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        raise LockUnreadable(source, "it is not a notebook: it is not valid JSON") from None
    is_notebook = isinstance(notebook, dict) and isinstance(notebook.get("cells"), list)
    if not is_notebook or not isinstance(notebook.get("metadata"), dict):
        raise LockUnreadable(source, "it is not a notebook in nbformat 4")
    result: dict[str, Any] = notebook
    return result


def read_notebook_lock(
    text: str | bytes, source: str, markers: Mapping[str, str] | None = None
) -> Lock:
    """Return the lock in the text of a notebook; `source` is what errors call it.

    Raises `LockUnreadable` if it is not a notebook, has no lock, or one of another format.
    """
    own = _notebook(text, source)["metadata"].get(_KEY)
    lock: Any = own.get(_LOCK) if isinstance(own, dict) else None
    if not isinstance(lock, dict):
        raise LockUnreadable(source, "it was not saved with its packages")
    if lock.get("version") != _VERSION:
        reason = f"the format {shown(lock.get('version'))} of its lock is unknown"
        raise LockUnreadable(source, reason)
    lines = lock.get("requirements")
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise LockUnreadable(source, "its lock has no list of requirements")
    python = lock.get("python")
    header = f"# of Python {python}\n" if isinstance(python, str) else "\n"
    return read_requirements(header + "\n".join(lines), source, markers)
