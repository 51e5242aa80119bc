"""The routes of holds: list what limits versions, hold a package, and release it."""

from __future__ import annotations

from functools import partial

from pkgwidgets.core.names import checked_name
from pkgwidgets.core.policy import MinimumAge
from pkgwidgets.operations import holds
from pkgwidgets.presentation import payloads
from pkgwidgets.server import request_body
from pkgwidgets.server.base_handler import BaseHandler, requires_execute, requires_read
from pkgwidgets.server.threads import run_in_thread

from .changes import ApplyingHandler


class HoldsHandler(BaseHandler):
    """`GET holds`: what limits versions, and the minimum age of releases."""

    @requires_read
    async def get(self) -> None:
        """Answer a row per limit; the settings of uv and pip are among them."""
        backend = await self.backend()
        listed = await run_in_thread(partial(holds.list_holds, backend))
        policy = await run_in_thread(backend.policy.policy)
        await self.write_success(
            holds=[payloads.hold(hold) for hold in listed],
            minimum_age=_minimum_age(policy.minimum_age),
        )


class HoldHandler(ApplyingHandler):
    """`PUT holds/{name}`: hold a package; `DELETE` removes its holds."""

    @requires_execute
    async def put(self, name: str) -> None:
        """Answer the transaction that set the hold."""
        normalized_name, fields = checked_name(name), self.fields("versions", "reason", "until")
        versions, reason, until = (
            request_body.text_field(fields, field) for field in ("versions", "reason", "until")
        )
        backend = await self.backend()
        plan = await run_in_thread(
            partial(
                holds.plan_hold,
                backend,
                normalized_name,
                versions,
                reason=reason or "",
                until=until,
                by=self.user,
            )
        )
        await self.apply_plan(backend, plan)

    @requires_execute
    async def delete(self, name: str) -> None:
        """Answer the transaction that removed the holds."""
        normalized_name = checked_name(name)
        versions = request_body.text_field(self.fields("versions"), "versions")
        backend = await self.backend()
        plan = await run_in_thread(partial(holds.plan_unhold, backend, normalized_name, versions))
        await self.apply_plan(backend, plan)


def _minimum_age(minimum: MinimumAge) -> dict[str, object]:
    """Return the ages in seconds; an exception of 0 means that any age is enough."""
    return {
        "seconds": minimum.age.total_seconds(),
        "packages": {name: age.total_seconds() for name, age in minimum.packages.items()},
        "indexes": {index: age.total_seconds() for index, age in minimum.indexes.items()},
    }
