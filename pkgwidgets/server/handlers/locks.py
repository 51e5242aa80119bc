"""The routes of locks."""

from __future__ import annotations

from functools import partial

from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.lock import PYLOCK, Export
from pkgwidgets.operations import restore
from pkgwidgets.operations.export import export
from pkgwidgets.presentation import payloads
from pkgwidgets.server import request_body
from pkgwidgets.server.base_handler import BaseHandler, requires_read
from pkgwidgets.server.threads import run_in_thread


class DriftHandler(BaseHandler):
    """`POST drift`: what differs from a lock, which is sent as text."""

    @requires_read
    async def post(self) -> None:
        """Answer the packages that differ."""
        text = request_body.text_field(self.fields("text"), "text")
        if text is None:
            raise InvalidRequest("body", None, "the body needs the field text")
        backend = await self.backend()
        lock = Export(file_name="", text=text)
        found = await run_in_thread(partial(restore.drift, backend, lock))
        await self.write_success(**payloads.drift(found))


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
