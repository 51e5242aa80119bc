"""Read `direct_url.json`: where a distribution came from that is not of an index (PEP 610)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from .lock import LockedSource
from .redaction import without_credentials

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def parse_direct_url(text: str | bytes) -> LockedSource | None:
    """Return the source that the text of a `direct_url.json` names; None if it cannot be read.

    >>> parse_direct_url('{"url": "file:///src/pea", "dir_info": {"editable": true}}').editable
    True
    """
    try:
        facts = json.loads(text)
        url = without_credentials(_text(facts, "url"))
    except (ValueError, RecursionError, AttributeError):
        return None
    if not url:
        return None
    subdirectory = _text(facts, "subdirectory")
    if isinstance(vcs := facts.get("vcs_info"), dict):
        return LockedSource(
            kind="vcs",
            url=url,
            vcs=_text(vcs, "vcs"),
            commit=_text(vcs, "commit_id"),
            requested_revision=_text(vcs, "requested_revision"),
            subdirectory=subdirectory,
        )
    if isinstance(folder := facts.get("dir_info"), dict):
        return LockedSource(
            kind="directory",
            url=url,
            editable=folder.get("editable") is True,
            subdirectory=subdirectory,
        )
    return LockedSource(
        kind="archive",
        url=url,
        sha256=_sha256(facts.get("archive_info")),
        subdirectory=subdirectory,
    )


def _sha256(info: object) -> str:
    """Return the hash of an archive: of `hashes`, else of the older `hash`."""
    if not isinstance(info, dict):
        return ""
    hashes = info.get("hashes")
    old = _text(info, "hash").removeprefix("sha256=")
    digest = _text(hashes, "sha256") if isinstance(hashes, dict) else old
    return digest if _SHA256.fullmatch(digest) else ""


def _text(facts: Mapping[str, Any], key: str) -> str:
    value = facts.get(key)
    return value if isinstance(value, str) else ""
