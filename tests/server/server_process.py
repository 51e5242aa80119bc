"""A `jupyter server` process whose default kernel runs in the demo's garden."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from held_transactions import PATIENCE
from lean_jupyter import command
from server.client import kernel

from pkgwidgets.demo import Demo

TOKEN = "a-token-of-these-tests"


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerProcess:
    """A running server and its log."""

    url: str
    log: Path
    process: int

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that the examples of the reference expect."""
        return {**os.environ, "JUPYTER": self.url.rstrip("/"), "TOKEN": TOKEN}


@contextmanager
def start_server(garden: Demo, folder: Path, *options: str) -> Iterator[ServerProcess]:
    """Start a server with its own folders on a free port of loopback; stop it at the end."""
    spec_file = folder / "data" / "kernels" / "garden" / "kernel.json"
    spec_file.parent.mkdir(parents=True)
    content = {"argv": kernel(garden.python), "display_name": "garden", "language": "python"}
    spec_file.write_text(json.dumps(content), "utf-8")
    (folder / "notebooks").mkdir()
    places = {f"JUPYTER_{name.upper()}_DIR": str(folder / name) for name in ("config", "data")}
    runtime = folder / "runtime"
    variables = {
        **os.environ,
        **places,
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "UV_DEFAULT_INDEX": garden.index_url,
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    argv = [
        *command("jupyter_server", "--no-browser", "--allow-root"),
        "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--IdentityProvider.token={TOKEN}",
        "--ServerApp.jpserver_extensions={'pkgwidgets': True}",
        "--ServerApp.allow_unauthenticated_access=False",
        "--MultiKernelManager.default_kernel_name=garden",
        f"--ServerApp.root_dir={folder / 'notebooks'}", *options,
    ]  # fmt: skip
    log = folder / "log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            argv, env=variables, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=folder
        )
    try:
        yield ServerProcess(url=_url(runtime, server, log), log=log, process=server.pid)
    finally:
        server.terminate()
        server.wait(PATIENCE)


def _url(runtime: Path, server: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + 4 * PATIENCE  # it loads all that is installed beside us
    while time.monotonic() < until and server.poll() is None:
        for file in runtime.glob("jpserver-*.json"):
            with suppress(ValueError, OSError):  # it is being written, or does not listen yet
                url = str(json.loads(file.read_text("utf-8"))["url"])
                parts = urlsplit(url)
                socket.create_connection((str(parts.hostname), int(parts.port or 80)), 5).close()
                return url
        time.sleep(0.05)
    raise AssertionError(log.read_text("utf-8", "replace"))
