"""The pages of an index, as JSON and as HTML, and which of the two a client prefers."""

from __future__ import annotations

import base64
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
_CONTENT_TYPES = (JSON, "application/vnd.pypi.simple.v1+html", HTML)
"""The content types that are served, in the order of preference if the client has none."""

_API_VERSION = "1.4"


def preferred_content_type(accept: str) -> str | None:
    """Return the content type for an `Accept` header (RFC 9110 §12.5.1, PEP 691), or None."""
    qualities = dict(map(_parse_media_range, accept.split(",")))

    def quality(content_type: str) -> float:
        family = content_type.partition("/")[0] + "/*"
        return next((qualities[r] for r in (content_type, family, "*/*") if r in qualities), 0.0)

    best = max(_CONTENT_TYPES, key=quality)
    return best if quality(best) > 0 else None


def _parse_media_range(media_range: str) -> tuple[str, float]:
    content_type, *parameters = (part.strip().lower() for part in media_range.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return content_type, float(parameter[2:])
            except ValueError:
                return content_type, 0.0
    return content_type, 1.0


def projects_json(names: Iterable[str]) -> str:
    """Return the page that lists all projects (PEP 691)."""
    return json.dumps(
        {"meta": {"api-version": _API_VERSION}, "projects": [{"name": name} for name in names]}
    )


def projects_html(names: Iterable[str]) -> str:
    """Return the page that lists all projects (PEP 503)."""
    return _html_page("Simple index", (f'<a href="{name}/">{name}</a>' for name in names))


ProjectStatus = tuple[str, str]
"""The status of a project and the reason (PEP 792); ("", "") is active."""


def project_json(
    name: str, wheels: Sequence[BuiltWheel], status: ProjectStatus = ("", ""), base: str = ""
) -> str:
    """Return the page of one project (PEP 691, 592, 700, 714, 740, 792).

    `base` is the address of the server: that of a provenance object is absolute.
    """
    versions = sorted({wheel.version for wheel in wheels}, key=Version)
    return json.dumps(
        {
            "meta": {"api-version": _API_VERSION},
            **_status_json(*status),
            "name": name,
            "versions": versions,
            "files": [_file_json(wheel, base) for wheel in wheels],
        }
    )


def _status_json(status: str, reason: str) -> dict[str, Any]:
    texts = {"status": status, **({"reason": reason} if reason else {})}
    return {"project-status": texts} if status else {}


def project_html(
    name: str, wheels: Sequence[BuiltWheel], status: ProjectStatus = ("", ""), base: str = ""
) -> str:
    """Return the page of one project (PEP 503, 592, 714, 740, 792)."""
    names = ("pypi:project-status", "pypi:project-status-reason")
    metas = (
        f'<meta name="{meta}" content="{escape(text)}">'
        for meta, text in zip(names, status, strict=True)
        if text
    )
    anchors = (_file_anchor(wheel, base) for wheel in wheels)
    return _html_page(f"Links for {name}", anchors, "".join(metas))


def file_url(wheel: BuiltWheel) -> str:
    """Return the path of a wheel's file on the server; a `+` or `!` in a version is quoted.

    It includes a hash, because clients cache files for ever and another index may get this port.
    """
    return f"/files/{wheel.sha256[:32]}/{quote(wheel.filename)}"


def provenance_url(wheel: BuiltWheel) -> str:
    """Return the path of the provenance object of a wheel, in the form that PyPI uses."""
    version, filename = quote(wheel.version), quote(wheel.filename)
    return f"/integrity/{wheel.id}/{version}/{filename}/provenance"


def provenance_json(wheel: BuiltWheel) -> str:
    """Return the provenance object of a wheel (PEP 740), with a made-up attestation."""
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": wheel.filename, "digest": {"sha256": wheel.sha256}}],
        "predicateType": "https://docs.pypi.org/attestations/publish/v1",
        "predicate": None,
    }
    made_up = base64.b64encode(b"made up").decode()
    attestation = {
        "version": 1,
        "verification_material": {"certificate": made_up, "transparency_entries": []},
        "envelope": {
            "statement": base64.b64encode(json.dumps(statement).encode()).decode(),
            "signature": made_up,
        },
    }
    publisher = {
        "kind": "GitHub",
        "claims": None,
        "repository": wheel.publisher,
        "workflow": "release.yml",
        "environment": None,
    }
    bundle = {"publisher": publisher, "attestations": [attestation]}
    return json.dumps({"version": 1, "attestation_bundles": [bundle]})


def _file_json(wheel: BuiltWheel, base: str) -> dict[str, Any]:
    metadata = {"sha256": wheel.metadata_sha256}
    file = {
        "filename": wheel.filename,
        "url": file_url(wheel),
        "hashes": {"sha256": wheel.sha256} if wheel.is_hash_listed else {},
        "size": len(wheel.data),
        "upload-time": wheel.uploaded.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "yanked": False if wheel.yanked is None else wheel.yanked or True,
        "core-metadata": metadata,
        "dist-info-metadata": metadata,  # the key that clients before PEP 714 read
    }
    if wheel.publisher:
        file["provenance"] = base + provenance_url(wheel)
    if wheel.requires_python is not None:
        file["requires-python"] = wheel.requires_python
    return file


def _file_anchor(wheel: BuiltWheel, base: str) -> str:
    attributes = {
        "href": file_url(wheel) + (f"#sha256={wheel.sha256}" if wheel.is_hash_listed else ""),
        "data-requires-python": wheel.requires_python,
        "data-yanked": wheel.yanked,
        "data-core-metadata": f"sha256={wheel.metadata_sha256}",
        "data-provenance": base + provenance_url(wheel) if wheel.publisher else None,
    }
    text = " ".join(
        f'{name}="{escape(value)}"' for name, value in attributes.items() if value is not None
    )
    return f"<a {text}>{escape(wheel.filename)}</a>"


def _html_page(title: str, links: Iterable[str], metas: str = "") -> str:
    meta = f'<meta charset="utf-8"><meta name="pypi:repository-version" content="{_API_VERSION}">'
    meta += metas
    head = f"<head>{meta}<title>{escape(title)}</title></head>"
    body = "".join(f"{link}<br>\n" for link in links)
    return f"<!DOCTYPE html>\n<html>{head}\n<body>\n{body}</body></html>\n"
