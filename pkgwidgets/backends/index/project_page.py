"""Parse a project's page as an index sends it (PEP 503 HTML, PEP 691 and PEP 700 JSON)."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cached_property
from html.parser import HTMLParser
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import msgspec

from pkgwidgets.core.releases import ACTIVE, ProjectStatus, project_status, short_reason

JSON = "application/vnd.pypi.simple.v1+json"
HTML = ("application/vnd.pypi.simple.v1+html", "text/html", "application/xhtml+xml")
SDISTS = (".tar.gz", ".zip")
_AFTER_VERSION = (b"-", *(ending.encode() for ending in SDISTS))
"""What follows a version in a file name."""
_SAMPLE_BYTES = 200
"""Bytes of the list of files that show with which key each file begins."""
_MAX_UNCHECKED_BYTES = 1 << 20
_MAX_COMMAS = 600_000
"""No real page has more commas; in memory each element may take a hundred times its bytes."""
_NOT_YANKED = (b"false", b"null", b'""', b"{}", b"0")
_PAGE_TITLE = re.compile(r"(?:.*: )?links for |directory listing for |index of ")
"""The titles of project pages and of folder listings, in lower case."""
_FRAME_TAGS = frozenset({"html", "head", "meta", "title", "body", "br", "hr"})
"""The tags of a page without content: a project without files."""
_T = TypeVar("_T")
_HASH = re.compile(r"sha256=([0-9a-f]{64})", re.ASCII)


class Meta(msgspec.Struct, gc=False):
    """The metadata of a page."""

    api_version: str = msgspec.field(name="api-version", default="1.0")


class Hashes(msgspec.Struct, gc=False):
    """The hashes of a file; other algorithms are ignored."""

    sha256: str = ""


class File(msgspec.Struct, gc=False):
    """One file of a page, with the keys of PEP 691 and PEP 700."""

    filename: str
    hashes: Hashes = msgspec.field(default_factory=Hashes)
    requires_python: str | None = msgspec.field(name="requires-python", default=None)
    size: int | None = None
    upload_time: str | None = msgspec.field(name="upload-time", default=None)
    yanked: msgspec.Raw = msgspec.Raw(b"false")
    provenance: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def provenance_address(self) -> str:
        """The address of the provenance object (PEP 740); "" without a usable one."""
        text = bytes(self.provenance)
        if not text.startswith(b'"') or len(text) > _MAX_ADDRESS_BYTES:
            return ""
        with suppress(ValueError):
            address = str(_decode(_ANY_DECODER, text))
            if address.isprintable() and address.isascii() and " " not in address:
                return address
        return ""

    @property
    def is_yanked(self) -> bool:
        """Whether the file was yanked (PEP 592), with a reason or without."""
        return bytes(self.yanked) not in _NOT_YANKED

    @property
    def yanked_reason(self) -> str:
        """Why the file was yanked; "" without a reason."""
        with suppress(ValueError):
            return short_reason(_decode(_ANY_DECODER, self.yanked))
        return ""


class _JsonPage(msgspec.Struct, gc=False):
    """A page of the JSON API; other keys are ignored, and its lists are decoded later."""

    files: msgspec.Raw
    versions: msgspec.Raw = msgspec.Raw(b"null")
    meta: Meta = msgspec.field(default_factory=Meta)
    project_status: msgspec.Raw = msgspec.field(name="project-status", default=msgspec.Raw(b"null"))


_PAGE_DECODER = msgspec.json.Decoder(_JsonPage)
_FILE_DECODER = msgspec.json.Decoder(File)
_FILES_DECODER = msgspec.json.Decoder(list[File])
_ANY_DECODER = msgspec.json.Decoder()
_MAX_STATUS_BYTES = 1 << 16
_MAX_ADDRESS_BYTES = 2000
_VERSIONS_DECODER = msgspec.json.Decoder(list[str] | None)
_LIST_START = re.compile(rb'\[\s*(\{\s*"[^"\\]*"\s*:)')


def _decode(decoder: msgspec.json.Decoder[_T], text: bytes | msgspec.Raw) -> _T:
    try:
        return decoder.decode(text)
    except msgspec.MsgspecError as error:  # not a ValueError before msgspec 0.20
        raise ValueError(str(error)) from error


class Page:
    """The files of one project; of a JSON page, only the requested files are decoded.

    They are searched in its text: each file begins with the same key as the first. If not, all
    files are decoded. `versions` are those that the page lists (PEP 700), else empty.
    """

    def __init__(
        self, raw: msgspec.Raw, body: bytes = b"", versions: list[str] | None = None
    ) -> None:
        self._raw = raw
        self._text = body
        sample = bytes(memoryview(raw)[:_SAMPLE_BYTES])
        head = _LIST_START.match(sample)
        self._first_key = head[1] if head else b""
        # Search in the body itself: to copy megabytes takes longer than most searches.
        self._list_end = body.find(sample) + len(memoryview(raw))
        self._search_end = self._list_end
        self.versions = versions or []
        self.status = ACTIVE
        self.searched_bytes = 0
        """The number of bytes searched so far."""

    def __len__(self) -> int:
        """Return the size of the page in bytes, which is about that of its files."""
        return len(self._text)

    @cached_property
    def files(self) -> list[File]:
        """All files; raises ValueError if one is invalid."""
        return _decode(_FILES_DECODER, _bounded(self._raw))

    def adjacent_files(self, version: str) -> list[File]:
        """Return the last adjacent files of a version, in this spelling.

        Files of one version are mostly adjacent, and versions are in order, the newest last. So the
        search goes backwards from where the last one ended, and once from the end again.
        Development releases may be among the files, because their text contains the version.
        """
        marker = f"-{version}".encode()
        texts = list[bytes]()
        position = self._find_last(marker, 0, self._search_end)
        if position < 0:
            position = self._find_last(marker, 0, self._list_end)
        while position >= 0:
            start, text = self._file_around(position)
            texts.append(text)
            previous = self._text.rfind(self._first_key, 0, start)
            position = self._text.find(marker, previous, start) if previous >= 0 else -1
            self._search_end = start
        return self._decode_files(version, texts[::-1])

    def all_files(self, version: str) -> list[File]:
        """Return all files of a version, in this spelling, and of others that contain it."""
        marker = f"-{version}".encode()
        texts, position = list[bytes](), self._find_last(marker, 0, self._list_end)
        while position >= 0:
            start, text = self._file_around(position)
            texts.append(text)
            position = self._find_last(marker, 0, start)
        return self._decode_files(version, texts[::-1])

    def _find_last(self, marker: bytes, start: int, end: int) -> int:
        """Return the last position of a version in a file name, not followed by more of it; -1."""
        position = self._text.rfind(marker, start, end)
        while position >= 0 and not self._text.startswith(_AFTER_VERSION, position + len(marker)):
            position = self._text.rfind(marker, start, position)
        self.searched_bytes += end - max(position, start)
        return position

    def _file_around(self, position: int) -> tuple[int, bytes]:
        """Return the start and the text of the file at a position."""
        start = max(self._text.rfind(self._first_key, 0, position), 0)
        end = self._text.find(self._first_key, position, self._list_end)
        return start, self._text[start : end if end >= 0 else self._list_end].rstrip(b" \t\r\n,]")

    def _decode_files(self, version: str, texts: list[bytes]) -> list[File]:
        if self._first_key:
            with suppress(ValueError):
                return [_decode(_FILE_DECODER, text) for text in texts]
        return [file for file in self.files if f"-{version}" in file.filename]


class _HtmlPage(Page):
    """The files of an HTML page, which are all parsed at once."""

    def __init__(self, files: list[File], status: ProjectStatus) -> None:
        super().__init__(msgspec.Raw(b"[]"))
        self.files = files
        self.status = status


def read(media_type: str, body: bytes) -> Page:
    """Parse a page of a media type; raise ValueError if it is no project page."""
    if media_type in HTML:
        return _HtmlPage(*_parse_html(body))
    if media_type not in (JSON, "application/json"):
        raise ValueError(f"unknown media type {media_type[:80]}")
    page = _decode(_PAGE_DECODER, body)
    if page.meta.api_version.partition(".")[0] != "1":
        raise ValueError(f"unknown api-version {page.meta.api_version[:20]}")
    if bytes(memoryview(page.files)[:1]) != b"[":
        raise ValueError("it has no list of files")
    parsed = Page(page.files, body, _decode(_VERSIONS_DECODER, _bounded(page.versions)))
    parsed.status = _read_status(bytes(page.project_status))
    return parsed


def _read_status(text: bytes) -> ProjectStatus:
    """Return the status of a page (PEP 792); one of another shape counts as active."""
    with suppress(ValueError):
        value = _decode(_ANY_DECODER, text[:_MAX_STATUS_BYTES])
        if isinstance(value, dict):
            return project_status(value.get("status"), value.get("reason"))
        return project_status(value)
    return ACTIVE


def _bounded(text: bytes | msgspec.Raw) -> bytes:
    """Return the text of a list; raise ValueError if it would take too much memory."""
    text = bytes(text)
    if len(text) > _MAX_UNCHECKED_BYTES and text.count(b",") > _MAX_COMMAS:
        raise ValueError("it has too many parts")
    return text


def spelled_version(filename: str) -> str | None:
    """Return the version part of a file name, unparsed; None if it has none."""
    if filename.endswith(".whl"):
        # The parts of a wheel's name are separated by "-" and contain none (PEP 427).
        parts = filename.split("-", 2)
        return parts[1] if len(parts) == 3 else None
    if filename.endswith(SDISTS):
        stem = filename[: -7 if filename.endswith(".tar.gz") else -4]
        return stem.rpartition("-")[2]
    return None


def _parse_html(body: bytes) -> tuple[list[File], ProjectStatus]:
    parser = _AnchorParser()
    try:
        parser.feed(body.decode("utf-8", "replace"))
        parser.close()
    except AssertionError as error:  # the parser raises it for some declarations
        raise ValueError(str(error)) from error
    version = parser.api_version
    has_files = any(spelled_version(file.filename) for file in parser.files)
    if version is None and not (has_files or parser.is_page or parser.is_empty or not body.strip()):
        raise ValueError("it is not the HTML page of a project")
    if version is not None and version.partition(".")[0] != "1":
        raise ValueError(f"unknown api-version {version[:20]}")
    return parser.files, project_status(parser.status, parser.status_reason)


def _yanked_json(attributes: dict[str, str | None]) -> bytes:
    """Return the mark of a yanked file as the JSON API gives it: the reason, or true."""
    if "data-yanked" not in attributes:
        return b"false"
    reason = attributes["data-yanked"]
    return msgspec.json.encode(reason) if reason else b"true"


class _AnchorParser(HTMLParser):
    """Collects the links of a PEP 503 page; the file name is the last part of a URL's path."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.files: list[File] = []
        self.api_version: str | None = None
        self.status: str | None = None
        self.status_reason: str | None = None
        self.is_page = False
        self._has_content = False
        self._is_complete = False
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "meta" and attributes.get("name") == "pypi:repository-version":
            self.api_version = attributes.get("content") or ""
        elif tag == "meta" and attributes.get("name") == "pypi:project-status":
            self.status = attributes.get("content")
        elif tag == "meta" and attributes.get("name") == "pypi:project-status-reason":
            self.status_reason = attributes.get("content")
        elif tag == "title":
            self._in_title = True
        elif tag == "a" and attributes.get("href"):
            self._add_file(str(attributes["href"]), attributes)
        if tag not in _FRAME_TAGS:
            self._has_content = True

    def handle_endtag(self, tag: str) -> None:
        self._is_complete |= tag == "html"

    @property
    def is_empty(self) -> bool:
        """Whether the page is complete and has neither text nor links."""
        return self._is_complete and not self._has_content

    def handle_data(self, data: str) -> None:
        if data.strip():
            self._has_content = True
        if self._in_title:  # a captive portal has another title
            self.is_page = _PAGE_TITLE.match(data.strip().lower()) is not None
            self._in_title = False

    def _add_file(self, href: str, attributes: dict[str, str | None]) -> None:
        address = urlsplit(href)
        hash_match = _HASH.search(address.fragment)
        self.files.append(
            File(
                filename=unquote(address.path.rpartition("/")[2]),
                hashes=Hashes(hash_match[1] if hash_match else ""),
                requires_python=attributes.get("data-requires-python"),
                yanked=msgspec.Raw(_yanked_json(attributes)),
                provenance=msgspec.Raw(msgspec.json.encode(attributes.get("data-provenance"))),
            )
        )
