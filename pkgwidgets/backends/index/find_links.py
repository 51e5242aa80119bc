"""Files in a folder or linked on a page: the `find-links` of uv and pip."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
from pkgwidgets.backends.http.http_limits import HttpLimits
from pkgwidgets.backends.http.network_settings import NetworkSettings
from pkgwidgets.backends.http.response import RequestFailed
from pkgwidgets.backends.http.status import status_reason
from pkgwidgets.backends.store.filesystem import os_error_text
from pkgwidgets.core.compatibility import parse_requires_python
from pkgwidgets.core.index_query import IndexQuery, StopAt
from pkgwidgets.core.releases import Release, Wheel

from . import project_page, release_parser

_FRESH_SECONDS = 600.0
"""Seconds for which a page is not fetched again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _File:
    """One file that is offered; `path` is set if it is on this machine."""

    filename: str
    sha256: str | None = None
    size: int | None = None
    requires_python: str | None = None
    yanked: bool = False
    path: Path | None = None


_Grouped = dict[NormalizedName, dict[Version, list[_File]]]


class FindLinks:
    """One folder or page. A folder is read each time, a page if it is old or on `refresh`."""

    def __init__(
        self,
        link: str,
        access: NetworkSettings,
        limits: HttpLimits = HttpLimits(),
    ) -> None:
        self._limits = limits
        self._link = link
        self._access = access
        self._lock = threading.Lock()
        self._page_files: _Grouped = {}
        self._fresh_until = 0.0
        self._hashes: dict[tuple[Path, int, int], str] = {}

    def releases_of(self, query: IndexQuery) -> Mapping[NormalizedName, Sequence[Release]]:
        """Return the releases of these projects, newest first.

        Raises `RequestFailed` if the folder or page cannot be read.
        """
        with self._lock:
            try:
                files = self._read_files(query.until, refresh=query.refresh)
            except (ValueError, RecursionError) as error:
                raise RequestFailed(f"it cannot be read ({error!s:.200})") from None
            return {
                name: self._releases_down_to(name, files[name], query.stop_at)
                for name in query.names
                if name in files
            }

    def _read_files(self, until: float, *, refresh: bool) -> _Grouped:
        path = _local_path(self._link)
        if path is not None and path.is_dir():
            return _group_files(_files_in_folder(path))
        if refresh or monotonic() >= self._fresh_until:
            media_type, body = _read_local(path) if path is not None else self._fetch(until)
            self._page_files = _group_files(_files_on_page(media_type, body))
            self._fresh_until = monotonic() + _FRESH_SECONDS
        return self._page_files

    def _fetch(self, until: float) -> tuple[str, bytes]:
        headers = {"Accept": "text/html", "User-Agent": "pkgwidgets"}
        client = Client(self._link, headers, at_once=1, access=self._access, limits=self._limits)
        response = client.get("", {}, until=min(monotonic() + self._limits.answer_seconds, until))
        if response.status != 200:
            raise RequestFailed(status_reason(response.status))
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return media_type, response.body

    def _releases_down_to(
        self, name: NormalizedName, versions: Mapping[Version, list[_File]], stop_at: StopAt
    ) -> Sequence[Release]:
        releases = []
        for version in sorted(versions, reverse=True):
            releases.append(self._release(version, versions[version]))
            if stop_at(name, releases[-1]):
                break
        return releases

    def _release(self, version: Version, files: Sequence[_File]) -> Release:
        not_yanked = [file for file in files if not file.yanked]
        wheels = [file for file in not_yanked or files if file.filename.endswith(".whl")]
        return Release(
            version=version,
            yanked=not not_yanked,
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
        """Return the sha256 from the page, or that of the local file; None if it is unreadable."""
        if file.path is None:
            return file.sha256
        try:
            status = file.path.stat()
            key = (file.path, status.st_mtime_ns, status.st_size)
            if key not in self._hashes:
                with file.path.open("rb") as opened:
                    self._hashes[key] = hashlib.file_digest(opened, "sha256").hexdigest()
            return self._hashes[key]
        except OSError:
            return None


def _local_path(link: str) -> Path | None:
    """Return the local path that a link names; None for a URL."""
    if link.startswith("file:"):
        return Path(unquote(urlsplit(link).path))
    return None if "://" in link else Path(link)


def _read_local(path: Path) -> tuple[str, bytes]:
    try:
        return "text/html", path.read_bytes()
    except OSError as error:
        raise RequestFailed(f"it cannot be read ({os_error_text(error)})") from None


def _files_in_folder(folder: Path) -> Iterator[_File]:
    try:
        for path in folder.iterdir():
            if path.name.endswith((".whl", *project_page.SDISTS)):
                yield _File(filename=path.name, size=path.stat().st_size, path=path)
    except OSError as error:
        raise RequestFailed(f"it cannot be read ({os_error_text(error)})") from None


def _files_on_page(media_type: str, body: bytes) -> Iterator[_File]:
    try:
        for file in project_page.read(media_type, body).files:
            yield _File(
                filename=file.filename,
                sha256=release_parser.sha256(file),
                requires_python=file.requires_python,
                yanked=file.is_yanked,
            )
    except ValueError:
        raise RequestFailed("it is not a page of links") from None


def _group_files(files: Iterable[_File]) -> _Grouped:
    """Group files by project and version; leave out names of neither a wheel nor an sdist."""
    projects: _Grouped = {}
    for file in files:
        try:
            if file.filename.endswith(".whl"):
                name, version, _, _ = parse_wheel_filename(file.filename)
            else:
                name, version = parse_sdist_filename(file.filename)
        except ValueError:
            continue
        projects.setdefault(canonicalize_name(name), {}).setdefault(version, []).append(file)
    return projects


def merge_releases(first: Sequence[Release], second: Sequence[Release]) -> tuple[Release, ...]:
    """Merge two lists of releases, newest first; a version in both has the files of both."""
    releases = {release.version: release for release in first}
    for release in second:
        earlier = releases.get(release.version)
        releases[release.version] = release if earlier is None else _merge_files(earlier, release)
    return tuple(releases[version] for version in sorted(releases, reverse=True))


def _merge_files(first: Release, second: Release) -> Release:
    if first.yanked != second.yanked:  # only files that are not yanked count
        first, second = (first, first) if second.yanked else (second, second)
    times = [release.uploaded for release in (first, second) if release.uploaded is not None]
    return replace(
        first,
        uploaded=min(times) if times else None,
        wheels=tuple(dict.fromkeys((*first.wheels, *second.wheels))),
    )
