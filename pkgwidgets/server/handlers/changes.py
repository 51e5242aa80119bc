"""The routes that plan and change: one class per route."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from jupyter_server.utils import url_path_join
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pkgwidgets.commands.plan_request import ACTIONS, Action, BackendPlanner, PlanRequest, plan_for
from pkgwidgets.core.errors import InvalidRequest, TransactionError
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.names import checked_name
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.operations import inventory
from pkgwidgets.operations.dismissal import dismiss_note
from pkgwidgets.operations.skip_failing import plan_without_failing
from pkgwidgets.server import payloads, plan_body, progress, request_body
from pkgwidgets.server.base_handler import BaseHandler, requires_execute, requires_read
from pkgwidgets.server.plan_store import Owner
from pkgwidgets.server.response_cache import JsonResponse
from pkgwidgets.server.threads import run_in_thread

from .reads import get_transaction

ExtraFields = Callable[[Transaction], Mapping[str, Any]]
"""Returns the fields of an answer besides the transaction."""
PlanMatches = Callable[[Plan], bool]
"""Whether a stored plan is about what the route changes."""


def _no_fields(transaction: Transaction) -> Mapping[str, Any]:
    return {}


class PlansHandler(BaseHandler):
    """`POST plans`: make a plan; changes nothing."""

    @requires_read
    async def post(self) -> None:
        """Answer a plan and the kernels that it affects; by its id it can be applied once."""
        request = plan_body.plan_request(
            self.fields(*ACTIONS, "version", "allow", "step", "project")
        )
        backend = await self.backend()
        plan = await run_in_thread(partial(plan_for, request, BackendPlanner(backend)))
        owner = Owner(user=self.user, prefix=backend.environment.interpreter.prefix)
        plan_id = self.context.plans.keep(plan, request.action, owner)
        kernels = await self.context.environments.affected_kernels(backend, plan)

        def build_response() -> JsonResponse:
            payload = {
                **payloads.plan(plan),
                "id": plan_id,
                "digest": plan.id,
                "kernels": [kernel.to_json() for kernel in kernels],
            }
            return JsonResponse.of({"plan": payload})

        await self.write_json(await run_in_thread(build_response))


class ApplyingHandler(BaseHandler):
    """A route that applies a plan: a stored one, or one made for the request."""

    async def plan_to_apply(
        self,
        backend: Backend,
        plan_id: str | None,
        request: PlanRequest,
        matches: PlanMatches,
    ) -> Plan:
        """Return the stored plan if its id is given, else make one."""
        if plan_id is None:
            return await run_in_thread(partial(plan_for, request, BackendPlanner(backend)))
        return self.take_stored_plan(backend, plan_id, request.action, matches)

    def take_stored_plan(
        self, backend: Backend, plan_id: str, action: Action, matches: PlanMatches
    ) -> Plan:
        """Return a stored plan; raises `PlanNotFound` also for one about something else."""
        owner = Owner(user=self.user, prefix=backend.environment.interpreter.prefix)
        return self.context.plans.take(plan_id, action, owner, matches)

    async def apply_plan(
        self, backend: Backend, plan: Plan, extra_fields: ExtraFields = _no_fields
    ) -> None:
        """Apply a plan; answer after its end, or at once for `Prefer: respond-async`."""
        respond_async = self.responds_async
        try:
            transaction = await self.apply_to_end(backend, plan)
        except progress.TransactionFailed as failure:
            failed = failure.transaction
            return await self.write_failure(
                failure.error,
                transaction=payloads.transaction(failed),
                **self.failure_fields(failed),
            )
        if respond_async and transaction.id:
            query = f"?{self.request.query}" if self.request.query else ""
            location = url_path_join(self.base_url, "pkgwidgets", "transactions", transaction.id)
            self.set_status(202)
            self.set_header("Location", location + query)
            self.set_header("Preference-Applied", "respond-async")
            return await self.write_success(transaction=payloads.transaction(transaction))
        await self.write_json(
            await run_in_thread(
                lambda: JsonResponse.of(
                    {
                        **extra_fields(transaction),
                        "transaction": payloads.transaction(transaction),
                    }
                )
            )
        )

    async def apply_to_end(self, backend: Backend, plan: Plan) -> Transaction:
        """Apply a plan; return its transaction after its end, or at once if the client prefers."""
        return await progress.apply_and_wait(
            backend, plan, wait=not self.responds_async, requested_by=self.user
        )

    def failure_fields(self, transaction: Transaction) -> Mapping[str, Any]:
        """Return more fields for the answer about a transaction that was not committed."""
        return {}


class UpgradeHandler(ApplyingHandler):
    """`PUT packages/{name}/upgrade`: upgrade one package, to a version or the compatible one."""

    @requires_execute
    async def put(self, name: str) -> None:
        """Answer the package as it is afterwards."""
        normalized_name, fields = (
            checked_name(name),
            self.fields("version", "allow", "step", "plan"),
        )
        plan_id = request_body.text_field(fields, "plan")
        if plan_id is not None and len(fields) > 1:
            raise InvalidRequest("plan", plan_id, "a body with a plan has no other field")
        version, allow, step = (
            request_body.text_field(fields, field) for field in ("version", "allow", "step")
        )
        request = plan_body.upgrade((normalized_name,), version, allow, step)
        backend = await self.backend()
        plan = await self.plan_to_apply(
            backend, plan_id, request, lambda plan: normalized_name in plan.requested
        )
        await self.apply_plan(backend, plan, partial(_package_fields, backend, normalized_name))


class UpgradeAllHandler(ApplyingHandler):
    """`PUT packages/upgrade-all`: upgrade everything in one transaction."""

    @requires_execute
    async def put(self) -> None:
        """Answer a result per package; those held back have the reason."""
        fields = self.fields("step", "skip_failing", "plan")
        skip_failing = request_body.flag_field(fields, "skip_failing")
        plan_id = request_body.text_field(fields, "plan")
        if plan_id is not None and len(fields) > 1:
            raise InvalidRequest("plan", plan_id, "a body with a plan has no other field")
        if skip_failing and self.responds_async:
            reason = "it may take several transactions, so the answer follows after the last one"
            raise InvalidRequest("skip_failing", skip_failing, reason)
        backend = await self.backend()
        request = plan_body.upgrade(None, step=request_body.text_field(fields, "step"))
        plan = await self.plan_to_apply(
            backend, plan_id, request, lambda plan: plan.requested == ("everything",)
        )
        self._plan_again = partial(plan_for, request, BackendPlanner(backend))
        self._skips_failing = skip_failing
        await self.apply_plan(
            backend, plan, lambda transaction: {"results": payloads.results(transaction)}
        )

    async def apply_to_end(self, backend: Backend, plan: Plan) -> Transaction:
        """Apply a plan; after a refused check, apply the plan without what failed, if requested."""
        while True:
            try:
                return await super().apply_to_end(backend, plan)
            except progress.TransactionFailed as failure:
                if not self._skips_failing:
                    raise
                try:
                    plan = await run_in_thread(
                        partial(plan_without_failing, failure.error, self._plan_again)
                    )
                except TransactionError:
                    raise failure from None

    def failure_fields(self, transaction: Transaction) -> Mapping[str, Any]:
        """Return each result with its reason."""
        return {"results": payloads.results(transaction)}


class InstallHandler(ApplyingHandler):
    """`POST packages/install`: install what requirements name, or apply a plan that installs."""

    @requires_execute
    async def post(self) -> None:
        """Answer the package that was requested, the first of several."""
        fields = self.fields("requirement", "allow", "plan")
        plan_id, has_requirement = request_body.text_field(fields, "plan"), "requirement" in fields
        if (plan_id is not None) == has_requirement or (plan_id is not None and len(fields) > 1):
            raise InvalidRequest("body", None, "the body needs either a requirement or a plan")
        allow = request_body.text_field(fields, "allow")
        requirements = (
            request_body.text_or_list_field(fields, "requirement") if has_requirement else ()
        )
        request = plan_body.install(requirements, allow) if has_requirement else None
        backend = await self.backend()
        if request is not None:
            plan = await run_in_thread(partial(plan_for, request, BackendPlanner(backend)))
        else:
            plan = self.take_stored_plan(backend, plan_id or "", "install", lambda plan: True)
        normalized_name = canonicalize_name(Requirement(plan.requested[0]).name)
        await self.apply_plan(backend, plan, partial(_package_fields, backend, normalized_name))


class UninstallHandler(ApplyingHandler):
    """`DELETE packages/{name}`: uninstall a package.

    A package with the name of another route can be given in another spelling: `Updates`.
    """

    @requires_execute
    async def delete(self, name: str) -> None:
        """Answer the transaction."""
        normalized_name, plan_id = (
            checked_name(name),
            request_body.text_field(self.fields("plan"), "plan"),
        )
        backend = await self.backend()
        plan = await self.plan_to_apply(
            backend,
            plan_id,
            plan_body.uninstall((normalized_name,)),
            lambda plan: (
                normalized_name in {change.id for change in plan.changes if change.after is None}
            ),
        )
        await self.apply_plan(backend, plan)


class FixHandler(ApplyingHandler):
    """`PUT packages/fix`: take the smallest steps out of known vulnerabilities."""

    @requires_execute
    async def put(self) -> None:
        """Answer a result per package; those held back have the reason."""
        plan_id = request_body.text_field(self.fields("plan"), "plan")
        backend = await self.backend()
        plan = await self.plan_to_apply(backend, plan_id, plan_body.fix(), lambda plan: True)
        await self.apply_plan(
            backend, plan, lambda transaction: {"results": payloads.results(transaction)}
        )


class RestoreHandler(ApplyingHandler):
    """`PUT packages/restore`: apply a plan that returns to a lock or a day."""

    @requires_execute
    async def put(self) -> None:
        """Answer a result per package; those held back have the reason."""
        plan_id = request_body.text_field(self.fields("plan"), "plan")
        if plan_id is None:
            raise InvalidRequest("body", None, "the body needs the field plan")
        backend = await self.backend()
        plan = self.take_stored_plan(backend, plan_id, "restore", lambda plan: True)
        await self.apply_plan(
            backend, plan, lambda transaction: {"results": payloads.results(transaction)}
        )


class UndoHandler(ApplyingHandler):
    """`POST transactions/{id}/undo`: undo a committed transaction."""

    @requires_execute
    async def post(self, transaction_id: str) -> None:
        """Answer the transaction that undid it."""
        plan_id = request_body.text_field(self.fields("plan"), "plan")
        backend = await self.backend()
        await run_in_thread(partial(get_transaction, backend, transaction_id))
        plan = await self.plan_to_apply(
            backend,
            plan_id,
            plan_body.undo(transaction_id),
            lambda plan: plan.undoes == transaction_id,
        )
        await self.apply_plan(backend, plan)


class NoteHandler(BaseHandler):
    """`DELETE packages/{name}/note`: dismiss the note that the last change failed."""

    @requires_execute
    async def delete(self, name: str) -> None:
        """Answer the package without the note."""
        normalized_name = checked_name(name)
        self.fields()
        backend = await self.backend()
        await run_in_thread(partial(dismiss_note, backend, normalized_name))
        package = await run_in_thread(
            partial(inventory.get_package_by_id, backend, normalized_name)
        )
        await self.write_success(package=payloads.package(package))


def _package_fields(backend: Backend, name: str, transaction: Transaction) -> Mapping[str, Any]:
    return {"package": payloads.package(inventory.get_package_by_id(backend, name))}
