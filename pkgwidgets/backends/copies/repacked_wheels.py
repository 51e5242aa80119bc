"""Pack an installed distribution into a wheel again, for a copy (PEP 427).

For releases that the index no longer has. Installers refuse a wheel for much that they accept of
what is installed: a missing WHEEL, tags of another machine, unreadable requirements. So the wheel
has the metadata that an installer needs, and no more. Once it is installed, the files here take
their place.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import stat
import zipfile
from pathlib import Path

from pkgwidgets.backends.store import filesystem
from pkgwidgets.backends.store.rewrite import rewrite
from pkgwidgets.core.environment import Distribution, Interpreter

from .packed_files import ENTRY_POINTS, PackedFile, packed_files, scripts_of_entry_points, stem

_PYTHON = re.compile(
    rb"#!(/bin/sh\n'''exec' [^\n]*\n' '''(?=\n)|[^\n]*python[^\n]*)", re.IGNORECASE
)
"""The first line of a Python script, or the three with which a shell starts a long path."""
_REPLACED = ("METADATA", "WHEEL", ENTRY_POINTS)
"""Files of the dist-info folder for which a wheel may have other ones."""


def repack(distribution: Distribution, interpreter: Interpreter, folder: Path) -> Path:
    """Write the wheel of an installed distribution; raise OSError or ValueError if it cannot be.

    Its RECORD has the hashes of the files here, also for the metadata that it replaces.
    """
    wheel = folder / f"{stem(distribution)}-py3-none-any.whl"  # it is for this machine only
    info = f"{stem(distribution)}.dist-info"
    is_pure = distribution.path.parent == interpreter.scheme["purelib"]
    instead = {f"{info}/METADATA": _metadata(distribution), f"{info}/WHEEL": _wheel(is_pure)}
    if scripts_of_entry_points(distribution.path) is None:
        instead[f"{info}/{ENTRY_POINTS}"] = b""
    rows = []
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_STORED) as archive:
        for file in packed_files(distribution, interpreter):
            content = _content(file)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            rows.append((file.name, f"sha256={digest.decode()}", str(len(content))))
            if file.name not in instead:
                archive.writestr(_entry(file), content)
        for name, content in instead.items():
            archive.writestr(name, content)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([*rows, (f"{info}/RECORD", "", "")])
        archive.writestr(f"{info}/RECORD", text.getvalue())
    return wheel


def restore_metadata(distribution: Distribution, built: Path) -> None:
    """Give an installed wheel, whose dist-info folder is `built`, the metadata here."""
    for name in _REPLACED:
        own, new = distribution.path / name, built / name
        if not new.exists():
            continue
        if own.is_file():
            rewrite(new, own.read_bytes())
        else:
            filesystem.remove(new)


def _entry(file: PackedFile) -> zipfile.ZipInfo:
    """Return the entry of a file with its mode: installers make executable what is so here."""
    entry = zipfile.ZipInfo(file.name)
    entry.external_attr = stat.S_IMODE(file.path.stat().st_mode) << 16 | stat.S_IFREG << 16
    return entry


def _content(file: PackedFile) -> bytes:
    content = file.path.read_bytes()
    if not file.is_script or _PYTHON.match(content) is None:
        return content
    return _PYTHON.sub(b"#!python", content, count=1)


def _metadata(distribution: Distribution) -> bytes:
    return _lines(
        "Metadata-Version: 2.1", f"Name: {distribution.name}", f"Version: {distribution.version}"
    )


def _wheel(is_pure: bool) -> bytes:
    root = f"Root-Is-Purelib: {str(is_pure).lower()}"
    return _lines("Wheel-Version: 1.0", root, "Tag: py3-none-any")


def _lines(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
