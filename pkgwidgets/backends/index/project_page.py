"""A project's page as it comes over the wire (PEP 503 HTML, PEP 691 and PEP 700 JSON)."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cached_property
from html.parser import HTMLParser
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import msgspec

JSON = "application/vnd.pypi.simple.v1+json"
HTML = ("application/vnd.pypi.simple.v1+html", "text/html", "application/xhtml+xml")
SDISTS = (".tar.gz", ".zip")
_AFTER = (b"-", *(ending.encode() for ending in SDISTS))
"""What follows a version in a file's name."""
_SAMPLE_BYTES = 200
"""Bytes of the list of files that tell how each of them begins."""
_SMALL_BYTES = 1 << 20
_MAX_COMMAS = 600_000
"""So many commas are no real page; in memory each could be a hundred times as large."""
_LIVE = (b"false", b"null", b'""', b"{}", b"0")
_T = TypeVar("_T")
_HASH = re.compile(r"sha256=([0-9a-f]{64})", re.ASCII)


class Meta(msgspec.Struct, gc=False):
    """What a page says of itself."""

    api_version: str = msgspec.field(name="api-version", default="1.0")


class Hashes(msgspec.Struct, gc=False):
    """What a file's bytes hash to; others than this one are passed over."""

    sha256: str = ""


class File(msgspec.Struct, gc=False):
    """One file of a page, as PEP 691 and PEP 700 spell it."""

    filename: str
    hashes: Hashes = msgspec.field(default_factory=Hashes)
    requires_python: str | None = msgspec.field(name="requires-python", default=None)
    size: int | None = None
    upload_time: str | None = msgspec.field(name="upload-time", default=None)
    yanked: msgspec.Raw = msgspec.Raw(b"false")

    @property
    def is_yanked(self) -> bool:
        """Whether it was withdrawn (PEP 592), with a reason or without."""
        return bytes(self.yanked) not in _LIVE


class _Page(msgspec.Struct, gc=False):
    """A page of the JSON API; what else it says is passed over, and its parts wait to be read."""

    files: msgspec.Raw
    versions: msgspec.Raw = msgspec.Raw(b"null")
    meta: Meta = msgspec.field(default_factory=Meta)


_PAGE = msgspec.json.Decoder(_Page)
_FILE = msgspec.json.Decoder(File)
_FILES = msgspec.json.Decoder(list[File])
_VERSIONS = msgspec.json.Decoder(list[str] | None)
_HEAD = re.compile(rb'\[\s*(\{\s*"[^"\\]*"\s*:)')


def _decoded(decoder: msgspec.json.Decoder[_T], text: bytes | msgspec.Raw) -> _T:
    try:
        return decoder.decode(text)
    except msgspec.MsgspecError as error:  # not a ValueError before msgspec 0.20
        raise ValueError(str(error)) from error


class Page:
    """The files of one project; of JSON, those that nobody asks for are never looked at.

    They are found in its text: each begins with the same key as the first one does, or else they
    are all read. `versions` are those that the page lists (PEP 700), none where it does not.
    """

    def __init__(
        self, raw: msgspec.Raw, body: bytes = b"", versions: list[str] | None = None
    ) -> None:
        self._raw = raw
        self._text = body
        beginning = bytes(memoryview(raw)[:_SAMPLE_BYTES])
        head = _HEAD.match(beginning)
        self._opening = head[1] if head else b""
        # Searched in the body itself: to copy out megabytes takes longer than most searches.
        self._stop = body.find(beginning) + len(memoryview(raw))
        self._end = self._stop
        self.versions = versions or []
        self.looked = 0
        """So many bytes were gone through in search of files."""

    def __len__(self) -> int:
        """Return how many bytes its files take, about."""
        return len(self._text)

    @cached_property
    def files(self) -> list[File]:
        """All of them; raises ValueError if one is none."""
        return _decoded(_FILES, _bounded_decode(self._raw))

    def together(self, version: str) -> list[File]:
        """Return files of a version, so spelled, that stand together: the last such, if not all.

        Those of one version do, mostly, the newest last, and each before the next newer one: so
        the search goes on backwards from where the last one ended, once around. Development
        releases may stand between, whose text has that of the version, too.
        """
        part = f"-{version}".encode()
        found = list[bytes]()
        at = self._last(part, 0, self._end)
        if at < 0:
            at = self._last(part, 0, self._stop)
        while at >= 0:
            begin, text = self._around(at)
            found.append(text)
            before = self._text.rfind(self._opening, 0, begin)
            at = self._text.find(part, before, begin) if before >= 0 else -1
            self._end = begin
        return self._read(version, found[::-1])

    def all_of(self, version: str) -> list[File]:
        """Return all files of a version, so spelled; and a few of others whose text has it too."""
        part = f"-{version}".encode()
        found, at = list[bytes](), self._last(part, 0, self._stop)
        while at >= 0:
            begin, text = self._around(at)
            found.append(text)
            at = self._last(part, 0, begin)
        return self._read(version, found[::-1])

    def _last(self, part: bytes, begin: int, end: int) -> int:
        """Return where a file's name has this part last, and not the beginning of a longer one."""
        at = self._text.rfind(part, begin, end)
        while at >= 0 and not self._text.startswith(_AFTER, at + len(part)):
            at = self._text.rfind(part, begin, at)
        self.looked += end - max(at, begin)
        return at

    def _around(self, at: int) -> tuple[int, bytes]:
        """Return where the file begins whose text is there, and its text."""
        begin = max(self._text.rfind(self._opening, 0, at), 0)
        end = self._text.find(self._opening, at, self._stop)
        return begin, self._text[begin : end if end >= 0 else self._stop].rstrip(b" \t\r\n,]")

    def _read(self, version: str, texts: list[bytes]) -> list[File]:
        if self._opening:
            with suppress(ValueError):
                return [_decoded(_FILE, text) for text in texts]
        return [file for file in self.files if f"-{version}" in file.filename]


class _Links(Page):
    """The files of a page of HTML, which says no more of them than it says at once."""

    def __init__(self, files: list[File]) -> None:
        super().__init__(msgspec.Raw(b"[]"))
        self.files = files


def read(kind: str, body: bytes) -> Page:
    """Return a page of media type `kind`; raises ValueError for what is none."""
    if kind in HTML:
        return _Links(_from_html(body))
    if kind not in (JSON, "application/json"):
        raise ValueError(f"a page of type {kind[:80] or 'unknown'}")
    page = _decoded(_PAGE, body)
    if page.meta.api_version.partition(".")[0] != "1":
        raise ValueError(f"api-version {page.meta.api_version[:20]}")
    if bytes(memoryview(page.files)[:1]) != b"[":
        raise ValueError("a page without a list of files")
    return Page(page.files, body, _decoded(_VERSIONS, _bounded_decode(page.versions)))


def _bounded_decode(text: bytes | msgspec.Raw) -> bytes:
    """Return the text of a list; raises ValueError for one that would take too much memory."""
    text = bytes(text)
    if len(text) > _SMALL_BYTES and text.count(b",") > _MAX_COMMAS:
        raise ValueError("a page of too many parts")
    return text


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
                hashes=Hashes(hashed[1] if hashed else ""),
                requires_python=given.get("data-requires-python"),
                yanked=msgspec.Raw(b"true" if "data-yanked" in given else b"false"),
            )
        )
