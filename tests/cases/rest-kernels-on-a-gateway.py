"""A server whose kernels run behind a gateway refuses to speak of their environments."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress
from typing import Any

TOKEN = "a-token-of-this-case"
PATIENCE = 120.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(method: str, port: int, path: str, body: object = None) -> tuple[int, Any]:
    """Return the status and the JSON of an answer."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"token {TOKEN}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, json.loads(answer.read() or "null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or "null")


def start(stack: ExitStack, port: int, folder: str, *options: str) -> None:
    """Start a server and wait until it answers."""
    variables = {
        **os.environ,
        "JUPYTER_RUNTIME_DIR": f"{folder}/run{port}",
        "JUPYTER_CONFIG_DIR": f"{folder}/config",
        "JUPYTER_DATA_DIR": f"{folder}/data",
    }
    argv = [
        *(sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser"),
        *(f"--port={port}", "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={folder}"),
        *(f"--IdentityProvider.token={TOKEN}", "--ServerApp.jpserver_extensions=pkgwidgets=True"),
        *options,
    ]
    server = subprocess.Popen(
        argv, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    stack.callback(server.wait, PATIENCE)
    stack.callback(server.terminate)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with suppress(OSError):
            ask("GET", port, "api/status")
            return
        time.sleep(0.1)
    raise TimeoutError(f"no server on port {port}")


def main() -> int:
    """Print the answers for each kernel; return 1 if one is not refused with a reason."""
    faults = 0
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        far, near = free_port(), free_port()
        start(stack, far, folder)
        gateway = f"--gateway-url=http://127.0.0.1:{far}"
        start(stack, near, folder, gateway, f"--GatewayClient.auth_token={TOKEN}")
        kernel = ask("POST", near, "api/kernels", {"name": "python3"})[1]["id"]
        for query in ("", "?kernelspec=python3", f"?kernel={kernel}"):
            for status, answer in (
                ask("GET", near, f"pkgwidgets/packages{query}"),
                ask("POST", near, f"pkgwidgets/plans{query}", {"uninstall": ["tabulate"]}),
            ):
                error = answer.get("error", {})
                print(status, error.get("message"), error.get("hint"))
                faults += (status, error.get("code")) != (501, "kernel-elsewhere")
        ask("DELETE", near, f"api/kernels/{kernel}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
