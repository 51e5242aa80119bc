"""The routes of advisories: audit, and agree to sources."""

from __future__ import annotations

from functools import partial

from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.operations import audit
from pkgwidgets.presentation import audit_text
from pkgwidgets.server import request_body
from pkgwidgets.server.base_handler import BaseHandler, requires_execute, requires_read
from pkgwidgets.server.threads import run_in_thread


class AdvisoriesHandler(BaseHandler):
    """`GET advisories`: the known vulnerabilities of what is installed."""

    arguments = frozenset({"name"})

    @requires_read
    async def get(self) -> None:
        """Answer a row per vulnerability, and one per package about which something is unknown."""
        name = self.query_argument("name")
        backend = await self.backend()
        sources = await run_in_thread(lambda: backend.advisories().sources())
        found = await run_in_thread(partial(audit.audit, backend, sources, name))
        rows = await run_in_thread(lambda: [audit_text.payload(row) for row in found.rows])
        await self.write_success(advisories=rows, checked=found.checked)


class AdvisorySourcesHandler(BaseHandler):
    """`PUT advisories/sources`: remember sources, to which the user has agreed."""

    @requires_execute
    async def put(self) -> None:
        """Remember the sources for the user of this server."""
        fields = self.fields("sources")
        if "sources" not in fields:
            raise InvalidRequest("body", None, "the body needs the field sources")
        sources = request_body.text_list_field(fields, "sources")
        backend = await self.backend()
        await run_in_thread(lambda: backend.advisories().agree(sources))
        await self.write_success(sources=list(sources))
