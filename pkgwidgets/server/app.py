"""The extension: add the routes to a notebook server, and recover interrupted changes."""

from __future__ import annotations

from functools import partial
from typing import Any

from jupyter_server.utils import url_path_join

from pkgwidgets.core.errors import EnvironmentBusy, PkgwidgetsError
from pkgwidgets.operations import recovery
from pkgwidgets.server.handlers import (
    advisories,
    changes,
    copies,
    copy_views,
    holds,
    lock_views,
    locks,
    questions,
    reads,
    safety_views,
    views,
)

from .agent_settings import PkgwidgetsAgents
from .base_handler import SETTINGS_KEY, BaseHandler, ServerContext
from .environments import Environments
from .questions import EVENT_SCHEMA, EVENT_SCHEMA_ID, Questions
from .threads import run_in_thread

_PATH_SEGMENT = r"([^/]*)"
ROUTES: dict[str, type[BaseHandler]] = {
    "openapi.json": reads.OpenApiHandler,
    "packages": reads.PackagesHandler,
    "packages/updates": reads.UpdatesHandler,
    "packages/upgrade-all": changes.UpgradeAllHandler,
    "packages/install": changes.InstallHandler,
    "packages/fix": changes.FixHandler,
    "packages/restore": changes.RestoreHandler,
    "packages/by-name/{name}": reads.PackageByNameHandler,
    "packages/by-id/{id}": reads.PackageByIdHandler,
    "packages/{name}": changes.UninstallHandler,
    "packages/{name}/upgrade": changes.UpgradeHandler,
    "packages/{name}/note": changes.NoteHandler,
    "packages/{name}/publishers": reads.PublishersHandler,
    "advisories": advisories.AdvisoriesHandler,
    "advisories/sources": advisories.AdvisorySourcesHandler,
    "holds": holds.HoldsHandler,
    "holds/{name}": holds.HoldHandler,
    "environments": copies.CopiesHandler,
    "environments/{name}": copies.CopyHandler,
    "operations/{id}": copies.OperationHandler,
    "drift": locks.DriftHandler,
    "export": locks.ExportHandler,
    "plans": changes.PlansHandler,
    "transactions": reads.TransactionsHandler,
    "transactions/{id}": reads.TransactionHandler,
    "transactions/{id}/undo": changes.UndoHandler,
}
"""The routes below `pkgwidgets/`, besides those of the panel; the first that matches is taken."""


def _load_jupyter_server_extension(server: Any) -> None:
    agents = PkgwidgetsAgents(parent=server)
    context = ServerContext(
        environments=Environments(
            server.kernel_spec_manager, server.kernel_manager, server.session_manager
        ),
        questions=_questions(server.event_logger, agents.answer_seconds),
        agents=agents,
    )
    server.web_app.settings[SETTINGS_KEY] = context
    base = server.web_app.settings["base_url"]
    served = {
        **ROUTES,
        **views.ROUTES,
        **safety_views.ROUTES,
        **lock_views.ROUTES,
        **copy_views.ROUTES,
        **questions.ROUTES,
    }
    patterns = {_pattern(path): handler for path, handler in served.items()}
    routes = [
        (url_path_join(base, "pkgwidgets", pattern), handler)
        for pattern, handler in patterns.items()
    ]
    routes.append((url_path_join(base, "pkgwidgets") + "(?:/.*)?", reads.NotFoundHandler))
    server.web_app.add_handlers(".*$", routes)
    server.log.info("pkgwidgets serves its REST API under %spkgwidgets/", base)
    server.io_loop.add_callback(recover, context.environments, server.log)


def _questions(event_logger: Any, answer_seconds: float) -> Questions:
    event_logger.register_event_schema(EVENT_SCHEMA)

    def announce(data: dict[str, Any]) -> None:
        event_logger.emit(schema_id=EVENT_SCHEMA_ID, data=data)

    return Questions(announce, answer_seconds=answer_seconds)


async def recover(environments: Environments, log: Any) -> None:
    """Recover the interrupted changes in the environments of all kernels; log what fails."""
    try:
        for backend in await environments.all():
            prefix = backend.environment.interpreter.prefix
            try:
                for transaction_id in await run_in_thread(
                    partial(recovery.recover_if_needed, backend)
                ):
                    log.info("pkgwidgets recovered %s from the change %s", prefix, transaction_id)
            except EnvironmentBusy as busy:
                log.info("pkgwidgets cannot recover %s now: %s", prefix, busy)
            except PkgwidgetsError as error:
                log.warning("pkgwidgets could not recover %s: %s", prefix, error)
    except Exception:
        log.exception("pkgwidgets could not check for interrupted changes")


def _pattern(path: str) -> str:
    parts = (
        _PATH_SEGMENT if part.startswith("{") else part.replace(".", r"\.")
        for part in path.split("/")
    )
    return "/".join(parts)
