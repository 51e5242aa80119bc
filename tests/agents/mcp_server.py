"""JupyterLab with `jupyter-server-mcp` in an environment of its own, and an agent that uses it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import uv
from jupyterlab_server import environment_of

from pkgwidgets.demo import Demo
from pkgwidgets.demo.lab import free_port

ROOT = Path(__file__).parents[2]
REQUIREMENTS = (f"{ROOT}[lab,impact]", "jupyter-server-mcp==0.4.1", "ipykernel")


def install(prefix: Path) -> Path:
    """Make an environment with JupyterLab, the MCP server and pkgwidgets; return its Python."""
    python = prefix / "bin" / "python"
    _uv("venv", str(prefix))
    _uv("pip", "install", "--python", str(python), *REQUIREMENTS)
    return python


def _uv(*argv: str) -> None:
    subprocess.run([uv.find_uv_bin(), *argv, "--quiet"], check=True)


@dataclass(frozen=True)
class McpLab:
    """A running JupyterLab: its address, its folder, and the address of its MCP server."""

    url: str
    token: str
    folder: Path
    mcp_url: str

    @property
    def page(self) -> str:
        """The address of JupyterLab's page."""
        return f"{self.url}/lab?reset&token={self.token}"

    def request(self, method: str, path: str, body: object = None) -> Any:
        """Send a request with the token; return the JSON of the answer."""
        request = urllib.request.Request(
            f"{self.url}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def start_kernel(self) -> str:
        """Start a kernel in the garden; return its id."""
        return str(self.request("POST", "api/kernels", {"name": "garden"})["id"])


@contextmanager
def serve(python: Path, garden: Demo, home: Path, *options: str) -> Iterator[McpLab]:
    """Serve a new folder, with a kernel specification of the garden."""
    folder = home / "work"
    folder.mkdir(parents=True)
    _write_kernel(home / "data" / "kernels" / "garden", garden, python)
    mcp_port = free_port()
    lab = McpLab(
        url=f"http://127.0.0.1:{free_port()}",
        token=secrets.token_hex(8),
        folder=folder,
        mcp_url=f"http://127.0.0.1:{mcp_port}/mcp",
    )
    argv = [
        *(str(python), "-m", "jupyterlab", "--no-browser", "--ServerApp.allow_root=True"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={lab.url.rpartition(':')[2]}"),
        *("--ServerApp.port_retries=0", f"--IdentityProvider.token={lab.token}"),
        *(f"--ServerApp.root_dir={folder}", f"--MCPExtensionApp.mcp_port={mcp_port}", *options),
    ]
    variables = {**environment_of(home), "UV_DEFAULT_INDEX": garden.index_url}
    variables = {name: text for name, text in variables.items() if name != "VIRTUAL_ENV"}
    log = home / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            argv, stdout=out, stderr=subprocess.STDOUT, env=variables, cwd=folder
        )
        try:
            _wait_until_up(lab, process, log)
            yield lab
        finally:
            process.terminate()
            process.wait(60)


class Agent:
    """An MCP client in a process of its own."""

    def __init__(self, python: Path, lab: McpLab, name: str = "Gardener") -> None:
        script = Path(__file__).with_name("mcp_session.py")
        self._process = subprocess.Popen(
            [str(python), str(script), lab.mcp_url, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "NO_COLOR": "1"},
        )
        self.transcript: list[str] = []

    def __enter__(self) -> Agent:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def send(self, tool: str, **arguments: Any) -> None:
        """Call a tool, and do not wait for its answer."""
        self._write({"tool": tool, "arguments": arguments})
        self.transcript.append(f">>> {tool}({_arguments_text(arguments)})")

    def receive(self) -> dict[str, Any]:
        """Return the answer to the call before: `is_error`, `progress`, and the JSON as `json`."""
        answer = self._read()
        answer["json"] = json.loads(answer["text"])
        self.transcript.append(answer_text(answer["json"]))
        return answer

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool; return its answer."""
        self.send(tool, **arguments)
        return self.receive()

    def tools(self) -> list[dict[str, Any]]:
        """Return the tools as the server lists them."""
        self._write({})
        found: list[dict[str, Any]] = self._read()["tools"]
        return found

    def _write(self, call: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def answer_text(answer: dict[str, Any]) -> str:
    """Return an answer as JSON with a line for each field, and for each row of a list."""
    lines = []
    for name, value in answer.items():
        if isinstance(value, list) and value:
            rows = ",\n    ".join(json.dumps(row, ensure_ascii=False) for row in value)
            lines.append(f'  "{name}": [\n    {rows}\n  ]')
        else:
            lines.append(f'  "{name}": {json.dumps(value, ensure_ascii=False)}')
    return "{\n" + ",\n".join(lines) + "\n}"


def _arguments_text(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={json.dumps(value)}" for name, value in arguments.items())


def _write_kernel(folder: Path, garden: Demo, python: Path) -> None:
    # ipykernel is not installed in the garden, but is on the kernel's path, by another name: what
    # is in a folder called site-packages is installed.
    borrowed = folder.parents[2] / "borrowed"
    borrowed.symlink_to(next((python.parents[1] / "lib").glob("python*/site-packages")))
    folder.mkdir(parents=True)
    spec = {
        "argv": [str(garden.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Garden",
        "language": "python",
        "env": {"PYTHONPATH": str(borrowed), "PYTHONDONTWRITEBYTECODE": "1"},
    }
    (folder / "kernel.json").write_text(json.dumps(spec))


def _wait_until_up(lab: McpLab, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(2400):
        assert process.poll() is None, log.read_text(errors="replace")
        with suppress(OSError):
            lab.request("GET", "api/status")
            if "MCP server started" in log.read_text(errors="replace"):
                return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    raise AssertionError(log.read_text(errors="replace"))
