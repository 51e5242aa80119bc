"""One class per route."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from pkgwidgets.connect import connect
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.operations import inventory

from . import kernels, payloads


class PackagesHandler(APIHandler):
    """`GET /pkgwidgets/packages`: what the default kernel's environment has installed."""

    auth_resource = "pkgwidgets"

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer `{"success": true, "packages": […]}`; `?check_updates=true` asks the index."""
        check = self.get_query_argument("check_updates", "false") == "true"
        try:
            spec = self.kernel_spec_manager.get_kernel_spec(self.kernel_manager.default_kernel_name)
            python = kernels.interpreter(spec.argv)
            found = await asyncio.to_thread(_packages, python, check)
        except PkgwidgetsError as raised:
            self.set_status(payloads.status(raised))
            await self.finish(json.dumps(payloads.error(raised)))
            return
        await self.finish(json.dumps({"success": True, "packages": found}))


def _packages(python: Path, check_updates: bool) -> list[dict[str, Any]]:
    rows = inventory.get_packages(connect(python), check_updates=check_updates)
    return [payloads.package(info) for info in rows]
