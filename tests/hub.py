"""A JupyterHub with three Unix users, one shared environment that they may read, and own ones."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import uv
from shared_machine import ROOT, SharedMachine, User, shared_machine

ROOT_FOLDER = Path(__file__).parent.parent
USERS = ("pkgw-admin", "pkgw-ada", "pkgw-bob")
"""The first one is an administrator of the hub."""
TOKEN = "a-secret-of-these-tests-0123456789"
PROXY = "configurable-http-proxy@5"
PATIENCE = 120.0
CONFIG = """
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {admins!r}
c.JupyterHub.spawner_class = "jupyterhub.spawner.LocalProcessSpawner"
c.Spawner.cmd = [{server!r}]
c.Spawner.environment = {environment!r}
c.Spawner.args = ["--ServerApp.log_level=WARN"]
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub_port}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.JupyterHub.services = [{{"name": "tests", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [
    {{
        "name": "tests",
        "services": ["tests"],
        "scopes": ["admin:users", "admin:servers", "tokens", "access:servers"],
    }}
]
"""


@dataclass(frozen=True)
class Answer:
    """The status and the JSON of an answer."""

    status: int
    json: dict[str, Any]


class Hub:
    """A running hub; `own[name]` is the environment of a user."""

    def __init__(self, machine: SharedMachine, shared: Path, url: str) -> None:
        self.users: dict[str, User] = {}
        self.machine = machine
        self.shared = shared
        self.url = url
        self.own: dict[str, Path] = {}

    def api(self, method: str, path: str, body: object = None) -> Any:
        """Ask the hub itself, as the tests' service."""
        headers = {"Authorization": f"token {TOKEN}"}
        answer = requests.request(
            method, f"{self.url}/hub/api/{path}", json=body, headers=headers, timeout=60
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def token(self, name: str, *scopes: str) -> str:
        """Return a new token of a user, with these scopes, by default with all."""
        body = {"scopes": list(scopes)} if scopes else {}
        return str(self.api("POST", f"users/{name}/tokens", body)["token"])

    def start_servers(self) -> None:
        """Start the servers of all users, and wait until they answer."""
        for name in USERS:
            with suppress(requests.HTTPError):  # the administrator exists from the start
                self.api("POST", f"users/{name}")
            self.api("POST", f"users/{name}/server")
        until = time.monotonic() + PATIENCE
        for name in USERS:
            while not self.api("GET", f"users/{name}")["servers"].get("", {}).get("ready"):
                assert time.monotonic() < until, "the server did not start"
                time.sleep(0.2)

    def ask(self, token: str, server: str, method: str, path: str, body: object = None) -> Answer:
        """Send a request of a token's owner to the server of a user."""
        answer = requests.request(
            method,
            f"{self.url}/user/{server}/pkgwidgets/{path}",
            headers={"Authorization": f"token {token}"} if token else {},
            json=body,
            timeout=PATIENCE,
            allow_redirects=False,
        )
        content = answer.json() if answer.content[:1] == b"{" else {}
        return Answer(answer.status_code, content)


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Make three users and a hub; remove both afterwards."""
    with shared_machine() as machine, _unix_users(machine.folder) as users:
        shared = machine.environment("shared", ROOT)
        _install(machine, shared, "jupyterhub", "jupyter_server", "ipykernel", str(ROOT_FOLDER))
        machine.publish("1.0", "2.0")
        _install_pea(machine, ROOT, shared)
        proxy = machine.folder / "proxy"
        npm = ["npm", "install", "--silent", "--prefix", str(proxy), PROXY]
        subprocess.run(npm, check=True, capture_output=True)
        with _hub(machine, shared, proxy) as hub:
            hub.users = users
            for name, user in users.items():
                hub.own[name] = _own_environment(machine, name, user)
            yield hub


@contextmanager
def _unix_users(folder: Path) -> Iterator[dict[str, User]]:
    homes = folder / "homes"
    homes.mkdir()
    try:
        for name in USERS:
            home = ["--create-home", "--home-dir", str(homes / name), "--shell", "/bin/sh"]
            subprocess.run(["useradd", *home, "--key", "HOME_MODE=0700", name], check=True)
        yield {name: User(pwd.getpwnam(name).pw_uid, pwd.getpwnam(name).pw_gid) for name in USERS}
    finally:
        for name in USERS:
            subprocess.run(["userdel", name], check=False, capture_output=True)


def _own_environment(machine: SharedMachine, name: str, user: User) -> Path:
    """Make an environment in a user's home, with the kernel specification `own`."""
    prefix = machine.environment(f"homes/{name}/own", user)
    _install_pea(machine, user, prefix)
    kernel = machine.folder / "homes" / name / ".local/share/jupyter/kernels/own"
    kernel.mkdir(parents=True)
    argv = [str(prefix / "bin/python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "own", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    home = machine.folder / "homes" / name
    for path in (home, *home.rglob("*")):
        os.chown(path, user.uid, user.gid, follow_symlinks=False)
    return prefix


def _install(machine: SharedMachine, prefix: Path, *requirements: str) -> None:
    command = [uv.find_uv_bin(), "pip", "install", "--quiet", "--link-mode", "copy"]
    python = ["--python", str(prefix / "bin/python")]
    variables = {**os.environ, **machine.loader}
    subprocess.run([*command, *python, *requirements], check=True, env=variables)


def _install_pea(machine: SharedMachine, user: User, prefix: Path) -> None:
    command = [str(machine.folder / "libraries/bin/uv"), "pip", "install", "--quiet"]
    options = ["--no-config", "--default-index", machine.index.url, "pea==1.0"]
    python = ["--python", str(prefix / "bin/python")]
    done = machine.run_command(user, [*command, *python, *options])
    assert done.returncode == 0, done.stderr


@contextmanager
def _hub(machine: SharedMachine, shared: Path, proxy: Path) -> Iterator[Hub]:
    folder = machine.folder / "hub"
    folder.mkdir(mode=0o700)
    port, hub_port, proxy_port = _free_ports(3)
    config = CONFIG.format(
        admins=set(USERS[:1]),
        server=str(shared / "bin/jupyterhub-singleuser"),
        environment={
            **machine.loader, "UV_DEFAULT_INDEX": machine.index.url, "UV_NO_CONFIG": "1",
            "JUPYTERHUB_SINGLEUSER_APP": "jupyter_server.serverapp.ServerApp",
            "TMPDIR": str(machine.folder / "tmp"), "NO_PROXY": "127.0.0.1,localhost",
        },
        port=port,
        hub_port=hub_port,
        proxy_port=proxy_port,
        proxy=str(proxy / "node_modules/.bin/configurable-http-proxy"),
        token=TOKEN,
    )  # fmt: skip
    (folder / "jupyterhub_config.py").write_text(config)
    node = Path(shutil.which("node") or "node").parent
    path = f"{shared / 'bin'}:{node}:{os.defpath}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(shared / "bin/jupyterhub")],
            cwd=folder,
            env={
                **machine.loader,
                "PATH": path,
                "HOME": str(folder),
                "NO_PROXY": "127.0.0.1,localhost",
            },
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        hub = Hub(machine, shared, f"http://127.0.0.1:{port}")
        try:
            _wait_for(hub, process, folder / "log")
            yield hub
        finally:
            for name in USERS:
                with suppress(requests.RequestException):
                    hub.api("DELETE", f"users/{name}/server")
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait_for(hub: Hub, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        with suppress(requests.RequestException):
            hub.api("GET", "users")
            return
        time.sleep(0.3)
    raise AssertionError(log.read_text()[-4000:])


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in sockets]
    finally:
        for free in sockets:
            free.close()
