"""The routes of copies: list them, make one and follow that, remove one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_server.utils import url_path_join

from pkgwidgets.core.copies import EnvironmentCopy, RunningProgram, checked_copy_name
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.operations import copying
from pkgwidgets.presentation import payloads
from pkgwidgets.server import copy_runs, request_body
from pkgwidgets.server.base_handler import BaseHandler, requires_execute, requires_read
from pkgwidgets.server.payloads import event
from pkgwidgets.server.threads import run_in_thread

_VERSION = re.compile(r"3\.\d{1,2}(\.\d{1,2})?")


class CopiesHandler(BaseHandler):
    """`GET environments`: the copies; `POST` makes one, or plans it."""

    @requires_read
    async def get(self) -> None:
        """Answer the copies of the user of this server."""
        backend = await self.backend()
        rows = await run_in_thread(partial(copying.list_copies, backend))
        await self.write_success(environments=[payloads.environment_copy(row) for row in rows])

    @requires_execute
    async def post(self) -> None:
        """Answer the plan of a copy, and what was made of it; with `plan_only`, nothing is made.

        For `Prefer: respond-async`, answer at once with the operation.
        """
        fields = self.fields("name", "python", "only", "plan_only")
        name = checked_copy_name(fields.get("name"))
        python = request_body.text_field(fields, "python")
        if python is not None and not _VERSION.fullmatch(python):
            raise InvalidRequest("python", python, "give a version, such as 3.12")
        plan_only = fields.get("plan_only", False)
        if not isinstance(plan_only, bool):
            raise InvalidRequest("plan_only", plan_only, "use true or false")
        backend = await self.backend()
        plan = await run_in_thread(
            partial(copying.plan_copy, backend, name, python=python, only=fields.get("only"))
        )
        planned = payloads.copy_plan(plan)
        if plan_only:
            return await self.write_success(copy_plan=planned, environment=None)
        run = self.context.copies.start(backend, plan)
        if self.responds_async:
            return await self._accept(run)
        await run_in_thread(run.wait)
        if run.error is not None:
            return await self.write_failure(run.error)
        made = None if run.copy is None else payloads.environment_copy(run.copy)
        await self.write_success(copy_plan=planned, environment=made)

    async def _accept(self, run: copy_runs.CopyRun) -> None:
        self.set_status(202)
        self.set_header(
            "Location", url_path_join(self.base_url, "pkgwidgets", "operations", run.id)
        )
        self.set_header("Preference-Applied", "respond-async")
        await self.write_success(operation=copy_runs.operation(run, self.face))


class CopyHandler(BaseHandler):
    """`GET environments/{name}`: a copy, and what runs in it; `DELETE` removes it."""

    shutdown_seconds = 10.0
    """How long a kernel that was shut down may take to end; Jupyter then kills it."""

    @requires_read
    async def get(self, name: str) -> None:
        """Answer a copy and the programs that run in it, with the notebooks of the kernels."""
        backend = await self.backend()
        found, programs = await run_in_thread(partial(copying.running_in_copy, backend, name))
        notebooks = await self.context.environments.notebooks()
        running = [_running_json(program, notebooks) for program in programs]
        await self.write_success(environment=payloads.environment_copy(found), running=running)

    @requires_execute
    async def delete(self, name: str) -> None:
        """Answer what was removed."""
        self.fields()
        checked_copy_name(name)
        backend = await self.backend()
        environments = self.context.environments

        def remove() -> EnvironmentCopy:
            # The panel in the copy removes it when its own kernel has just been shut down.
            return copying.remove_copy(
                backend,
                name,
                patience_seconds=self.shutdown_seconds,
                may_end=lambda program: environments.is_shutting_down(program.connection_file),
            )

        removed = await run_in_thread(remove)
        await self.write_success(environment=payloads.environment_copy(removed))


def _running_json(
    program: RunningProgram, notebooks: Mapping[str, tuple[str, ...]]
) -> dict[str, Any]:
    """Return a program as JSON; `kernel` is its id in this server, "" for any other program."""
    file = Path(program.connection_file).name
    kernel = next((kernel for kernel in notebooks if file == f"kernel-{kernel}.json"), "")
    return {
        "process": program.process,
        "name": program.name,
        "kernel": kernel,
        "notebooks": list(notebooks.get(kernel, ())),
    }


class OperationHandler(BaseHandler):
    """`GET operations/{id}`: a copy that is being made; `DELETE` cancels it."""

    @requires_read
    async def get(self, operation_id: str) -> None:
        """Answer the operation as it is now, or a stream of events until it has ended."""
        run = self.context.copies.get(operation_id)
        if self.wants_stream:
            messages = copy_runs.stream(run, self.face, self.last_event)
            return await self.write_stream(messages, f"the copy {run.plan.name}")
        events = [event(entry) for entry in run.events]
        await self.write_success(operation=copy_runs.operation(run, self.face), events=events)

    @requires_execute
    async def delete(self, operation_id: str) -> None:
        """Request its end, and answer before that; a copy that is made stays."""
        self.fields()
        run = self.context.copies.get(operation_id)
        run.cancel()
        self.set_status(202)
        self.set_header("Location", self.request.path)
        await self.write_success(operation=copy_runs.operation(run, self.face))
