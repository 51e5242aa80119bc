"""The server of this process, for code that it loads but that handles no request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_server.serverapp import ServerApp

from .base_handler import SETTINGS_KEY, ServerContext


def find_context() -> ServerContext | None:
    """Return what the routes of this process's server share; None if the extension is off."""
    web_app = _web_app()
    context: ServerContext | None = None if web_app is None else web_app.settings.get(SETTINGS_KEY)
    return context


def notebook_folder() -> Path | None:
    """Return the folder with the server's notebooks; None if they are not files here."""
    web_app = _web_app()
    manager = None if web_app is None else web_app.settings.get("contents_manager")
    folder = getattr(manager, "root_dir", "")
    return Path(folder).resolve() if isinstance(folder, str) and folder else None


def _web_app() -> Any:
    return getattr(ServerApp.instance(), "web_app", None) if ServerApp.initialized() else None
