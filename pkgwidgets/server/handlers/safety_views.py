"""The routes of the panel's advisories and holds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.names import checked_name
from pkgwidgets.core.plans import Plan
from pkgwidgets.operations import holds
from pkgwidgets.server import progress, request_body, view_lists
from pkgwidgets.server.base_handler import requires_execute, requires_read
from pkgwidgets.server.threads import run_in_thread

from .views import ViewHandler


class HoldHandler(ViewHandler):
    """`PUT views/holds/{name}`: hold a package; `DELETE` removes a hold."""

    @requires_execute
    async def put(self, name: str) -> None:
        """Answer when the package is held."""
        fields = self.fields("versions", "reason", "until")
        versions, reason, until = (
            request_body.text_field(fields, field) for field in ("versions", "reason", "until")
        )
        await self._apply(
            partial(
                holds.plan_hold,
                name=checked_name(name),
                versions=versions,
                reason=reason or "",
                until=until,
                by=self.user,
            )
        )

    @requires_execute
    async def delete(self, name: str) -> None:
        """Answer when the hold is removed."""
        versions = request_body.text_field(self.fields("versions"), "versions")
        await self._apply(partial(holds.plan_unhold, name=checked_name(name), versions=versions))

    async def _apply(self, plan_change: Callable[[Backend], Plan]) -> None:
        backend = await self.backend()
        plan = await run_in_thread(partial(plan_change, backend))
        try:
            await progress.apply_and_wait(backend, plan, wait=True, requested_by=self.user)
        except progress.TransactionFailed as failure:
            return await self.write_failure(failure.error)
        await self.write_success()


class AdvisoriesHandler(ViewHandler):
    """`GET views/advisories`: what the rows show of advisories."""

    @requires_read
    async def get(self) -> None:
        """Answer the marks; without configured sources there is none."""
        await self.answer(view_lists.advisory_list)


ROUTES: dict[str, type[ViewHandler]] = {
    "views/holds/{name}": HoldHandler,
    "views/advisories": AdvisoriesHandler,
}
"""More routes below `pkgwidgets/` that only the panel uses."""
