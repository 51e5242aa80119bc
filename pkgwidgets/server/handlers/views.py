"""The routes of the panel in a page without pkgwidgets in the kernel: what its views show.

They belong to the files of `widgets/static/rest/` and change with them, so that the contract of the
other routes does not name them. Errors are worded for the panel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from pkgwidgets.commands.plan_request import ACTIONS, BackendPlanner, PlanRequest, plan_for
from pkgwidgets.core.errors import InvalidRequest, PkgwidgetsError
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.names import checked_name
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.text import shorten_names
from pkgwidgets.operations.dismissal import dismiss_note
from pkgwidgets.presentation.hints import Face
from pkgwidgets.server import plan_body, progress, request_body, view_lists, view_plans
from pkgwidgets.server.base_handler import BaseHandler, requires_execute, requires_read
from pkgwidgets.server.plan_store import Owner
from pkgwidgets.server.response_cache import JsonResponse
from pkgwidgets.server.threads import run_in_thread

from .reads import get_transaction


class ViewHandler(BaseHandler):
    """A route of the panel."""

    face: ClassVar[Face] = Face.PANEL

    async def answer(self, build: Callable[[Backend], Mapping[str, Any]]) -> None:
        """Answer what `build`, which runs in a thread, makes of the backend."""
        backend = await self.backend()
        await self.write_json(await run_in_thread(lambda: JsonResponse.of(build(backend))))

    async def planned_view(self) -> view_plans.PlannedView:
        """Return what completes plans for the kernel that the request names."""
        return view_plans.PlannedView(
            environments=self.context.environments,
            backend=await self.backend(),
            kernel=self.kernel_selector().kernel,
        )

    async def start(self, backend: Backend, plan: Plan) -> None:
        """Begin to apply a plan, and answer the id of its transaction; "" for an empty plan."""
        transaction = await progress.apply_and_wait(
            backend, plan, wait=False, requested_by=self.user
        )
        self.set_status(202)
        await self.write_success(id=transaction.id)

    def owner(self, backend: Backend) -> Owner:
        """Return who may apply a plan, and where."""
        return Owner(user=self.user, prefix=backend.environment.interpreter.prefix)


class ListHandler(ViewHandler):
    """`GET views/packages`: the table, or the row of one package."""

    arguments = frozenset({"check_updates", "refresh", "name"})

    @requires_read
    async def get(self) -> None:
        """Answer header and rows; the same requests of many pages are answered by one look."""
        name = self.query_argument("name")
        query = view_lists.ListQuery(
            check=self.query_flag("check_updates"),
            refresh=self.query_flag("refresh"),
            name=None if name is None else checked_name(name),
        )
        selector = self.kernel_selector()

        async def build_in_thread() -> JsonResponse:
            backend = await self.context.environments.of(selector)
            return await run_in_thread(
                lambda: JsonResponse.of(view_lists.package_list(backend, query))
            )

        key = ("views/packages", query, selector)
        await self.write_json(await self.context.coalescer.run(key, build_in_thread))


class StateHandler(ViewHandler):
    """`GET views/state`: what a page looks at every few seconds."""

    @requires_read
    async def get(self) -> None:
        """Answer a digest of what is installed, and the change that is under way."""
        await self.answer(view_lists.environment_state)


class OffersHandler(ViewHandler):
    """`GET views/offers`: what the list offers besides its rows."""

    @requires_read
    async def get(self) -> None:
        """Answer what plans found; the same requests of many pages are answered by one look."""
        selector = self.kernel_selector()

        async def build_in_thread() -> JsonResponse:
            backend = await self.context.environments.of(selector)
            return await run_in_thread(lambda: JsonResponse.of(view_lists.list_offers(backend)))

        key = ("views/offers", selector)
        await self.write_json(await self.context.coalescer.run(key, build_in_thread))


class DetailHandler(ViewHandler):
    """`GET views/packages/{name}`: an open row."""

    @requires_read
    async def get(self, name: str) -> None:
        """Answer the details that need no index."""
        await self.answer(
            lambda backend: {"detail": view_lists.row_detail(backend, checked_name(name))}
        )


class PublisherHandler(ViewHandler):
    """`GET views/packages/{name}/publisher`: who published the releases of an open row."""

    @requires_read
    async def get(self, name: str) -> None:
        """Answer what the index says (PEP 740)."""
        await self.answer(
            lambda backend: {"detail": view_lists.row_publisher(backend, checked_name(name))}
        )


class NoteHandler(ViewHandler):
    """`DELETE views/packages/{name}/note`: dismiss the note that the last change failed."""

    @requires_execute
    async def delete(self, name: str) -> None:
        """Answer that the note is gone."""
        normalized_name = checked_name(name)
        self.fields()
        backend = await self.backend()
        await run_in_thread(partial(dismiss_note, backend, normalized_name))
        await self.write_success()


class VersionsHandler(ViewHandler):
    """`GET views/versions`: the versions of a project."""

    arguments = frozenset({"name"})

    @requires_read
    async def get(self) -> None:
        """Answer the versions; the name may be a typed requirement."""
        name = self.query_argument("name")
        if name is None:
            raise InvalidRequest("name", None, "the name of a project is missing")
        await self.answer(lambda backend: view_lists.project_versions(backend, name))


class InstallPreviewHandler(ViewHandler):
    """`GET views/install-preview`: what an installation is and would bring."""

    arguments = frozenset({"name"})

    @requires_read
    async def get(self) -> None:
        """Answer two lines about it; the name may be a typed requirement."""
        name = self.query_argument("name")
        if name is None:
            raise InvalidRequest("name", None, "the name of a project is missing")
        await self.answer(lambda backend: view_lists.install_preview(backend, name))


class SuggestionsHandler(ViewHandler):
    """`GET views/suggestions`: names for the form that installs."""

    arguments = frozenset({"text"})

    @requires_read
    async def get(self) -> None:
        """Answer names that begin with a typed text, those seen before first."""
        typed = self.query_argument("text") or ""
        await self.answer(lambda backend: view_lists.list_suggestions(backend, typed))


class PlansHandler(ViewHandler):
    """`POST views/plans`: make a plan; changes nothing."""

    @requires_read
    async def post(self) -> None:
        """Answer a plan as the plan view shows it; or why there is none, and a wider request."""
        fields = self.fields(*ACTIONS, "version", "allow", "step", "project", "typed", "without")
        typed = request_body.text_field(fields, "typed")
        view = await self.planned_view()
        if typed is not None:
            others = sorted(fields.keys() - {"typed", "version", "project", "without"})
            if others:
                raise InvalidRequest("typed", typed, f"give it without {', '.join(others)}")
            version = request_body.text_field(fields, "version")
            request = await run_in_thread(
                partial(view_plans.typed_request, view.backend, typed, version)
            )
            request = replace(request, project=request_body.flag_field(fields, "project"))
        else:
            request = plan_body.plan_request(fields)
        without = request_body.text_list_field(fields, "without") if "without" in fields else ()
        await self._write_plan(view, request, tuple(map(checked_name, without)))

    async def _write_plan(
        self, view: view_plans.PlannedView, request: PlanRequest, without: Sequence[str]
    ) -> None:
        backend = view.backend
        titles = await run_in_thread(
            lambda: view_plans.titles_of(request, tuple(backend.journal.transactions()))
        )
        if without:
            titles = replace(titles, plan=f"{titles.plan}, without {shorten_names(without)}")
        try:
            plan = await run_in_thread(partial(plan_for, request, BackendPlanner(backend)))
        except PkgwidgetsError as error:
            more = view_plans.failure_fields(error, request, titles)
            return await self.write_failure(error, **more)
        plan_id = self.context.plans.keep(plan, request.action, self.owner(backend))
        shown = await view.with_kernels(plan)
        answer = view_plans.plan_fields(shown, plan_id, request, titles)
        switch = await run_in_thread(partial(view_plans.project_switch, backend, request))
        answer["plan"]["project"] = switch
        await self.write_success(**answer)


class ApplyHandler(ViewHandler):
    """`POST views/plans/{id}`: apply a plan that was shown, once."""

    @requires_execute
    async def post(self, plan_id: str) -> None:
        """Answer as soon as the transaction has begun."""
        self.fields()
        backend = await self.backend()
        plan = self.context.plans.take(plan_id, None, self.owner(backend))
        await self.start(backend, plan)


class HistoryHandler(ViewHandler):
    """`GET views/transactions`: the history."""

    @requires_read
    async def get(self) -> None:
        """Answer the entries, newest first."""
        await self.answer(view_lists.history_list)


class TransactionHandler(ViewHandler):
    """`GET views/transactions/{id}`: its log, or a stream of its progress; `DELETE` cancels it."""

    @requires_read
    async def get(self, transaction_id: str) -> None:
        """Answer the log; for `Accept: text/event-stream` the progress until the end."""
        view = await self.planned_view()
        transaction = await run_in_thread(partial(get_transaction, view.backend, transaction_id))
        if not self.wants_stream:
            log = await run_in_thread(
                partial(view_lists.transaction_log, view.backend, transaction_id)
            )
            return await self.write_success(**log)
        messages = view_plans.task_stream(self.context.feeds, view, transaction)
        await self.write_stream(messages, transaction_id)

    @requires_execute
    async def delete(self, transaction_id: str) -> None:
        """Request a rollback, and answer before the transaction has ended."""
        self.fields()
        backend = await self.backend()
        await run_in_thread(partial(get_transaction, backend, transaction_id))
        await run_in_thread(partial(progress.cancel, backend, transaction_id))
        self.set_status(202)
        await self.write_success()


class UndoHandler(ViewHandler):
    """`POST views/transactions/{id}/undo`: undo a change at once, without showing a plan."""

    @requires_execute
    async def post(self, transaction_id: str) -> None:
        """Answer as soon as the undo has begun, with its title."""
        self.fields()
        backend = await self.backend()
        await run_in_thread(partial(get_transaction, backend, transaction_id))
        request = plan_body.undo(transaction_id)
        plan = await run_in_thread(partial(plan_for, request, BackendPlanner(backend)))
        await self.start(backend, plan)


ROUTES: dict[str, type[ViewHandler]] = {
    "views/state": StateHandler,
    "views/packages": ListHandler,
    "views/offers": OffersHandler,
    "views/packages/{name}": DetailHandler,
    "views/packages/{name}/note": NoteHandler,
    "views/packages/{name}/publisher": PublisherHandler,
    "views/versions": VersionsHandler,
    "views/install-preview": InstallPreviewHandler,
    "views/suggestions": SuggestionsHandler,
    "views/plans": PlansHandler,
    "views/plans/{id}": ApplyHandler,
    "views/transactions": HistoryHandler,
    "views/transactions/{id}": TransactionHandler,
    "views/transactions/{id}/undo": UndoHandler,
}
"""The routes below `pkgwidgets/` that only the panel uses."""
