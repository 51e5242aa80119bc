"""JupyterLab on a copy of the guide notebooks."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import os
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from . import demo_environment, guide, surroundings

_OVERRIDES = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false"},
    # So that the environments of a notebook are deleted when it is closed.
    "@jupyterlab/notebook-extension:tracker": {"kernelShutdown": True},
}
_QUIET_SECONDS = 1.0
"""The address is printed after a time without log lines, so that it comes last."""
_MAX_WAIT_SECONDS = 15.0
_MISSING_MESSAGE = """\
JupyterLab is not installed in this environment. Install it with `pip install 'pkgwidgets[lab]'`,
or run `pkgwidgets demo --terminal`."""


def start() -> int:
    """Serve JupyterLab until it is stopped, and return the exit code.

    Prints the address, and opens a browser if there is a display. Works as root, on a free port,
    on loopback only. All files of the demo, of its kernels and of JupyterLab are in one temporary
    folder, which is deleted at the end.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        print(_MISSING_MESSAGE, file=sys.stderr)
        return 1
    # Kernels have environments of their own. In that of this Python nothing can be changed.
    os.environ["PKGWIDGETS_DEMO"] = sys.prefix
    with (
        _end_on_hangup(),
        _temporary_folder() as folder,
        demo_environment.index_of_everything() as index,
    ):
        before = dict(os.environ)
        surroundings.use_instead_of_home(folder / "home", index.url)
        _serve(folder, surroundings.browser_command(before))
    return 0


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """Yield a folder; delete it at the end, also while a thread of the server still writes."""
    folder = Path(tempfile.mkdtemp(prefix="pkgwidgets-demo-")).resolve()
    try:
        yield folder
    finally:
        demo_environment.remove_folder(folder)


def _serve(folder: Path, browser: str) -> None:
    from jupyterlab.labapp import LabApp

    notebooks, kernels = folder / "notebooks", folder / "kernels"
    kernels.mkdir()
    notes = guide.copy_notebooks(notebooks)
    _write_settings(folder / "config")
    port, token = free_port(), secrets.token_hex(16)
    server = LabApp.initialize_server(
        [
            str(notebooks / guide.FIRST),
            f"--ServerApp.root_dir={notebooks}",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={port}",
            "--ServerApp.port_retries=0",
            "--ServerApp.allow_root=True",
            f"--ServerApp.open_browser={_has_display()}",
            *([f"--ServerApp.browser={browser}"] if sys.platform != "win32" else []),
            f"--ServerApp.kernel_manager_class={__package__}.kernels.DemoKernelManager",
            f"--DemoKernelManager.temporary_folder={kernels}",
            f"--IdentityProvider.token={token}",
        ]
    )
    server.log.addFilter(partial(_with_token, token))
    address = f"http://127.0.0.1:{port}/lab/tree/{guide.FIRST}?token={token}"
    text = "\n".join(
        [
            f"\nThe demo is at\n\n    {address}\n",
            "until you press Ctrl+C twice here; then it deletes the environments of its notebooks,"
            f" with the rest of {folder}.",
            *notes,
            "",
        ]
    )
    server.io_loop.add_callback(_print_when_quiet, server.log, text)
    server.start()


def _with_token(token: str, record: logging.LogRecord) -> bool:
    """Complete an address in the log: Jupyter shows `...` for a token that it has not made."""
    text = record.getMessage()
    if "?token=..." in text:
        record.msg, record.args = text.replace("?token=...", f"?token={token}"), ()
    return True


async def _print_when_quiet(log: logging.Logger, text: str) -> None:
    """Print a text once the server has logged nothing for a second."""
    last, started = _LastRecord(), monotonic()
    log.addHandler(last)
    while monotonic() < min(last.time + _QUIET_SECONDS, started + _MAX_WAIT_SECONDS):
        await asyncio.sleep(0.1)
    log.removeHandler(last)
    print(text, flush=True)


class _LastRecord(logging.Handler):
    """The time of the last log record, by the monotonic clock."""

    def __init__(self) -> None:
        super().__init__()
        self.time = monotonic()

    def emit(self, record: Any) -> None:
        self.time = monotonic()


@contextmanager
def _end_on_hangup() -> Iterator[None]:
    """End the server as Ctrl+C does when its terminal is closed, so that its files are deleted."""

    def end(number: int, frame: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    if not hasattr(signal, "SIGHUP") or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        yield  # nohup
        return
    before = signal.signal(signal.SIGHUP, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _write_settings(config: Path) -> None:
    """Disable the news prompt, and end the kernel of a closed notebook; the user's settings win."""
    overrides = config / "labconfig" / "default_setting_overrides.json"
    overrides.parent.mkdir(parents=True)
    overrides.write_text(json.dumps(_OVERRIDES), encoding="utf-8")
    config_path = os.environ.get("JUPYTER_CONFIG_PATH")
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, [str(config), config_path]))


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
