"""A notebook server in this process. Its fixtures stay in this folder: they take over the loop."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_jupyter.jupyter_server import *  # noqa: F403 - this is how its fixtures are had


@pytest.fixture(name="jp_server_config")
def _configured() -> dict[str, Any]:
    """Switch our extension on, with anonymous access forbidden by default."""
    return {
        "ServerApp": {
            "jpserver_extensions": {"pkgwidgets": True},
            "allow_unauthenticated_access": False,
        }
    }
