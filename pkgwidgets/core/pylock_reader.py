"""Read `pylock.toml` (PEP 751): strictly, because a lock may be hostile.

Only names, versions, markers and hashes are used. Nothing is ever fetched from an address in a
lock, and no path in it is opened.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

from packaging.markers import InvalidMarker, Marker
from packaging.utils import (
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from .errors import LockUnreadable, shown
from .lock import Lock, LockedFile, LockedPackage, LockedSource
from .names import is_name
from .pylock_text import TOOL
from .redaction import without_credentials

MAX_PACKAGES = 10_000
_MAX_FILES = 5_000
"""Files of one release; the largest have some hundred."""
_MAX_TEXT = 4_000
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SCHEMES = ("http", "https", "file")
_SOURCES = ("vcs", "directory", "archive")


def read_pylock(text: str, source: str, markers: Mapping[str, str] | None = None) -> Lock:
    """Return the lock in a text; `source` is what errors call it.

    With `markers`, the environment of an interpreter, packages for other environments are left
    out. Raises `LockUnreadable` for anything that is no valid lock of format 1.
    """
    reader = _PylockReader(source)
    try:
        return reader.lock(text, markers)
    except (RecursionError, OverflowError):
        reader.fail("it is nested too deeply")


def files_of_pylock(text: str) -> dict[NormalizedName, tuple[LockedFile, ...]]:
    """Return the files of each package in a lock that uv wrote."""
    lock = read_pylock(text, "the lock that uv made")
    return {package.name: package.files for package in lock.packages}


class _PylockReader:
    def __init__(self, source: str) -> None:
        self._source = source
        self._place = ""
        """The package that is being read."""

    def fail(self, reason: str) -> NoReturn:
        """Raise `LockUnreadable` for the current package."""
        raise LockUnreadable(self._source, f"{self._place}{reason}") from None

    def lock(self, text: str, markers: Mapping[str, str] | None) -> Lock:
        try:
            tables = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            self.fail(f"it is not valid TOML ({error})"[:200])
        version = tables.get("lock-version")
        if not isinstance(version, str):
            self.fail("it has no lock-version")
        if version.partition(".")[0] != "1":
            self.fail(f"its format {shown(version)} is unknown; format 1 is read")
        entries = tables.get("packages")
        if not isinstance(entries, list):
            self.fail("it has no list of packages")
        if len(entries) > MAX_PACKAGES:
            self.fail(f"it has {len(entries)} packages; at most {MAX_PACKAGES} are read")
        tool = self._table(tables.get("tool", {}), "tool").get(TOOL)
        own = tool if isinstance(tool, dict) else {}
        is_requested = _text_set(own.get("requested"))
        packages: dict[NormalizedName, LockedPackage] = {}
        for number, entry in enumerate(entries, 1):
            self._place = f"package {number}: "
            package = self._package(entry, is_requested)
            if markers is not None and not self._applies(package.marker, markers):
                continue
            if package.name in packages:
                self.fail(f"{package.name} is listed twice for this environment")
            packages[package.name] = package
        self._place = ""
        python = own.get("python")
        return Lock(
            packages=tuple(packages[name] for name in sorted(packages)),
            python=python if isinstance(python, str) and len(python) < 50 else "",
        )

    def _package(self, entry: object, requested: set[str] | None) -> LockedPackage:
        table = self._table(entry, "it")
        name = self._text(table, "name")
        if not is_name(name) or len(name) > 100:
            self.fail(f"{shown(name)} is not a valid name")
        normalized = canonicalize_name(name)
        self._place += f"{normalized}: "
        sources = [kind for kind in _SOURCES if kind in table]
        version = self._version(table) if "version" in table or not sources else None
        if len(sources) > 1 or (sources and ("wheels" in table or "sdist" in table)):
            self.fail("it has more than one source")
        files = self._files(table.get("wheels", []), normalized, version)
        hashes = [file.sha256 for file in files]
        if not sources and "sdist" in table:
            hashes.append(self._sha256(self._table(table["sdist"], "sdist")))
        if not sources and not hashes:
            self.fail("it has no file")
        return LockedPackage(
            name=normalized,
            version=version,
            marker=self._marker(table),
            files=files,
            hashes=tuple(hashes),
            source=self._locked_source(sources[0], table[sources[0]]) if sources else None,
            requested=requested is None or normalized in requested,
        )

    def _version(self, table: Mapping[str, Any]) -> Version:
        text = self._text(table, "version")
        try:
            return Version(text)
        except (InvalidVersion, ValueError):
            self.fail(f"{shown(text)} is not a valid version")

    def _marker(self, table: Mapping[str, Any]) -> str:
        text = self._text(table, "marker") if "marker" in table else ""
        try:
            return str(Marker(text)) if text else ""
        except (InvalidMarker, RecursionError, ValueError):
            self.fail(f"{shown(text)} is not a valid marker")

    def _applies(self, marker: str, markers: Mapping[str, str]) -> bool:
        try:
            return not marker or Marker(marker).evaluate({**markers, "extra": ""})
        except Exception:  # `packaging` raises several kinds for what it cannot compare
            self.fail(f"the marker {shown(marker)} cannot be evaluated")

    def _files(
        self, wheels: object, name: NormalizedName, version: Version | None
    ) -> tuple[LockedFile, ...]:
        if not isinstance(wheels, list) or len(wheels) > _MAX_FILES:
            self.fail("its wheels are not a list of tables")
        return tuple(self._file(self._table(wheel, "a wheel"), name, version) for wheel in wheels)

    def _file(
        self, table: Mapping[str, Any], name: NormalizedName, version: Version | None
    ) -> LockedFile:
        url = self._address(table)
        file_name = self._text(table, "name") if "name" in table else _last_part(url)
        try:
            wheel_name, wheel_version, *_ = parse_wheel_filename(file_name)
        except (InvalidWheelFilename, InvalidVersion, ValueError):
            self.fail(f"{shown(file_name)} is not the name of a wheel")
        if wheel_name != name or wheel_version != version:
            self.fail(f"the wheel {shown(file_name)} is of another release")
        size, uploaded = table.get("size"), table.get("upload-time")
        return LockedFile(
            name=file_name,
            sha256=self._sha256(table),
            url=url,
            size=size if isinstance(size, int) and size >= 0 else None,
            uploaded=uploaded.replace(tzinfo=uploaded.tzinfo or UTC)
            if isinstance(uploaded, datetime)
            else None,
        )

    def _address(self, table: Mapping[str, Any]) -> str:
        """Return the URL of a file; a path that leaves the folder of the lock is refused."""
        if "url" in table:
            return self._url(self._text(table, "url"))
        path = self._text(table, "path")
        if path.startswith(("/", "~", "\\")) or ".." in re.split(r"[/\\]", path) or ":" in path:
            self.fail(f"the path {shown(path)} leaves the folder of the lock")
        return path

    def _url(self, text: str) -> str:
        try:
            address = urlsplit(text)
            if address.scheme not in _SCHEMES:
                self.fail(f"{shown(text)} is not an address of http, https or a file")
            return without_credentials(text)
        except ValueError:
            self.fail(f"{shown(text)} is not a valid address")

    def _sha256(self, table: Mapping[str, Any]) -> str:
        digest = self._table(table.get("hashes"), "hashes").get("sha256")
        if digest is None:
            self.fail("a file has no sha256")
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest.lower()):
            self.fail(f"{shown(digest)} is not a sha256")
        return digest.lower()

    def _locked_source(self, kind: str, entry: object) -> LockedSource:
        table = self._table(entry, kind)
        key = "path" if kind == "directory" else "url"
        address = self._text(table, key if key in table else "path")
        return LockedSource(kind=kind, url=address, editable=table.get("editable") is True)

    def _table(self, value: object, what: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            self.fail(f"{what} is not a table")
        return value

    def _text(self, table: Mapping[str, Any], key: str) -> str:
        value = table.get(key)
        if not isinstance(value, str) or not value:
            self.fail(f"it has no {key}")
        if len(value) > _MAX_TEXT or not value.isprintable():
            self.fail(f"its {key} is not a plain text: {shown(value)}")
        return value


def _last_part(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2])


def _text_set(value: object) -> set[str] | None:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return None
    return set(value)
