"""The routes of the side bar's line about the lock of an open notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.lock import Export
from pkgwidgets.core.text import count_noun
from pkgwidgets.operations import embedding, restore
from pkgwidgets.server import request_body
from pkgwidgets.server.base_handler import requires_read

from .views import ViewHandler


class NotebookLockHandler(ViewHandler):
    """`GET views/lock`: the lock to save into the open notebook."""

    @requires_read
    async def get(self) -> None:
        """Answer the lock as the metadata holds it, and what it lacks."""
        await self.answer(_lock)


class NotebookDriftHandler(ViewHandler):
    """`POST views/drift`: what differs from the lock of the open notebook, in a sentence."""

    @requires_read
    async def post(self) -> None:
        """Answer the sentence; "" if nothing differs."""
        text = request_body.text_field(self.fields("text"), "text")
        if text is None:
            raise InvalidRequest("body", None, "the body needs the field text")
        lock = Export(file_name="", text=text)
        await self.answer(lambda backend: _drift(backend, lock))


def _lock(backend: Backend) -> Mapping[str, Any]:
    lock, notes = embedding.notebook_lock(backend)
    return {"lock": lock, "notes": list(notes)}


def _drift(backend: Backend, lock: Export) -> Mapping[str, Any]:
    found = restore.drift(backend, lock)
    if not found.differing:
        return {"text": ""}
    packages = count_noun(found.locked, "package")
    verb = "differs" if found.differing == 1 else "differ"
    text = f"{found.differing} of {packages} {verb} from those this notebook was saved with."
    return {"text": text}


ROUTES: dict[str, type[ViewHandler]] = {
    "views/lock": NotebookLockHandler,
    "views/drift": NotebookDriftHandler,
}
"""Routes below `pkgwidgets/` that only the side bar uses."""
