"""The routes that look: one class per route. Those that change are in `changing.py`."""

from __future__ import annotations

from functools import partial

from tornado.iostream import StreamClosedError

from pkgwidgets.core.history import find_transaction
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.names import checked_name
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.operations import inventory
from pkgwidgets.server import error_status, openapi, progress
from pkgwidgets.server.base_handler import BaseHandler, requires_execute, requires_read
from pkgwidgets.server.errors import RequestRefused, TransactionNotFound
from pkgwidgets.server.response_cache import JsonResponse
from pkgwidgets.server.threads import run_in_thread


class PackagesHandler(BaseHandler):
    """`GET packages`: what an environment has installed."""

    arguments = frozenset({"check_updates"})

    @requires_read
    async def get(self) -> None:
        """Answer all rows; `check_updates=true` asks the index."""
        check, asked = self.flag("check_updates"), self.asked()

        async def rows() -> JsonResponse:
            backend = await self.ground.environments.of(asked)
            key = ("packages", check, backend.environment.interpreter.prefix)

            def made() -> JsonResponse:
                found = inventory.get_packages(backend, check_updates=check)
                return self.ground.listed.answer(key, "packages", found)

            return await run_in_thread(made)

        # Made in a thread, and once: a long list would keep the loop from others.
        await self.say(await self.ground.together.ask(("packages", check, asked), rows))


class PackageByNameHandler(BaseHandler):
    """`GET packages/by-name/{name}`: one package, by any spelling."""

    arguments = frozenset({"check_updates"})

    @requires_read
    async def get(self, name: str) -> None:
        """Answer one row."""
        name, check = checked_name(name), self.flag("check_updates")
        backend = await self.backend()
        info = await run_in_thread(
            partial(inventory.get_package, backend, name, check_updates=check)
        )
        await self.answer(package=error_status.package(info))


class PackageByIdHandler(BaseHandler):
    """`GET packages/by-id/{id}`: one package, by its normalised name."""

    arguments = frozenset({"check_updates"})

    @requires_read
    async def get(self, id: str) -> None:
        """Answer one row."""
        id, check = checked_name(id), self.flag("check_updates")
        backend = await self.backend()
        info = await run_in_thread(
            partial(inventory.get_package_by_id, backend, id, check_updates=check)
        )
        await self.answer(package=error_status.package(info))


class UpdatesHandler(BaseHandler):
    """`GET packages/updates`: what is newer, of everything or of one package."""

    arguments = frozenset({"name", "refresh"})

    @requires_read
    async def get(self) -> None:
        """Answer the rows that are out of date, or may be; of one name, its row."""
        given, refresh = self.argument("name"), self.flag("refresh")
        name = None if given is None else checked_name(given)
        asked = self.asked()

        async def rows() -> JsonResponse:
            backend = await self.ground.environments.of(asked)

            def made() -> JsonResponse:
                found = inventory.check_for_updates(backend, name, refresh=refresh)
                wanted = [info for info in found if name or info.update_available or info.error]
                return JsonResponse.of({"updates": [error_status.package(info) for info in wanted]})

            return await run_in_thread(made)

        key = ("updates", name, refresh, asked)
        await self.say(await self.ground.together.ask(key, rows))


class TransactionsHandler(BaseHandler):
    """`GET transactions`: the history of an environment."""

    @requires_read
    async def get(self) -> None:
        """Answer the transactions, newest first."""
        asked = self.asked()

        async def history() -> JsonResponse:
            backend = await self.ground.environments.of(asked)

            def made() -> JsonResponse:
                found = [*backend.journal.transactions()][::-1]
                return JsonResponse.of(
                    {"transactions": [error_status.transaction(each) for each in found]}
                )

            return await run_in_thread(made)

        await self.say(await self.ground.together.ask(("transactions", asked), history))


class TransactionHandler(BaseHandler):
    """`GET transactions/{id}`: one with its events; `DELETE` calls it off."""

    @requires_read
    async def get(self, id: str) -> None:
        """Answer it as it is now, or as a stream of events until it has ended."""
        backend = await self.backend()
        found = await run_in_thread(partial(get_transaction, backend, id))
        if "text/event-stream" in self.request.headers.get("Accept", ""):
            return await self._stream(backend, id)

        def made() -> JsonResponse:
            events = [error_status.event(each) for each in progress.events(backend, id)]
            return JsonResponse.of(
                {"transaction": error_status.transaction(found), "events": events}
            )

        await self.say(await run_in_thread(made))

    @requires_execute
    async def delete(self, id: str) -> None:
        """Ask it to end in the old environment, and answer before it has."""
        self.fields()
        backend = await self.backend()
        await run_in_thread(partial(get_transaction, backend, id))
        await run_in_thread(partial(progress.cancel, backend, id))
        self.set_status(202)
        self.set_header("Location", self.request.path)
        found = await run_in_thread(partial(get_transaction, backend, id))
        await self.answer(transaction=error_status.transaction(found))

    async def _stream(self, backend: Backend, id: str) -> None:
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Accel-Buffering", "no")
        last = self.request.headers.get("Last-Event-ID", "")
        seen = int(last) if last.isascii() and last.isdigit() and len(last) < 16 else 0
        try:
            async for part in progress.stream(backend, id, seen):
                self.write(part)
                await self.flush()
            await self.finish(set_content_type="text/event-stream")
        except StreamClosedError:
            self.log.debug("whoever followed %s is gone", id)


class OpenApiHandler(BaseHandler):
    """`GET openapi.json`: what all routes take and answer."""

    @requires_read
    async def get(self) -> None:
        """Answer the document (OpenAPI 3.1)."""
        await self.say(openapi.said(self.base_url))


class NotFoundHandler(BaseHandler):
    """Whatever else lies below our address."""

    @requires_read
    async def get(self) -> None:
        """Say that there is nothing."""
        raise RequestRefused(404, "There is nothing here")

    put = post = delete = get


def get_transaction(backend: Backend, id: str) -> Transaction:
    """Return a transaction of the history; raises `TransactionNotFound`."""
    found = find_transaction(backend.journal.transactions(), id)
    if found is None:
        raise TransactionNotFound(id)
    return found
