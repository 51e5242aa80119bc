"""What an index says: project pages as JSON and as HTML, and which of the two a client prefers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC
from html import escape
from typing import Any
from urllib.parse import quote

from packaging.version import Version

from .wheel_builder import BuiltWheel

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html"
_OFFERED = (JSON, "application/vnd.pypi.simple.v1+html", HTML)
"""Best first: what is sent where the client does not care."""

_API = "1.1"


def preferred(accept: str) -> str | None:
    """Return the content type to answer with (RFC 9110 §12.5.1, PEP 691), None if none will do."""
    ranges = dict(map(_weighted, accept.split(",")))

    def weight(offered: str) -> float:
        family = offered.partition("/")[0] + "/*"
        return next((ranges[r] for r in (offered, family, "*/*") if r in ranges), 0.0)

    best = max(_OFFERED, key=weight)
    return best if weight(best) > 0 else None


def _weighted(text: str) -> tuple[str, float]:
    kind, *parameters = (part.strip().lower() for part in text.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return kind, float(parameter[2:])
            except ValueError:
                return kind, 0.0
    return kind, 1.0


def projects_json(ids: Iterable[str]) -> str:
    """Return the page that lists all projects (PEP 691)."""
    return json.dumps({"meta": {"api-version": _API}, "projects": [{"name": name} for name in ids]})


def projects_html(ids: Iterable[str]) -> str:
    """Return the page that lists all projects (PEP 503)."""
    return _html("Simple index", (f'<a href="{name}/">{name}</a>' for name in ids))


def project_json(name: str, wheels: Sequence[BuiltWheel]) -> str:
    """Return the page of one project (PEP 691, 592, 700, 714)."""
    versions = sorted({wheel.version for wheel in wheels}, key=Version)
    return json.dumps(
        {
            "meta": {"api-version": _API},
            "name": name,
            "versions": versions,
            "files": [_file(wheel) for wheel in wheels],
        }
    )


def project_html(name: str, wheels: Sequence[BuiltWheel]) -> str:
    """Return the page of one project (PEP 503, 592, 714)."""
    return _html(f"Links for {name}", map(_anchor, wheels))


def file_url(wheel: BuiltWheel) -> str:
    """Return the path of its file on the server; a `+` or a `!` in a version must be quoted.

    It names the content, too: clients keep a file for ever, and the next index may listen here.
    """
    return f"/files/{wheel.sha256[:32]}/{quote(wheel.filename)}"


def _file(wheel: BuiltWheel) -> dict[str, Any]:
    metadata = {"sha256": wheel.metadata_sha256}
    described = {
        "filename": wheel.filename,
        "url": file_url(wheel),
        "hashes": {"sha256": wheel.sha256} if wheel.is_hash_listed else {},
        "size": len(wheel.data),
        "upload-time": wheel.uploaded.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "yanked": False if wheel.yanked is None else wheel.yanked or True,
        "core-metadata": metadata,
        "dist-info-metadata": metadata,  # the key that clients from before PEP 714 know
    }
    if wheel.requires_python is not None:
        described["requires-python"] = wheel.requires_python
    return described


def _anchor(wheel: BuiltWheel) -> str:
    attributes = {
        "href": file_url(wheel) + (f"#sha256={wheel.sha256}" if wheel.is_hash_listed else ""),
        "data-requires-python": wheel.requires_python,
        "data-yanked": wheel.yanked,
        "data-core-metadata": f"sha256={wheel.metadata_sha256}",
    }
    written = " ".join(f'{k}="{escape(v)}"' for k, v in attributes.items() if v is not None)
    return f"<a {written}>{escape(wheel.filename)}</a>"


def _html(title: str, links: Iterable[str]) -> str:
    meta = f'<meta charset="utf-8"><meta name="pypi:repository-version" content="{_API}">'
    head = f"<head>{meta}<title>{escape(title)}</title></head>"
    body = "".join(f"{link}<br>\n" for link in links)
    return f"<!DOCTYPE html>\n<html>{head}\n<body>\n{body}</body></html>\n"
