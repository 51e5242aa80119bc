"""The routes of locks."""

from __future__ import annotations

from functools import partial

from pkgwidgets.core.lock import PYLOCK
from pkgwidgets.operations.export import export
from pkgwidgets.presentation import payloads
from pkgwidgets.server.base_handler import BaseHandler, requires_read
from pkgwidgets.server.threads import run_in_thread


class ExportHandler(BaseHandler):
    """`GET export`: what is installed, as a lock."""

    arguments = frozenset({"format"})

    @requires_read
    async def get(self) -> None:
        """Answer the text of the lock, and what it lacks."""
        file_name = self.query_argument("format") or PYLOCK
        backend = await self.backend()
        exported = await run_in_thread(partial(export, backend, file_name))
        await self.write_success(export=payloads.export(exported))
