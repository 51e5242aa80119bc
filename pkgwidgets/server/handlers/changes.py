"""The routes that plan and change: one class per route."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from jupyter_server.utils import url_path_join
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pkgwidgets.commands.plan_request import (
    ACTIONS,
    Action,
    BackendPlanner,
    PlanRequest,
    plan_for,
)
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.names import checked_name
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.operations import inventory
from pkgwidgets.server import error_status, plan_body, progress, request_body
from pkgwidgets.server.base_handler import BaseHandler, requires_execute, requires_read
from pkgwidgets.server.plan_store import Owner
from pkgwidgets.server.response_cache import JsonResponse
from pkgwidgets.server.threads import run_in_thread

from .reads import get_transaction

Say = Callable[[Transaction], Mapping[str, Any]]
"""What an answer says beside the transaction."""
Fits = Callable[[Plan], bool]
"""Whether a plan that was shown is about what the route changes."""


def _nothing(done: Transaction) -> Mapping[str, Any]:
    return {}


class PlansHandler(BaseHandler):
    """`POST plans`: what would be done; changes nothing."""

    @requires_read
    async def post(self) -> None:
        """Answer a plan, and the kernels that it concerns; its id carries it out, once."""
        request = plan_body.plan_request(self.fields(*ACTIONS, "version", "allow"))
        backend = await self.backend()
        plan = await run_in_thread(partial(plan_for, request, BackendPlanner(backend)))
        owner = Owner(user=self.user, prefix=backend.environment.interpreter.prefix)
        id = self.ground.plans.keep(plan, request.action, owner)
        kernels = await self.ground.environments.sharing(backend, plan)

        def made() -> JsonResponse:
            shown = {**error_status.plan(plan), "id": id, "digest": plan.id, "kernels": kernels}
            return JsonResponse.of({"plan": shown})

        await self.say(await run_in_thread(made))


class ApplyingHandler(BaseHandler):
    """What carries a plan out: one that was shown, or one that is made for it."""

    async def planned(
        self,
        backend: Backend,
        shown: str | None,
        request: PlanRequest,
        fits: Fits,
    ) -> Plan:
        """Return the plan that was shown, if its id is given, else make one."""
        if shown is None:
            return await run_in_thread(partial(plan_for, request, BackendPlanner(backend)))
        return self.shown(backend, shown, request.action, fits)

    def shown(self, backend: Backend, id: str, action: Action, fits: Fits) -> Plan:
        """Return a plan that was shown; raises `PlanNotFound` also for one about something else."""
        owner = Owner(user=self.user, prefix=backend.environment.interpreter.prefix)
        return self.ground.plans.take(id, action, owner, fits)

    async def carry_out(self, backend: Backend, plan: Plan, say: Say = _nothing) -> None:
        """Carry a plan out and answer when it is done, or at once to who prefers that.

        Source: RFC 7240 §4.1.
        """
        preferred = ",".join(self.request.headers.get_list("Prefer"))
        later = "respond-async" in [each.strip().lower() for each in preferred.split(",")]
        try:
            done = await progress.apply_and_wait(backend, plan, wait=not later)
        except progress.TransactionFailed as ended:
            failed = ended.transaction
            return await self.refuse(
                ended.raised, transaction=error_status.transaction(failed), **self.failed(failed)
            )
        if later and done.id:
            query = f"?{self.request.query}" if self.request.query else ""
            place = url_path_join(self.base_url, "pkgwidgets", "transactions", done.id)
            self.set_status(202)
            self.set_header("Location", place + query)
            self.set_header("Preference-Applied", "respond-async")
            return await self.answer(transaction=error_status.transaction(done))
        await self.say(
            await run_in_thread(
                lambda: JsonResponse.of(
                    {**say(done), "transaction": error_status.transaction(done)}
                )
            )
        )

    def failed(self, done: Transaction) -> Mapping[str, Any]:
        """Say what became of a transaction that was not committed."""
        return {}


class UpgradeHandler(ApplyingHandler):
    """`PUT packages/{name}/upgrade`: one package, to a version or as new as it can be."""

    @requires_execute
    async def put(self, name: str) -> None:
        """Answer the package as it is then."""
        id, fields = checked_name(name), self.fields("version", "allow", "plan")
        shown = request_body.text_field(fields, "plan")
        if shown is not None and len(fields) > 1:
            raise InvalidRequest("plan", shown, "a plan is carried out as it was shown")
        version, allow = (
            request_body.text_field(fields, "version"),
            request_body.text_field(fields, "allow"),
        )
        request = plan_body.upgrade((id,), version, allow)
        backend = await self.backend()
        plan = await self.planned(backend, shown, request, lambda plan: id in plan.requested)
        await self.carry_out(backend, plan, partial(_package, backend, id))


class UpgradeAllHandler(ApplyingHandler):
    """`PUT packages/upgrade-all`: everything, in one transaction."""

    @requires_execute
    async def put(self) -> None:
        """Answer a result per package, those that are held back with the reason."""
        shown = request_body.text_field(self.fields("plan"), "plan")
        backend = await self.backend()
        everything = plan_body.upgrade(None)
        plan = await self.planned(
            backend, shown, everything, lambda plan: plan.requested == ("everything",)
        )
        await self.carry_out(backend, plan, lambda done: {"results": error_status.results(done)})

    def failed(self, done: Transaction) -> Mapping[str, Any]:
        """Give each result, with the reason."""
        return {"results": error_status.results(done)}


class InstallHandler(ApplyingHandler):
    """`POST packages/install`: what a requirement names, or what a plan does that installs."""

    @requires_execute
    async def post(self) -> None:
        """Answer the package that was named, the first of several."""
        fields = self.fields("requirement", "allow", "plan")
        shown, asked = request_body.text_field(fields, "plan"), "requirement" in fields
        if (shown is not None) == asked or (shown is not None and len(fields) > 1):
            raise InvalidRequest("body", None, "give either a requirement or a plan")
        allow = request_body.text_field(fields, "allow")
        wanted = request_body.text_or_list_field(fields, "requirement") if asked else ()
        request = plan_body.install(wanted, allow) if asked else None
        backend = await self.backend()
        if request is not None:
            plan = await run_in_thread(partial(plan_for, request, BackendPlanner(backend)))
        else:
            plan = self.shown(backend, shown or "", "install", lambda plan: True)
        id = canonicalize_name(Requirement(plan.requested[0]).name)
        await self.carry_out(backend, plan, partial(_package, backend, id))


class UninstallHandler(ApplyingHandler):
    """`DELETE packages/{name}`: takes a package away.

    One that is called as another route is reached by another spelling: `Updates`.
    """

    @requires_execute
    async def delete(self, name: str) -> None:
        """Answer the transaction."""
        id, shown = checked_name(name), request_body.text_field(self.fields("plan"), "plan")
        backend = await self.backend()
        plan = await self.planned(
            backend,
            shown,
            plan_body.uninstall((id,)),
            lambda plan: id in {change.id for change in plan.changes if change.after is None},
        )
        await self.carry_out(backend, plan)


class UndoHandler(ApplyingHandler):
    """`POST transactions/{id}/undo`: takes a committed transaction back."""

    @requires_execute
    async def post(self, id: str) -> None:
        """Answer the transaction that did it."""
        shown = request_body.text_field(self.fields("plan"), "plan")
        backend = await self.backend()
        await run_in_thread(partial(get_transaction, backend, id))
        plan = await self.planned(
            backend, shown, plan_body.undo(id), lambda plan: plan.undoes == id
        )
        await self.carry_out(backend, plan)


def _package(backend: Backend, id: str, done: Transaction) -> Mapping[str, Any]:
    return {"package": error_status.package(inventory.get_package_by_id(backend, id))}
