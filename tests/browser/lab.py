"""A JupyterLab server on a folder of notebooks, and the demo's panel in one of them."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
from browser.conftest import Demo, Notebook
from playwright.sync_api import Browser, Locator, Page

GARDEN = (
    "from pkgwidgets import PackagePanel, PackageService, demo\n"
    "garden = demo.start()\n"
    "service = PackageService(garden.python, index_url=garden.index_url)"
)
PANEL = "panel = PackagePanel(service)\npanel"

_SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "doNotDisturbMode": True},
    "docmanager-extension/plugin": {"autosave": False},
}
_THEME = """(theme) => window.jupyterapp.commands.execute(
  'apputils:change-theme', {theme}).then(() => null)"""
_RUN = """(index) => {
  const {commands, shell} = window.jupyterapp;
  shell.currentWidget.content.activeCellIndex = index;
  commands.execute('notebook:run-cell');
}"""


@dataclass(frozen=True)
class Lab:
    """A running server: its address, its token and the folder that it serves."""

    url: str
    token: str
    folder: Path

    def write(self, name: str, *cells: str) -> None:
        """Put a notebook of these code cells there."""
        notebook = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
        notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]  # type: ignore[no-untyped-call]
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, self.folder / name)  # type: ignore[no-untyped-call]

    def at(self, path: str) -> str:
        """Return the address of a page."""
        return f"{self.url}/{path}?token={self.token}"

    def open(self, browser: Browser, name: str, *, width: int = 1400) -> Opened:
        """Open a notebook in a window of its own."""
        return Opened(browser, Demo(self.at(f"lab/tree/{name}")), name, width=width)

    def end_kernels(self) -> None:
        """End what the notebooks of earlier tests left running."""
        place = f"{self.url}/api/kernels"
        headers = {"Authorization": f"token {self.token}"}
        with urllib.request.urlopen(urllib.request.Request(place, headers=headers)) as answer:
            found = json.load(answer)
        for kernel in found:
            request = urllib.request.Request(
                f"{place}/{kernel['id']}", headers=headers, method="DELETE"
            )
            urllib.request.urlopen(request).close()


class Opened(Notebook):
    """One notebook open in Lab, with a panel in it."""

    @property
    def panel(self) -> Locator:
        return self.page.locator(".pkgw-panel").first

    def row(self, id: str) -> Locator:
        return self.panel.locator(f"tr[data-id={id}]")

    def button(self, name: str) -> Locator:
        return self.panel.get_by_role("button", name=name, exact=True)

    def part(self, label: str) -> Locator:
        """Return the section of the panel that is called so."""
        return self.panel.locator(f"section[aria-label='{label}']")

    def wait_until_checked(self) -> None:
        self.panel.get_by_text("checked moments ago").wait_for(timeout=25_000)

    def run(self, index: int) -> None:
        """Run one cell, and do not wait for it."""
        self.page.evaluate(_RUN, index)

    def to_dark(self) -> None:
        self.page.evaluate(_THEME, "JupyterLab Dark")

    def to_light(self) -> None:
        self.page.evaluate(_THEME, "JupyterLab Light")

    def execute(self, command: str) -> None:
        """Execute one of Lab's commands."""
        self.page.evaluate("(c) => window.jupyterapp.commands.execute(c).then(() => null)", command)


@contextmanager
def served(place: Path, extra: Sequence[str] = ()) -> Iterator[Lab]:
    """Serve a new folder, as somebody else's home."""
    folder = place / "notebooks"
    folder.mkdir(parents=True)
    for plugin, settings in _SETTINGS.items():
        file = place / "settings" / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))
    lab = Lab(f"http://127.0.0.1:{_free_port()}", secrets.token_hex(8), folder)
    with (place / "said").open("wb") as out:
        process = subprocess.Popen(
            _argv(lab, extra), stdout=out, stderr=subprocess.STDOUT, env=_env(place), cwd=folder
        )
        try:
            _wait_until_up(lab, process, place / "said")
            yield lab
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(30)


def photographed(place: Locator | Page, path: Path) -> None:
    """Take a picture once nothing moves any more."""
    path.parent.mkdir(exist_ok=True, parents=True)
    place.screenshot(path=path, animations="disabled")


def _argv(lab: Lab, extra: Sequence[str]) -> list[str]:
    port = lab.url.rpartition(":")[2]
    return [
        *(sys.executable, "-m", "jupyter", "lab", "--no-browser"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        *(f"--IdentityProvider.token={lab.token}", f"--ServerApp.root_dir={lab.folder}"),
        *("--ServerApp.allow_root=True", "--LabApp.expose_app_in_browser=True"),
        *("--JupyterNotebookApp.expose_app_in_browser=True", *extra),
    ]


def _env(place: Path) -> dict[str, str]:
    hidden = ("DISPLAY", "WAYLAND_DISPLAY")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    folders = {
        "HOME": "home",
        "IPYTHONDIR": "ipython",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "XDG_CACHE_HOME": "cache",
        "UV_CACHE_DIR": "uv",
    }
    # The kernel must be the Python that has us, whatever the user's folder offers as "python3".
    own = {name: str(place / folder) for name, folder in folders.items()}
    return {**kept, **own, "JUPYTER_PREFER_ENV_PATH": "1"}


def _wait_until_up(lab: Lab, process: subprocess.Popen[bytes], said: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, said.read_text(errors="replace")
        try:
            with urllib.request.urlopen(f"{lab.url}/api/status?token={lab.token}", timeout=5):
                return
        except OSError:
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
    raise AssertionError(said.read_text(errors="replace"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
