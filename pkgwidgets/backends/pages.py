"""A project's page as it comes over the wire (PEP 503 HTML, PEP 691 JSON), and its releases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.core.model import Id, Release, Wheel
from pkgwidgets.core.versions import specifier

JSON = "application/vnd.pypi.simple.v1+json"
HTML = ("application/vnd.pypi.simple.v1+html", "text/html", "application/xhtml+xml")
_SDISTS = (".tar.gz", ".zip")
_HASH = re.compile(r"sha256=([0-9a-f]{64})", re.ASCII)


class Meta(msgspec.Struct, gc=False):
    """What a page says of itself."""

    api_version: str = msgspec.field(name="api-version", default="1.0")


class File(msgspec.Struct, gc=False):
    """One file of a page, as PEP 691 and PEP 700 spell it."""

    filename: str
    hashes: dict[str, str] = {}
    requires_python: str | None = msgspec.field(name="requires-python", default=None)
    size: int | None = None
    upload_time: str | None = msgspec.field(name="upload-time", default=None)
    yanked: bool | str | dict[str, Any] | None = False


class Page(msgspec.Struct, gc=False):
    """A page of the JSON API; what else it says is passed over."""

    files: list[File]
    meta: Meta = msgspec.field(default_factory=Meta)


_PAGE = msgspec.json.Decoder(Page)


def read(kind: str, body: bytes) -> list[File]:
    """Return the files of a page of media type `kind`; raises ValueError for what is none."""
    if kind in HTML:
        return _from_html(body)
    if kind not in (JSON, "application/json"):
        raise ValueError(f"a page of type {kind[:80] or 'unknown'}")
    page = _PAGE.decode(body)
    if page.meta.api_version.partition(".")[0] != "1":
        raise ValueError(f"api-version {page.meta.api_version[:20]}")
    return page.files


def releases(id: Id, files: list[File]) -> Iterator[Release]:
    """Yield the releases of a page from the newest down; files are looked at only then.

    Files of other projects, and of kinds that are no wheel and no sdist, are passed over.
    """
    groups: dict[str, list[File]] = {}
    for file in files:
        spelled = _version_of(file.filename)
        if spelled is not None:
            groups.setdefault(spelled, []).append(file)
    versions: dict[Version, list[File]] = {}
    for text, group in groups.items():
        try:
            versions.setdefault(Version(text), []).extend(group)
        except ValueError:  # no version, or a number too long to be read
            continue
    for version in sorted(versions, reverse=True):
        own = [file for file in versions[version] if _project_of(file.filename) == id]
        if own:
            yield _release(version, own)


def _version_of(filename: str) -> str | None:
    """Return the version that a file's name spells: the fast part, without looking at the name."""
    if filename.endswith(".whl"):
        parts = filename.split("-", 2)
        return parts[1] if len(parts) == 3 else None
    for ending in _SDISTS:
        if filename.endswith(ending):
            return filename[: -len(ending)].rpartition("-")[2]
    return None


def _project_of(filename: str) -> Id:
    wheel = filename.endswith(".whl")
    name = filename.partition("-")[0] if wheel else filename.rpartition("-")[0]
    return canonicalize_name(name)


def _release(version: Version, files: list[File]) -> Release:
    # PEP 592 marks files; a release counts as yanked when all of its files are.
    live = [file for file in files if not file.yanked]
    times = [file.upload_time for file in files if file.upload_time]
    asked = next((file.requires_python for file in files if file.requires_python), None)
    wheels = [file for file in live or files if file.filename.endswith(".whl")]
    return Release(
        version=version,
        requires_python=specifier(asked),
        yanked=not live,
        uploaded=_time(min(times)) if times else None,
        wheels=tuple(_wheel(file) for file in wheels),
        sdist=any(file.filename.endswith(_SDISTS) for file in live or files),
    )


def _wheel(file: File) -> Wheel:
    size = file.size if file.size is not None and file.size >= 0 else None
    return Wheel(filename=file.filename, sha256=file.hashes.get("sha256"), size=size)


def _time(text: str) -> datetime | None:
    """Read an upload time (PEP 700, RFC 3339); one without a zone or a sense is unknown."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None


def _from_html(body: bytes) -> list[File]:
    parser = _Anchors()
    parser.feed(body.decode("utf-8", "replace"))
    parser.close()
    version = parser.api_version
    if version is None and not parser.files and not parser.is_page:
        raise ValueError("a page of HTML that is no project's")
    if version is not None and version.partition(".")[0] != "1":
        raise ValueError(f"api-version {version[:20]}")
    return parser.files


class _Anchors(HTMLParser):
    """The links of a PEP 503 page; the name of a file is the last part of its address."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.files: list[File] = []
        self.api_version: str | None = None
        self.is_page = False
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "meta" and given.get("name") == "pypi:repository-version":
            self.api_version = given.get("content") or ""
        elif tag == "title":
            self._in_title = True
        elif tag == "a" and given.get("href"):
            self._anchor(str(given["href"]), given)

    def handle_data(self, data: str) -> None:
        if self._in_title:  # what a captive portal says of itself is something else
            self.is_page = data.strip().lower().startswith("links for")
            self._in_title = False

    def _anchor(self, href: str, given: dict[str, str | None]) -> None:
        address = urlsplit(href)
        hashed = _HASH.search(address.fragment)
        self.files.append(
            File(
                filename=unquote(address.path.rpartition("/")[2]),
                hashes={"sha256": hashed[1]} if hashed else {},
                requires_python=given.get("data-requires-python"),
                yanked="data-yanked" in given,
            )
        )
