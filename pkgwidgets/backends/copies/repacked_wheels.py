"""Pack an installed distribution into a wheel again, for a copy (PEP 427).

For releases that the index no longer has. Scripts of entry points are left out, because the
installer makes them again; of the other scripts the first line is made general.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from pkgwidgets.backends.environment import record
from pkgwidgets.core.environment import Distribution, Interpreter

_SHEBANG = re.compile(rb"^#!.*python.*", re.IGNORECASE)
_ENTRY_POINTS = re.compile(r"^\s*([\w.-]+)\s*=", re.MULTILINE)
_TAG = re.compile(r"^Tag:\s*(\S+)", re.MULTILINE)


def repack(distribution: Distribution, interpreter: Interpreter, folder: Path) -> Path:
    """Write the wheel of an installed distribution; raise OSError or ValueError if it cannot be.

    Edited files keep their edits. A file outside of the environment is an error.
    """
    info = distribution.path
    tags = _TAG.findall((info / "WHEEL").read_text("utf-8"))
    if not tags:
        raise ValueError(f"{info.name} names no tag")
    stem = info.name.removesuffix(".dist-info")
    wheel = folder / f"{stem}-{_compressed(tags)}.whl"
    rows = []
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_STORED) as archive:
        for name, content in _members(info, stem, interpreter):
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            rows.append((name, f"sha256={digest.decode()}", str(len(content))))
            archive.writestr(name, content)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([*rows, (f"{info.name}/RECORD", "", "")])
        archive.writestr(f"{info.name}/RECORD", text.getvalue())
    return wheel


def _compressed(tags: list[str]) -> str:
    """Return tags as they are in the name of a file: `py2.py3-none-any`."""
    parts = zip(*(tag.split("-", 2) for tag in tags), strict=True)
    return "-".join(".".join(dict.fromkeys(part)) for part in parts)


def _members(info: Path, stem: str, interpreter: Interpreter) -> Iterator[tuple[str, bytes]]:
    """Yield the paths in the wheel, and the contents, of all files but those of the installer."""
    site = info.parent
    made = _generated_scripts(info)
    added = {f"{info.name}/{name}" for name in record.ADDED_FILES}
    for row in record.entries(info):
        if row.path in added or row.path.endswith(".pyc"):
            continue
        file = Path(f"{site}/{row.path}")
        content = file.read_bytes()
        resolved = file.parent.resolve() / file.name
        if resolved.is_relative_to(site.resolve()):
            yield row.path, content
        elif resolved.parent == interpreter.scheme["scripts"].resolve():
            if file.name not in made:
                general = _SHEBANG.sub(b"#!python", content, count=1)
                yield f"{stem}.data/scripts/{file.name}", general
        else:
            inside = resolved.relative_to(interpreter.scheme["data"].resolve())
            yield f"{stem}.data/data/{inside.as_posix()}", content


def _generated_scripts(info: Path) -> frozenset[str]:
    try:
        text = (info / "entry_points.txt").read_text("utf-8")
    except OSError:
        return frozenset()
    sections = re.split(r"^\[(.+)\]\s*$", text, flags=re.MULTILINE)
    return frozenset(
        name
        for title, body in zip(sections[1::2], sections[2::2], strict=True)
        if title in ("console_scripts", "gui_scripts")
        for name in _ENTRY_POINTS.findall(body)
    )
