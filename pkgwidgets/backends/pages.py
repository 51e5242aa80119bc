"""A project's page as it comes over the wire (PEP 503 HTML, PEP 691 JSON), and its releases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from html.parser import HTMLParser
from operator import itemgetter
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
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_HASH = re.compile(r"sha256=([0-9a-f]{64})", re.ASCII)


class Meta(msgspec.Struct, gc=False):
    """What a page says of itself."""

    api_version: str = msgspec.field(name="api-version", default="1.0")


class File(msgspec.Struct, gc=False):
    """One file of a page, as PEP 691 and PEP 700 spell it."""

    filename: str
    hashes: msgspec.Raw = msgspec.Raw(b"{}")  # read only where it is needed
    requires_python: str | None = msgspec.field(name="requires-python", default=None)
    size: int | None = None
    upload_time: str | None = msgspec.field(name="upload-time", default=None)
    yanked: bool | str | dict[str, Any] | None = False


class Page(msgspec.Struct, gc=False):
    """A page of the JSON API; what else it says is passed over."""

    files: list[File]
    meta: Meta = msgspec.field(default_factory=Meta)


_PAGE = msgspec.json.Decoder(Page)
_HASHES = msgspec.json.Decoder(dict[str, str])


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
    groups: dict[str, list[File]] | None = None
    for nth, (version, spelled) in enumerate(_newest_first(_versions(files))):
        if nth == 1:  # more than the newest is wanted: from now on no page is gone through again
            groups = _grouped(files)
        near = files if groups is None else [f for text in spelled for f in groups.get(text, ())]
        own = [file for text in spelled for file in _files_of(id, text, near)]
        if own:
            yield _release(version, own)


def _newest_first(texts: Iterable[str]) -> Iterator[tuple[Version, list[str]]]:
    """Yield versions with the texts that spell them: mostly one is wanted, so nothing is sorted."""
    left: list[tuple[Version, str]] = []
    for text in texts:
        try:
            left.append((Version(text), text))
        except ValueError:  # no version, or a number too long to be read
            continue
    while left:
        newest, spelled = left[0][0], list[str]()
        for version, text in left:
            if version < newest:
                continue
            if version > newest:
                newest, spelled = version, []
            spelled.append(text)
        yield newest, spelled
        left = [each for each in left if each[1] not in spelled]
        if len(left) > 1:  # it is one of the few that are gone through: now it pays
            left.sort(key=itemgetter(0), reverse=True)


def _versions(files: list[File]) -> set[str]:
    """Return what the names of the files spell as versions, each once.

    A large page has thousands of files, and this is the only thing done to all of them: those of
    one version mostly stand together, so a name that begins as the last one did is passed over.
    """
    found: set[str] = set()
    seen = "-"
    for file in files:
        name = file.filename
        if name.startswith(seen):
            continue
        text = _spelled(name)
        if text is not None:
            found.add(text)
            seen = f"{name.partition('-')[0]}-{text}-"
    return found


def _grouped(files: list[File]) -> dict[str, list[File]]:
    found: dict[str, list[File]] = {}
    for file in files:
        text = _spelled(file.filename)
        if text is not None:
            found.setdefault(text, []).append(file)
    return found


def _spelled(filename: str) -> str | None:
    """Return what a file's name spells as its version."""
    if filename.endswith(".whl"):
        # A wheel's name has its parts split by "-", and none within them (PEP 427).
        parts = filename.split("-", 2)
        return parts[1] if len(parts) == 3 else None
    if filename.endswith(_SDISTS):
        stem = filename[: -7 if filename.endswith(".tar.gz") else -4]
        return stem.rpartition("-")[2]
    return None


def _files_of(id: Id, version: str, files: list[File]) -> Iterator[File]:
    part = f"-{version}"
    for file in files:
        if part in file.filename and _is_of(id, version, file.filename):
            yield file


def _is_of(id: Id, version: str, filename: str) -> bool:
    if filename.endswith(".whl"):
        name, _, rest = filename.partition("-")
        return rest.startswith(f"{version}-") and canonicalize_name(name) == id
    for ending in _SDISTS:
        if filename.endswith(f"-{version}{ending}"):
            return canonicalize_name(filename[: -len(version) - len(ending) - 1]) == id
    return False


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
    sha256 = _HASHES.decode(file.hashes).get("sha256", "")
    known = sha256 if _SHA256.fullmatch(sha256) else None  # it goes into a requirements file
    return Wheel(filename=file.filename, sha256=known, size=size)


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
    known = any(_spelled(file.filename) for file in parser.files)
    if version is None and not known and not parser.is_page:
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
                hashes=msgspec.Raw(b'{"sha256":"%s"}' % hashed[1].encode() if hashed else b"{}"),
                requires_python=given.get("data-requires-python"),
                yanked="data-yanked" in given,
            )
        )
