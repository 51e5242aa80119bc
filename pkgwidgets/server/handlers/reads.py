"""The routes that read, and the one that cancels; `changes.py` has the others."""

from __future__ import annotations

from functools import partial

from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.names import checked_name
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.operations import access, inventory
from pkgwidgets.operations.publishers import compare_publishers
from pkgwidgets.server import payloads, progress
from pkgwidgets.server.base_handler import BaseHandler, requires_execute, requires_read
from pkgwidgets.server.errors import RequestRefused, TransactionNotFound
from pkgwidgets.server.response_cache import JsonResponse
from pkgwidgets.server.threads import run_in_thread


class PackagesHandler(BaseHandler):
    """`GET packages`: list what is installed."""

    arguments = frozenset({"check_updates"})

    @requires_read
    async def get(self) -> None:
        """Answer all rows; `check_updates=true` asks the index."""
        check, selector = self.query_flag("check_updates"), self.kernel_selector()

        async def build_in_thread() -> JsonResponse:
            backend = await self.context.environments.of(selector)
            key = ("packages", check, backend.environment.interpreter.prefix)

            def build_response() -> JsonResponse:
                packages = inventory.get_packages(backend, check_updates=check)
                return self.context.cache.get_response(key, "packages", packages)

            return await run_in_thread(build_response)

        # In a thread and coalesced: serializing a long list would block the event loop.
        await self.write_json(
            await self.context.coalescer.run(("packages", check, selector), build_in_thread)
        )


class PackageByNameHandler(BaseHandler):
    """`GET packages/by-name/{name}`: one package, by any spelling."""

    arguments = frozenset({"check_updates"})

    @requires_read
    async def get(self, name: str) -> None:
        """Answer one row."""
        name, check = checked_name(name), self.query_flag("check_updates")
        backend = await self.backend()
        info = await run_in_thread(
            partial(inventory.get_package, backend, name, check_updates=check)
        )
        await self.write_success(package=payloads.package(info))


class PackageByIdHandler(BaseHandler):
    """`GET packages/by-id/{id}`: one package, by its normalized name."""

    arguments = frozenset({"check_updates"})

    @requires_read
    async def get(self, name: str) -> None:
        """Answer one row."""
        name, check = checked_name(name), self.query_flag("check_updates")
        backend = await self.backend()
        info = await run_in_thread(
            partial(inventory.get_package_by_id, backend, name, check_updates=check)
        )
        await self.write_success(package=payloads.package(info))


class PublishersHandler(BaseHandler):
    """`GET packages/{name}/publishers`: who published the installed and the compatible release."""

    @requires_read
    async def get(self, name: str) -> None:
        """Answer the comparison."""
        name = checked_name(name)
        backend = await self.backend()
        comparison = await run_in_thread(partial(compare_publishers, backend, name))
        await self.write_success(publishers=payloads.publishers(comparison))


class UpdatesHandler(BaseHandler):
    """`GET packages/updates`: check all packages or one for updates."""

    arguments = frozenset({"name", "refresh", "cached"})

    @requires_read
    async def get(self) -> None:
        """Answer the rows that have an update or an error; for a name, its row.

        With `cached=true` the index is not asked: the answer has the updates that are known.
        """
        value, refresh = self.query_argument("name"), self.query_flag("refresh")
        cached = self.query_flag("cached")
        if cached and (refresh or value is not None):
            raise InvalidRequest("cached", None, "give it without name and refresh")
        name = None if value is None else checked_name(value)
        selector = self.kernel_selector()

        async def build_in_thread() -> JsonResponse:
            backend = await self.context.environments.of(selector)

            def build_response() -> JsonResponse:
                if cached:
                    known = inventory.known_updates(backend)
                    return JsonResponse.of({"updates": [payloads.package(info) for info in known]})
                packages = inventory.check_for_updates(backend, name, refresh=refresh)
                shown = [info for info in packages if name or info.update_available or info.error]
                return JsonResponse.of({"updates": [payloads.package(info) for info in shown]})

            return await run_in_thread(build_response)

        key = ("updates", name, refresh, cached, selector)
        await self.write_json(await self.context.coalescer.run(key, build_in_thread))


class TransactionsHandler(BaseHandler):
    """`GET transactions`: the history of an environment."""

    @requires_read
    async def get(self) -> None:
        """Answer the transactions, newest first."""
        selector = self.kernel_selector()

        async def build_in_thread() -> JsonResponse:
            backend = await self.context.environments.of(selector)

            def build_response() -> JsonResponse:
                access.check_history(backend)
                transactions = [*backend.journal.transactions()][::-1]
                return JsonResponse.of(
                    {
                        "transactions": [
                            payloads.transaction(transaction) for transaction in transactions
                        ]
                    }
                )

            return await run_in_thread(build_response)

        await self.write_json(
            await self.context.coalescer.run(("transactions", selector), build_in_thread)
        )


class TransactionHandler(BaseHandler):
    """`GET transactions/{id}`: a transaction with its events; `DELETE` cancels it."""

    @requires_read
    async def get(self, transaction_id: str) -> None:
        """Answer the transaction as it is now, or a stream of events until it has ended."""
        backend = await self.backend()
        transaction = await run_in_thread(partial(get_transaction, backend, transaction_id))
        if self.wants_stream:
            return await self._stream(backend, transaction_id)

        def build_response() -> JsonResponse:
            events = [payloads.event(event) for event in progress.events(backend, transaction_id)]
            return JsonResponse.of(
                {"transaction": payloads.transaction(transaction), "events": events}
            )

        await self.write_json(await run_in_thread(build_response))

    @requires_execute
    async def delete(self, transaction_id: str) -> None:
        """Request a rollback, and answer before the transaction has ended."""
        self.fields()
        backend = await self.backend()
        await run_in_thread(partial(get_transaction, backend, transaction_id))
        await run_in_thread(partial(progress.cancel, backend, transaction_id))
        self.set_status(202)
        self.set_header("Location", self.request.path)
        transaction = await run_in_thread(partial(get_transaction, backend, transaction_id))
        await self.write_success(transaction=payloads.transaction(transaction))

    async def _stream(self, backend: Backend, transaction_id: str) -> None:
        messages = progress.stream(self.context.feeds, backend, transaction_id, self.last_event)
        await self.write_stream(messages, transaction_id)


class OpenApiHandler(BaseHandler):
    """`GET openapi.json`: the contract of all routes."""

    @requires_read
    async def get(self) -> None:
        """Answer the document (OpenAPI 3.1)."""
        from pkgwidgets.server import openapi  # imported late: few ask for it, and it takes a while

        await self.write_json(openapi.response(self.base_url))


class NotFoundHandler(BaseHandler):
    """Every other address below `pkgwidgets/`."""

    @requires_read
    async def get(self) -> None:
        """Answer 404."""
        raise RequestRefused(404, "There is no such route")

    put = post = delete = get


def get_transaction(backend: Backend, transaction_id: str) -> Transaction:
    """Return a transaction of the history; raises `TransactionNotFound`."""
    transaction = backend.journal.transaction(transaction_id)
    if transaction is None:
        raise TransactionNotFound(transaction_id)
    return transaction
