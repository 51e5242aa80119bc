"""The routes of the form that makes a copy, and of the mark of a copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from pkgwidgets.core.copies import checked_copy_name, known_kernel_name
from pkgwidgets.core.errors import Cancelled, InvalidRequest
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.operations import copying
from pkgwidgets.presentation import copy_payload
from pkgwidgets.presentation.hints import Face, render
from pkgwidgets.server import request_body
from pkgwidgets.server.base_handler import requires_execute, requires_read
from pkgwidgets.server.copy_runs import CopyRun
from pkgwidgets.server.threads import run_in_thread

from .views import ViewHandler


class OwnCopyHandler(ViewHandler):
    """`GET views/copy`: a name for a new copy; `PUT` keeps the copy that the environment is."""

    @requires_read
    async def get(self) -> None:
        """Answer a name that is not taken."""
        await self.answer(lambda backend: {"name": copying.suggest_name(backend)})

    @requires_execute
    async def put(self) -> None:
        """Note that the copy stays."""
        if not request_body.flag_field(self.fields("kept"), "kept"):
            raise InvalidRequest("kept", None, "it can only be true")
        await self.answer(_keep)


class CopyPlansHandler(ViewHandler):
    """`POST views/copies`: plan a copy; makes nothing."""

    @requires_read
    async def post(self) -> None:
        """Answer the plan as the form shows it, and the id by which it can be made, once."""
        name = checked_copy_name(self.fields("name").get("name"))
        backend = await self.backend()
        plan = await run_in_thread(partial(copying.plan_copy, backend, name))
        plan_id = self.context.copies.keep(plan, self.owner(backend))
        await self.write_success(id=plan_id, plan=copy_payload.plan_fields(plan))


class CopyRunHandler(ViewHandler):
    """`POST views/copies/{id}`: make a copy; `GET` looks at it, `DELETE` cancels it."""

    @requires_execute
    async def post(self, plan_id: str) -> None:
        """Answer as soon as it has begun; `kernel` is that of the notebook that asks."""
        kernel = known_kernel_name(self.fields("kernel").get("kernel"))
        backend = await self.backend()
        plan = self.context.copies.take(plan_id, self.owner(backend))
        run = self.context.copies.start(backend, replace(plan, return_to=kernel))
        self.set_status(202)
        await self.write_success(id=run.id)

    @requires_read
    async def get(self, run_id: str) -> None:
        """Answer the last step, or what was made."""
        await self.write_success(**_run_fields(self.context.copies.get(run_id)))

    @requires_execute
    async def delete(self, run_id: str) -> None:
        """Request its end, and answer before that."""
        self.fields()
        self.context.copies.get(run_id).cancel()
        self.set_status(202)
        await self.write_success()


def _keep(backend: Backend) -> Mapping[str, Any]:
    copy = copying.find_own_copy(backend)
    if copy is None:
        raise InvalidRequest("environment", None, "it is no copy that pkgwidgets made")
    return copy_payload.mark_fields(copying.keep_copy(backend, copy.name))


def _run_fields(run: CopyRun) -> Mapping[str, Any]:
    error = ""
    if run.error is not None:
        is_cancelled = isinstance(run.error, Cancelled)
        error = copy_payload.CANCELLED_TEXT if is_cancelled else render(run.error, Face.PANEL)
    return {
        "running": run.state == "running",
        "text": run.text,
        "made": None if run.copy is None else copy_payload.made_fields(run.copy),
        "error": error,
    }


ROUTES: dict[str, type[ViewHandler]] = {
    "views/copy": OwnCopyHandler,
    "views/copies": CopyPlansHandler,
    "views/copies/{id}": CopyRunHandler,
}
"""Routes below `pkgwidgets/` that only the panel uses."""
