"""Reproducible wheels, built in memory."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath

from packaging.tags import parse_tag
from packaging.utils import NormalizedName, canonicalize_name

_TIMESTAMP = (2020, 1, 1, 0, 0, 0)
_FILE_MODE = 0o100644 << 16
"""A regular file, rw-r--r--, in the upper 16 bits, where zip keeps Unix modes."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BuiltWheel:
    """A wheel (PEP 427) of an invented project.

    `files` maps paths to contents. `{name}-{version}` at the start of a path stands for the
    wheel's stem, so that `{name}-{version}.data/data/share/x` is installed as `share/x`. Values
    are not validated: invalid values make invalid wheels, which tests use.
    """

    name: str
    version: str
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    requires_python: str | None = None
    summary: str = ""
    entry_points: str = ""
    """The text of `entry_points.txt`; without text there is no such file."""
    tag: str = "py3-none-any"
    yanked: str | None = None
    """Why it was yanked (PEP 592); `""` is a yank without a reason."""
    uploaded: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    publisher: str = ""
    """The repository of its publisher, as the index says (PEP 740); "" without attestations."""
    is_hash_listed: bool = True
    """Whether the index lists its hash (PEP 503 only recommends it)."""
    data: bytes = field(init=False)
    """The bytes of the zip archive; the same on every machine for the same values."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", _zip_members(self._members()))

    @property
    def id(self) -> NormalizedName:
        """The normalized name."""
        return canonicalize_name(self.name)

    @property
    def stem(self) -> str:
        """The start of its file name and of its `.dist-info` folder: `seed_shelf-1.4.2`."""
        return f"{self.id.replace('-', '_')}-{self.version}"

    @property
    def filename(self) -> str:
        """The file name: project, version and compatibility tag (PEP 427, 425)."""
        return f"{self.stem}-{self.tag}.whl"

    @property
    def sha256(self) -> str:
        """The SHA-256 of `data`, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def sent(self) -> bytes:
        """The bytes that a client receives; tests override it to corrupt a download."""
        return self.data

    @property
    def metadata_text(self) -> str:
        """The text of `METADATA` (core metadata 2.1)."""
        lines = ["Metadata-Version: 2.1", f"Name: {self.name}", f"Version: {self.version}"]
        if self.summary:
            lines.append(f"Summary: {self.summary}")
        lines.append(f"Project-URL: Home, https://example.invalid/{self.name}")
        if self.requires_python is not None:
            lines.append(f"Requires-Python: {self.requires_python}")
        lines += [f"Requires-Dist: {requirement}" for requirement in self.requires]
        lines += [f"Provides-Extra: {extra}" for extra in self.extras]
        return "\n".join(lines) + "\n"

    @property
    def metadata_sha256(self) -> str:
        """The SHA-256 of the metadata file that an index serves beside the wheel (PEP 658)."""
        return hashlib.sha256(self.metadata_text.encode()).hexdigest()

    def __repr__(self) -> str:
        return f"BuiltWheel({self.filename})"

    def _members(self) -> dict[str, bytes]:
        """Return every file of the archive; `RECORD` is the last, as PEP 427 advises."""
        info = f"{self.stem}.dist-info"
        payload = {
            path.replace("{name}-{version}", self.stem, 1): _encode(content)
            for path, content in self.files.items()
        }
        metadata = {
            f"{info}/METADATA": self.metadata_text,
            f"{info}/WHEEL": self._wheel_text(),
            f"{info}/top_level.txt": _join_lines(_top_level_names(payload)),
        }
        if self.entry_points:
            metadata[f"{info}/entry_points.txt"] = self.entry_points
        members = dict(sorted(payload.items()))
        members |= {path: text.encode() for path, text in sorted(metadata.items())}
        rows = [record_row(path, content) for path, content in members.items()]
        text = self.record_of([*rows, (f"{info}/RECORD", "", "")])
        members[f"{info}/RECORD"] = text.encode()
        return members

    def record_of(self, rows: list[tuple[str, str, str]]) -> str:
        """Return the text of `RECORD` with these rows; tests override it to corrupt a wheel."""
        return record_text(rows)

    def _wheel_text(self) -> str:
        pure = "true" if self.tag.endswith("-none-any") else "false"
        return _join_lines(
            [
                "Wheel-Version: 1.0",
                "Generator: pkgwidgets-demo",
                f"Root-Is-Purelib: {pure}",
                *(f"Tag: {tag}" for tag in sorted(map(str, parse_tag(self.tag)))),
            ]
        )


def record_row(path: str, content: bytes) -> tuple[str, str, str]:
    """Return the row of one file: path, hash, size in bytes (PEP 376, 427)."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return path, f"sha256={digest}", str(len(content))


def record_text(rows: Iterable[tuple[str, str, str]]) -> str:
    """Return the text of `RECORD`: CSV, because a path may hold a comma."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _top_level_names(paths: Iterable[str]) -> list[str]:
    """Return the top-level names that the files make importable."""
    names = {PurePosixPath(path).parts[0].removesuffix(".py") for path in paths}
    return sorted(name for name in names if name.isidentifier())


def _zip_members(members: Mapping[str, bytes]) -> bytes:
    """Return an uncompressed archive: the output of deflate depends on the version of zlib."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for path, content in members.items():
            entry = zipfile.ZipInfo(path, _TIMESTAMP)
            entry.create_system = 3  # Unix: the mode below counts
            entry.external_attr = _FILE_MODE
            file.writestr(entry, content)
    return archive.getvalue()


def _encode(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _join_lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
