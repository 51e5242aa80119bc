"""The extension: adds our routes to a notebook server."""

from __future__ import annotations

from typing import Any

from jupyter_server.utils import url_path_join

from .handlers import PackagesHandler


def _load_jupyter_server_extension(server: Any) -> None:
    base = server.web_app.settings["base_url"]
    routes = [(url_path_join(base, "pkgwidgets", "packages"), PackagesHandler)]
    server.web_app.add_handlers(".*$", routes)
    server.log.info("pkgwidgets answers under %spkgwidgets/", base)
