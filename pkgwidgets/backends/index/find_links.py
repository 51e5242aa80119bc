"""Files that lie in a folder or are linked on a page: uv's and pip's `find-links`."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from time import monotonic
from urllib.parse import unquote, urlsplit

from packaging.utils import (
    NormalizedName,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from pkgwidgets.backends.http.client import Client
from pkgwidgets.backends.http.limits import HttpLimits
from pkgwidgets.backends.http.network_settings import NetworkSettings
from pkgwidgets.backends.http.transport import RequestFailed
from pkgwidgets.backends.store.filesystem import os_error_text
from pkgwidgets.core.compatibility import parse_requires_python
from pkgwidgets.core.index_query import IndexQuery, StopAt
from pkgwidgets.core.releases import Release, Wheel

from . import project_page, release_parser

_FRESH_SECONDS = 600.0
"""Within these a page is not asked for again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _File:
    """One file that is offered; `path` where it lies on this machine."""

    filename: str
    sha256: str | None = None
    size: int | None = None
    requires_python: str | None = None
    yanked: bool = False
    path: Path | None = None


_Grouped = dict[NormalizedName, dict[Version, list[_File]]]


class FindLinks:
    """One folder or page. A folder is read each time, a page when it is old, or anew if asked."""

    def __init__(
        self,
        link: str,
        access: NetworkSettings,
        until: Callable[[], float] = lambda: inf,
        limits: HttpLimits = HttpLimits(),
    ) -> None:
        self._limits = limits
        self._until = until
        self._link = link
        self._access = access
        self._guard = threading.Lock()
        self._page: _Grouped = {}
        self._fresh_until = 0.0
        self._hashes: dict[tuple[Path, int, int], str] = {}

    def releases_of(self, query: IndexQuery) -> Mapping[NormalizedName, Sequence[Release]]:
        """Return what there is of the projects, from the newest release down.

        Raises `RequestFailed` if it cannot be read.
        """
        with self._guard:
            try:
                found = self._files(refresh=query.refresh)
            except (ValueError, RecursionError) as error:
                raise RequestFailed(f"it cannot be read ({error!s:.200})") from None
            return {
                id: self._down_to(id, found[id], query.stop_at) for id in query.names if id in found
            }

    def _files(self, *, refresh: bool) -> _Grouped:
        path = _path(self._link)
        if path is not None and path.is_dir():
            return _grouped(_in_folder(path))
        if refresh or monotonic() >= self._fresh_until:
            kind, body = _local(path) if path is not None else self._fetched()
            self._page = _grouped(_on_page(kind, body))
            self._fresh_until = monotonic() + _FRESH_SECONDS
        return self._page

    def _fetched(self) -> tuple[str, bytes]:
        headers = {"Accept": "text/html", "User-Agent": "pkgwidgets"}
        client = Client(self._link, headers, at_once=1, access=self._access, limits=self._limits)
        answer = client.get(
            "", {}, until=min(monotonic() + self._limits.answer_seconds, self._until())
        )
        if answer.status != 200:
            raise RequestFailed(f"it answered {answer.status}")
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        return kind, answer.body

    def _down_to(
        self, id: NormalizedName, versions: Mapping[Version, list[_File]], stop_at: StopAt
    ) -> Sequence[Release]:
        found = []
        for version in sorted(versions, reverse=True):
            found.append(self._release(version, versions[version]))
            if stop_at(id, found[-1]):
                break
        return found

    def _release(self, version: Version, files: Sequence[_File]) -> Release:
        live = [file for file in files if not file.yanked]
        wheels = [file for file in live or files if file.filename.endswith(".whl")]
        return Release(
            version=version,
            yanked=not live,
            wheels=tuple(
                Wheel(
                    filename=file.filename,
                    sha256=self._hash(file),
                    size=file.size,
                    requires_python=parse_requires_python(file.requires_python),
                )
                for file in wheels
            ),
        )

    def _hash(self, file: _File) -> str | None:
        """Return the hash that was given, or that of the file here, which uv may take."""
        if file.path is None:
            return file.sha256
        try:
            found = file.path.stat()
            key = (file.path, found.st_mtime_ns, found.st_size)
            if key not in self._hashes:
                with file.path.open("rb") as opened:
                    self._hashes[key] = hashlib.file_digest(opened, "sha256").hexdigest()
            return self._hashes[key]
        except OSError:
            return None


def _path(link: str) -> Path | None:
    """Return the path that a link names; None for an address."""
    if link.startswith("file:"):
        return Path(unquote(urlsplit(link).path))
    return None if "://" in link else Path(link)


def _local(path: Path) -> tuple[str, bytes]:
    try:
        return "text/html", path.read_bytes()
    except OSError as error:
        raise RequestFailed(f"it cannot be read ({os_error_text(error)})") from None


def _in_folder(folder: Path) -> Iterator[_File]:
    try:
        for path in folder.iterdir():
            if path.name.endswith((".whl", *project_page.SDISTS)):
                yield _File(filename=path.name, size=path.stat().st_size, path=path)
    except OSError as error:
        raise RequestFailed(f"it cannot be read ({os_error_text(error)})") from None


def _on_page(kind: str, body: bytes) -> Iterator[_File]:
    try:
        for file in project_page.read(kind, body).files:
            yield _File(
                filename=file.filename,
                sha256=release_parser.sha256(file),
                requires_python=file.requires_python,
                yanked=file.is_yanked,
            )
    except ValueError:
        raise RequestFailed("it is no page of links") from None


def _grouped(files: Iterable[_File]) -> _Grouped:
    """Order files by project and version; what is named as no wheel and no sdist is left out."""
    found: _Grouped = {}
    for file in files:
        try:
            if file.filename.endswith(".whl"):
                name, version, _, _ = parse_wheel_filename(file.filename)
            else:
                name, version = parse_sdist_filename(file.filename)
        except ValueError:
            continue
        found.setdefault(canonicalize_name(name), {}).setdefault(version, []).append(file)
    return found


def merged(first: Sequence[Release], second: Sequence[Release]) -> tuple[Release, ...]:
    """Join two lists of releases, newest first; of one version the files of both count."""
    found = {release.version: release for release in first}
    for release in second:
        known = found.get(release.version)
        found[release.version] = release if known is None else _merge(known, release)
    return tuple(found[version] for version in sorted(found, reverse=True))


def _merge(one: Release, other: Release) -> Release:
    if one.yanked != other.yanked:  # a file that is not yanked is one to be had
        one, other = (one, one) if other.yanked else (other, other)
    times = [release.uploaded for release in (one, other) if release.uploaded is not None]
    return replace(
        one,
        uploaded=min(times) if times else None,
        wheels=tuple(dict.fromkeys((*one.wheels, *other.wheels))),
    )
