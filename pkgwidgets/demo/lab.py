"""JupyterLab on a copy of the quickstart notebook."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import secrets
import shutil
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

_NOTEBOOK = "quickstart.ipynb"
_NOTIFICATIONS = "@jupyterlab/apputils-extension:notification"
_MISSING_MESSAGE = """\
JupyterLab is not installed in this environment. Install it with `pip install 'pkgwidgets[lab]'`,
or run `pkgwidgets demo --terminal`."""


def start() -> int:
    """Serve JupyterLab until it is stopped, and return the exit code.

    Prints the address, and opens a browser if there is a display. Works as root, on a free port,
    on loopback only.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        print(_MISSING_MESSAGE, file=sys.stderr)
        return 1
    from jupyterlab.labapp import LabApp

    # The kernel must be this Python, whatever "python3" is in the user's Jupyter folder.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    with tempfile.TemporaryDirectory(prefix="pkgwidgets-demo-") as folder:
        shutil.copy(quickstart(), folder)
        _disable_news_prompt(Path(folder, ".config"))
        port, token = free_port(), secrets.token_hex(16)
        print(f"\n    http://127.0.0.1:{port}/lab/tree/{_NOTEBOOK}?token={token}\n", flush=True)
        LabApp.launch_instance(
            [
                str(Path(folder, _NOTEBOOK)),
                f"--ServerApp.root_dir={folder}",
                "--ServerApp.ip=127.0.0.1",
                f"--ServerApp.port={port}",
                "--ServerApp.port_retries=0",
                "--ServerApp.allow_root=True",
                f"--ServerApp.open_browser={_has_display()}",
                f"--IdentityProvider.token={token}",
            ]
        )
    return 0


def _disable_news_prompt(config: Path) -> None:
    """Disable the news prompt of JupyterLab; the user's own settings take precedence."""
    overrides = config / "labconfig" / "default_setting_overrides.json"
    overrides.parent.mkdir(parents=True)
    overrides.write_text(json.dumps({_NOTIFICATIONS: {"fetchNews": "false"}}), encoding="utf-8")
    config_path = os.environ.get("JUPYTER_CONFIG_PATH")
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, [str(config), config_path]))


def quickstart() -> Path:
    """Return the path of the notebook: in a checkout beside the package, else as installed."""
    checkout = Path(__file__).parents[2] / "notebooks" / _NOTEBOOK
    if checkout.is_file():
        return checkout
    files = importlib.metadata.files("pkgwidgets") or ()
    return next(Path(str(file.locate())) for file in files if file.name == _NOTEBOOK)


def free_port() -> int:
    """Return a free port below the ranges that systems use for ephemeral ports.

    The system could give an ephemeral port to another process before a server listens on it.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _has_display() -> bool:
    return sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
