"""The extension: adds our routes to a notebook server, and puts right what a crash left."""

from __future__ import annotations

from functools import partial
from typing import Any

from jupyter_server.utils import url_path_join

from pkgwidgets.core.errors import EnvironmentBusy, PkgwidgetsError
from pkgwidgets.operations import recovery

from . import changing, handlers
from .environments import Environments
from .route import SETTING, Ground, Route
from .threads import aside

_PART = r"([^/]*)"
ROUTES: dict[str, type[Route]] = {
    "openapi.json": handlers.Contract,
    "packages": handlers.Packages,
    "packages/updates": handlers.Updates,
    "packages/upgrade-all": changing.UpgradeAll,
    "packages/install": changing.Install,
    "packages/by-name/{name}": handlers.PackageByName,
    "packages/by-id/{id}": handlers.PackageById,
    "packages/{name}": changing.Package,
    "packages/{name}/upgrade": changing.Upgrade,
    "plans": changing.Plans,
    "transactions": handlers.Transactions,
    "transactions/{id}": handlers.OneTransaction,
    "transactions/{id}/undo": changing.Undo,
}
"""Our routes below `pkgwidgets/`; of those that fit, the first counts."""


def _load_jupyter_server_extension(server: Any) -> None:
    ground = Ground(
        environments=Environments(
            server.kernel_spec_manager, server.kernel_manager, server.session_manager
        )
    )
    server.web_app.settings[SETTING] = ground
    base = server.web_app.settings["base_url"]
    patterns = {_pattern(path): handler for path, handler in ROUTES.items()}
    routes = [
        (url_path_join(base, "pkgwidgets", pattern), handler)
        for pattern, handler in patterns.items()
    ]
    routes.append((url_path_join(base, "pkgwidgets") + "(?:/.*)?", handlers.Elsewhere))
    server.web_app.add_handlers(".*$", routes)
    server.log.info("pkgwidgets answers under %spkgwidgets/", base)
    server.io_loop.add_callback(recover, ground.environments, server.log)


async def recover(environments: Environments, log: Any) -> None:
    """End what was cut off in the environments of all kernels; what goes wrong is logged."""
    try:
        for backend in await environments.all():
            prefix = backend.environment.interpreter.prefix
            try:
                for id in await aside(partial(recovery.recover_left, backend)):
                    log.info("pkgwidgets put %s back as it was before %s", prefix, id)
            except EnvironmentBusy as busy:
                log.info("pkgwidgets leaves %s alone: %s", prefix, busy)
            except PkgwidgetsError as error:
                log.warning("pkgwidgets cannot put %s back: %s", prefix, error)
    except Exception:
        log.exception("pkgwidgets could not look for what was cut off")


def _pattern(path: str) -> str:
    parts = (
        _PART if part.startswith("{") else part.replace(".", r"\.") for part in path.split("/")
    )
    return "/".join(parts)
