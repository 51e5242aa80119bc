"""A project's page as it comes over the wire (PEP 503 HTML, PEP 691 and PEP 700 JSON)."""

from __future__ import annotations

import re
from functools import cached_property
from html.parser import HTMLParser
from itertools import chain
from urllib.parse import unquote, urlsplit

import msgspec

JSON = "application/vnd.pypi.simple.v1+json"
HTML = ("application/vnd.pypi.simple.v1+html", "text/html", "application/xhtml+xml")
SDISTS = (".tar.gz", ".zip")
_SMALL = 1 << 20
_MOST_PARTS = 600_000
"""So many commas are no real page; in memory each could be a hundred times as large."""
_LIVE = (b"false", b"null", b'""', b"{}", b"0")
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
    yanked: msgspec.Raw = msgspec.Raw(b"false")

    @property
    def is_yanked(self) -> bool:
        """Whether it was withdrawn (PEP 592), with a reason or without."""
        return bytes(self.yanked) not in _LIVE


class _Page(msgspec.Struct, gc=False):
    """A page of the JSON API; what else it says is passed over."""

    files: list[msgspec.Raw]
    versions: list[str] | None = None
    meta: Meta = msgspec.field(default_factory=Meta)


_PAGE = msgspec.json.Decoder(_Page)
_FILE = msgspec.json.Decoder(File)


def _file(raw: bytes | msgspec.Raw) -> File:
    try:
        return _FILE.decode(raw)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error


class Page:
    """The files of one project; of JSON, those that nobody asks for are never looked at.

    `versions` are those that the page lists (PEP 700), none where it does not.
    """

    def __init__(self, raw: list[msgspec.Raw], versions: list[str] | None = None) -> None:
        self._raw = raw
        self.versions = versions or []
        self.looked = 0
        """How often a file was looked at in vain, or found."""
        self._at = 0

    def __len__(self) -> int:
        return len(self._raw)

    @cached_property
    def files(self) -> list[File]:
        """All of them; raises ValueError for one that is none."""
        return [_file(raw) for raw in self._raw]

    def together(self, version: str) -> list[File]:
        """Return files of a version, so spelled, that stand together: the last such, if not all.

        Those of one version do, mostly, the newest last, and each before the next newer one: so
        the search goes on backwards from where the last one ended, once around.
        """
        part = f"-{version}".encode()
        begun, found, step = self._at, list[File](), 0
        around = chain(reversed(self._raw[:begun]), reversed(self._raw[begun:]))
        for step, raw in enumerate(map(bytes, around), 1):
            if part in raw:
                found.append(_file(raw))
            elif found:
                self._at = (begun - step) % len(self._raw) + 1
                break
        self.looked += step
        return found[::-1]

    def all_of(self, version: str) -> list[File]:
        """Return all files of a version, so spelled; and a few of others whose text has it too."""
        part = f"-{version}".encode()
        self.looked += len(self._raw)
        return [_file(raw) for raw in self._raw if part in bytes(raw)]


class _Links(Page):
    """The files of a page of HTML, which says no more of them than it says at once."""

    def __init__(self, files: list[File]) -> None:
        super().__init__([])
        self.files = files


def read(kind: str, body: bytes) -> Page:
    """Return a page of media type `kind`; raises ValueError for what is none."""
    if kind in HTML:
        return _Links(_from_html(body))
    if kind not in (JSON, "application/json"):
        raise ValueError(f"a page of type {kind[:80] or 'unknown'}")
    if len(body) > _SMALL and body.count(b",") > _MOST_PARTS:
        raise ValueError("a page of too many parts")
    try:
        page = _PAGE.decode(body)
    except msgspec.MsgspecError as error:  # not a ValueError before msgspec 0.20
        raise ValueError(str(error)) from error
    if page.meta.api_version.partition(".")[0] != "1":
        raise ValueError(f"api-version {page.meta.api_version[:20]}")
    return Page(page.files, page.versions)


def spelled_version(filename: str) -> str | None:
    """Return what a file's name spells as its version."""
    if filename.endswith(".whl"):
        # A wheel's name has its parts split by "-", and none within them (PEP 427).
        parts = filename.split("-", 2)
        return parts[1] if len(parts) == 3 else None
    if filename.endswith(SDISTS):
        stem = filename[: -7 if filename.endswith(".tar.gz") else -4]
        return stem.rpartition("-")[2]
    return None


def _from_html(body: bytes) -> list[File]:
    parser = _Anchors()
    try:
        parser.feed(body.decode("utf-8", "replace"))
        parser.close()
    except AssertionError as error:  # so the parser answers to some declarations
        raise ValueError(str(error)) from error
    version = parser.api_version
    known = any(spelled_version(file.filename) for file in parser.files)
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
                yanked=msgspec.Raw(b"true" if "data-yanked" in given else b"false"),
            )
        )
