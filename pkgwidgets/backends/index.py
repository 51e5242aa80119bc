"""The simple API of a package index (PEP 503, 691, 700, 592, 714) over requests."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime
from typing import Any

import requests
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from requests.adapters import HTTPAdapter

from pkgwidgets.core.errors import IndexUnavailable, PkgwidgetsError, ProjectNotFound
from pkgwidgets.core.interfaces import Report, ignore
from pkgwidgets.core.model import Event, Id, Release, Stage, Wheel

from .settings import Settings

_JSON = "application/vnd.pypi.simple.v1+json"
_AT_ONCE = 16
_CONNECT, _SILENCE = 10.0, 30.0
"""Seconds to wait for a connection, and for the next byte."""
_LARGEST = 64 << 20
"""Bytes of one page, unpacked."""


class SimpleIndex:
    """One index, asked project by project over pooled connections."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session = requests.Session()
        self._session.headers.update({"Accept": _JSON, "User-Agent": "pkgwidgets"})
        adapter = HTTPAdapter(pool_maxsize=_AT_ONCE)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    @property
    def url(self) -> str:
        """Its address without credentials."""
        return self._settings.shown_url

    def releases_of(
        self, ids: Collection[Id], report: Report = ignore, *, refresh: bool = False
    ) -> Mapping[Id, Sequence[Release] | PkgwidgetsError]:
        """Ask for many projects at once, an event each; a failure is that project's answer."""
        answers: dict[Id, Sequence[Release] | PkgwidgetsError] = {}
        total = len(ids)
        pool = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="pkgwidgets-index")
        try:
            asked = {pool.submit(self._answer, id): id for id in ids}
            for future in as_completed(asked):
                id = asked[future]
                answers[id] = future.result()
                report(Event(stage=Stage.ASKING, id=id, done=len(answers), total=total))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return answers

    def _answer(self, id: Id) -> Sequence[Release] | PkgwidgetsError:
        try:
            return _releases(id, self._page(id))
        except PkgwidgetsError as error:
            return error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            return IndexUnavailable(self.url, f"its page of {id} cannot be read ({error!r:.200})")

    def _page(self, id: Id) -> Any:
        try:
            with self._session.get(
                f"{self._settings.index_url}{id}/", timeout=(_CONNECT, _SILENCE), stream=True
            ) as response:
                if response.status_code in (404, 410):
                    raise ProjectNotFound(id, self.url)
                if response.status_code != 200:
                    raise IndexUnavailable(self.url, f"it answered {response.status_code}")
                kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
                if kind not in (_JSON, "application/json"):
                    raise IndexUnavailable(self.url, f"it answered {kind[:80] or 'no type'}")
                response._content = _bounded(response.iter_content(1 << 16), self.url)
                return response.json()
        except requests.RequestException as error:
            raise IndexUnavailable(self.url, _reason(error)) from error


def _bounded(chunks: Iterable[bytes], url: str) -> bytes:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > _LARGEST:
            raise IndexUnavailable(url, "its answer is too large")
    return bytes(body)


def _reason(error: requests.RequestException) -> str:
    """Say what went wrong without the address, which may hold credentials."""
    match error:
        case requests.exceptions.SSLError():
            return "its certificate is not trusted"
        case requests.exceptions.ProxyError():
            return "the proxy does not answer"
        case requests.exceptions.ConnectTimeout() | requests.exceptions.ReadTimeout():
            return "it did not answer in time"
        case requests.exceptions.ConnectionError():
            return "no connection"
        case requests.exceptions.TooManyRedirects():
            return "it redirects in a circle"
        case requests.exceptions.JSONDecodeError():
            return "its answer is no JSON"
        case _:
            return type(error).__name__


def _releases(id: Id, page: Any) -> tuple[Release, ...]:
    """Turn a page of the JSON API into releases, newest first."""
    api = str(page.get("meta", {}).get("api-version", "1.0"))
    if api.partition(".")[0] != "1":
        raise ValueError(f"api-version {api}")
    files: dict[str, list[dict[str, Any]]] = {}
    for file in page["files"]:
        version = _version_of(id, file["filename"])
        if version is not None:
            files.setdefault(version, []).append(file)
    found: dict[Version, Release] = {}
    for text, group in files.items():
        try:
            release = _release(Version(text), group)
        except InvalidVersion:
            continue
        found[release.version] = release
    return tuple(found[version] for version in sorted(found, reverse=True))


def _version_of(id: Id, filename: str) -> str | None:
    """Return the version in a file's name, None for other projects' files and other kinds."""
    if filename.endswith(".whl"):
        name, _, rest = filename[:-4].partition("-")
        version = rest.partition("-")[0]
    elif filename.endswith(".tar.gz"):
        name, _, version = filename[:-7].rpartition("-")
    elif filename.endswith(".zip"):
        name, _, version = filename[:-4].rpartition("-")
    else:
        return None
    return version if canonicalize_name(name) == id else None


def _release(version: Version, files: list[dict[str, Any]]) -> Release:
    wheels = [f for f in files if f["filename"].endswith(".whl")]
    times = [f["upload-time"] for f in files if f.get("upload-time")]
    asked = next((f["requires-python"] for f in files if f.get("requires-python")), None)
    return Release(
        version=version,
        requires_python=_specifier(asked),
        # PEP 592 marks files; a release counts as yanked when all of its files are.
        yanked=all(bool(f.get("yanked")) for f in files),
        uploaded=_time(min(times)) if times else None,
        wheels=tuple(_wheel(f) for f in wheels if not f.get("yanked") or len(wheels) == 1),
        sdist=len(wheels) < len(files),
    )


def _wheel(file: dict[str, Any]) -> Wheel:
    size = file.get("size")
    return Wheel(
        filename=file["filename"],
        sha256=(file.get("hashes") or {}).get("sha256"),
        size=size if isinstance(size, int) and size >= 0 else None,
    )


def _specifier(text: str | None) -> SpecifierSet | None:
    """Read `requires-python`; what cannot be read admits every Python, as installers do."""
    try:
        return SpecifierSet(text) if text else None
    except InvalidSpecifier:
        return None


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
