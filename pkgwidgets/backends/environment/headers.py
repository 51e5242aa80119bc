"""The headers of METADATA and PKG-INFO (core metadata: the headers of an e-mail)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TypedDict

from packaging.version import InvalidVersion, Version

from pkgwidgets.core.names import is_name
from pkgwidgets.core.text import escape_hidden

_MAX_HEAD_BYTES = 4 << 20
"""Longer than the headers of any METADATA file."""
_BLOCK_BYTES = 8 << 10
"""Longer than most headers; the description that follows them is longer still, and not read."""
_END = b"\n\n"
"""What ends the headers, whatever ends the lines."""
_FIELDS = frozenset(
    (
        *("name", "version", "summary", "requires-dist", "project-url", "home-page"),
        *("license-expression", "license", "classifier"),
    )
)
_LICENSE_CLASSIFIER = "License :: "
_MAX_LICENSE_CHARACTERS = 100
"""Characters of a licence; the old field often has the whole text of the licence instead."""
_MAX_SUMMARY_CHARACTERS = 512
_MAX_LINKS = 20
_WEB_SCHEMES = ("http://", "https://")
Headers = Mapping[str, list[str]]
"""The values of each field that is read, by its name in lower case."""


class HeadersError(ValueError):
    """Headers without a valid name or version; the requirements among them can be read."""

    def __init__(self, reason: str, requires: tuple[str, ...]) -> None:
        super().__init__(reason)
        self.requires = requires


class Description(TypedDict):
    """What the metadata of every kind of installation says."""

    name: str
    version: Version
    summary: str
    links: tuple[tuple[str, str], ...]
    license: str


def describe(headers: Headers, file: str) -> Description:
    """Return the fields that a `Distribution` has of every kind of metadata.

    Raises `HeadersError` if the name or the version is missing or invalid.
    """
    name, text = (headers.get(field, [""])[0] for field in ("name", "version"))
    requires = tuple(headers.get("requires-dist", ()))
    if not is_name(name):
        raise HeadersError(f"{file} has no valid project name", requires)
    try:
        version = Version(text)
    except InvalidVersion:
        reason = f"its version {text[:80]!a} is invalid (PEP 440)"
        raise HeadersError(reason, requires) from None
    return {
        "name": name,
        "version": version,
        "summary": escape_hidden(headers.get("summary", [""])[0][:_MAX_SUMMARY_CHARACTERS]),
        "links": _project_links(headers),
        "license": escape_hidden(_license(headers)),
    }


def read(file: str) -> Headers:
    """Read the headers of a file; raises `OSError` if it cannot be read."""
    with open(file, "rb", buffering=0) as opened:  # noqa: PTH123
        raw = block = opened.read(_BLOCK_BYTES)
        while block and len(raw) < _MAX_HEAD_BYTES and _END not in _with_plain_ends(raw):
            block = opened.read(len(raw))
            raw += block
        return parse(raw)


def parse(raw: bytes) -> Headers:
    """Read the headers of a METADATA file (core metadata: e-mail headers), not the description."""
    head = _with_plain_ends(raw).partition(_END)[0].decode("utf-8", "replace")
    headers: dict[str, list[str]] = {}
    for line in head.replace("\n ", " ").replace("\n\t", " ").split("\n"):
        field, colon, value = line.partition(":")
        if colon and (name := _field_name(field)) in _FIELDS:
            headers.setdefault(name, []).append(value.strip())
    return headers


@lru_cache(maxsize=256)
def _field_name(field: str) -> str:
    """Return the name of a field; cached, because all files spell them alike."""
    return field.strip().lower()


def _with_plain_ends(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n") if b"\r\n" in raw else raw


def _license(headers: Headers) -> str:
    """Return the licence: an SPDX expression (PEP 639), else classifiers, else the old field."""
    classifiers = (
        text.rpartition(" :: ")[2]
        for text in headers.get("classifier", ())
        if text.startswith(_LICENSE_CLASSIFIER) and text != "License :: OSI Approved"
    )
    candidates = (
        headers.get("license-expression", [""])[0],
        ", ".join(dict.fromkeys(classifiers)),
        headers.get("license", [""])[0],
    )
    return next((text for text in candidates if 0 < len(text) <= _MAX_LICENSE_CHARACTERS), "")


def _project_links(headers: Headers) -> tuple[tuple[str, str], ...]:
    """Return the web pages of `Project-URL: label, address` and the older `Home-page`."""
    pairs = [line.rpartition(",") for line in headers.get("project-url", ())]
    pairs += [("Home", ",", address) for address in headers.get("home-page", ())]
    links = {
        address.strip()[:_MAX_SUMMARY_CHARACTERS]: escape_hidden(label.strip()[:40])
        for label, _, address in pairs[:_MAX_LINKS]
        if address.strip().lower().startswith(_WEB_SCHEMES)
    }
    return tuple((label, address) for address, label in links.items())
