"""The routes of copies: list them, make one, remove one."""

from __future__ import annotations

import re
from functools import partial

from pkgwidgets.core.copies import checked_copy_name
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.operations import copying
from pkgwidgets.presentation import payloads
from pkgwidgets.server import request_body
from pkgwidgets.server.base_handler import BaseHandler, requires_execute, requires_read
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
        """Answer the plan of a copy, and what was made of it; with `plan_only`, nothing is made."""
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
        made = None
        if not plan_only:
            made = await run_in_thread(partial(copying.copy_environment, backend, plan))
        await self.write_success(
            copy_plan=payloads.copy_plan(plan),
            environment=None if made is None else payloads.environment_copy(made),
        )


class CopyHandler(BaseHandler):
    """`DELETE environments/{name}`: remove a copy."""

    @requires_execute
    async def delete(self, name: str) -> None:
        """Answer what was removed."""
        self.fields()
        checked_copy_name(name)
        backend = await self.backend()
        removed = await run_in_thread(partial(copying.remove_copy, backend, name))
        await self.write_success(environment=payloads.environment_copy(removed))
