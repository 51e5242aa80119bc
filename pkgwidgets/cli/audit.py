"""The verb `audit`."""

from __future__ import annotations

import json
from importlib import metadata

from pkgwidgets.commands.grammar import Request
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.operations.audit import audit as run_audit
from pkgwidgets.presentation import audit_text

from .console import Console

FOUND = 4
_DONE = 0
_UNKNOWN = 1


def audit(backend: Backend, request: Request, console: Console) -> int:
    """List known vulnerabilities; sources that the user names are remembered."""
    settings = backend.advisories()
    if request.sources:
        settings.agree(request.sources)
    with console.reporting() as report:
        audited = run_audit(
            backend, settings.sources(request.sources), request.names or None, report=report
        )
    if request.sarif and not request.json:
        log = audit_text.sarif(audited, metadata.version("pkgwidgets"))
        console.show(json.dumps(log, indent=2))
    else:
        console.write_json(
            lambda: {"advisories": [audit_text.payload(row) for row in audited.rows]}
        )
        parts = [audit_text.table(audited)] if audited.rows else []
        console.show(*parts, audit_text.summary(audited))
    if audited.findings:
        return FOUND
    return _UNKNOWN if audited.unknown else _DONE
