"""Real Jupyter front ends in a real headless Chromium.

JupyterLab, Notebook 7 and Voilà run alike: with a home of their own, on loopback, with
kernels on this interpreter. `Notebook` is one notebook in a window of its own.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from lean_jupyter import command
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

import pkgwidgets
from pkgwidgets.demo.lab import free_port

ARTEFACTS = Path(__file__).parent / "artefacts"
"""The folder of the pictures."""

_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
_SETTINGS = {
    "apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "docmanager-extension/plugin": {"autosave": False},
}
_APPS = {
    "lab": ("jupyterlab", "lab/tree/", "LabApp"),
    "notebook": ("notebook", "notebooks/", "JupyterNotebookApp"),
    "voila": ("voila", "voila/render/", ""),
}
"""The module to run, the path of a notebook's page, and the class that exposes the application."""

_PATIENCE = 90_000
# Synchronous: a promise would count as true.
_READY = """(path) => {
  const shell = window.jupyterapp?.shell;
  const widget = [...(shell?.widgets('main') ?? [])].find(({ context }) => context?.path === path);
  if (!widget?.context.isReady || !widget.sessionContext.isReady) return false;
  if (widget !== shell.currentWidget) { // what was beside it before a reload may be in front
    shell.activateById(widget.id);
    return false;
  }
  const kernel = widget.sessionContext.session && widget.sessionContext.session.kernel;
  return !!kernel && kernel.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
_RUN = """([place, wait]) => {
  const { commands, shell } = window.jupyterapp;
  shell.currentWidget.content.activeCellIndex = place;
  const done = commands.execute('notebook:run-cell');
  return wait ? done.then(() => null) : null;
}"""
_ASK = """async (code) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({ code, store_history: false });
  let output = '';
  future.onIOPub = ({ content: { name, text, traceback } }) => {
    if (name !== 'stderr') output += text ?? (traceback ?? []).join('\\n');
  };
  await future.done;
  return output;
}"""
_REWRITE = """([place, source]) => {
  const cell = window.jupyterapp.shell.currentWidget.content.widgets[place];
  cell.model.sharedModel.setSource(source);
  cell.model.clearExecution?.();
}"""
_SHUT_DOWN = """() => Promise.all([...window.jupyterapp.shell.widgets('main')].map(
  (widget) => widget.sessionContext?.shutdown?.().catch(() => 0)))"""
# Close without a question: also changed notebooks and docked panels.
_LEAVE = """() => {
  const { shell } = window.jupyterapp;
  const docked = [...shell.widgets('left'), ...shell.widgets('right'), ...shell.widgets('down')]
    .filter((widget) => widget.node.querySelector('.pkgw-panel'));
  for (const widget of [...shell.widgets('main'), ...docked]) widget.dispose();
}"""
_NUMBERS = count(1)

expect.set_options(timeout=40_000)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium, or the one of `PKGWIDGETS_CHROMIUM`.

    Use it for one module at a time: its event loop is the only one in the process.
    """
    name = os.environ.get("PKGWIDGETS_CHROMIUM", "chromium")
    executable = shutil.which(name)
    assert executable, f"no {name} on the path: install Chromium, or name it in PKGWIDGETS_CHROMIUM"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=_FLAGS)
        yield browser
        browser.close()


@dataclass(frozen=True)
class Lab:
    """A running front end: its address, its token and the folder that it serves."""

    url: str
    token: str
    folder: Path
    app: str = "lab"

    def write(self, name: str, *cells: str) -> str:
        """Write a notebook with these code cells; return its name."""
        (self.folder / name).write_text(json.dumps(_contents(cells)))
        return name

    def write_new(self, *cells: str) -> str:
        """Write a notebook under a new name; return the name."""
        return self.write(f"notebook-{next(_NUMBERS)}.ipynb", *cells)

    def address_of(self, name: str) -> str:
        """Return the address of a notebook's page."""
        reset = "reset&" if self.app == "lab" else ""
        return f"{self.url}/{_APPS[self.app][1]}{name}?{reset}token={self.token}"

    def read(self, name: str) -> dict[str, Any]:
        """Return a saved notebook, once the server has written all of it."""
        for _ in range(100):
            with suppress(ValueError):
                content: dict[str, Any] = json.loads((self.folder / name).read_text("utf-8"))
                return content
            time.sleep(0.1)
        raise TimeoutError(f"{name} is not valid JSON")

    def end_kernels(self) -> None:
        """Shut down the kernels of earlier tests."""
        for kernel in self._ask("GET", "kernels"):
            self._ask("DELETE", f"kernels/{kernel['id']}")

    def _ask(self, method: str, path: str) -> Any:
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.url}/api/{path}", headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")


@contextmanager
def serve_front_end(home: Path, app: str = "lab", *, python: str = sys.executable) -> Iterator[Lab]:
    """Serve a new folder with one of the front ends of a Python, in a home of its own."""
    work = home / "work"
    work.mkdir(parents=True)
    for plugin, settings in _SETTINGS.items():
        file = home / "settings" / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))
    copy_labextension(home / "labextensions")
    lab = Lab(f"http://127.0.0.1:{free_port()}", secrets.token_hex(8), work, app)
    log = home / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            _argv(lab, python),
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment_of(home),
            cwd=work,
        )
        try:
            _wait_until_up(lab, process, log)
            yield lab
        finally:
            _end(process)


def copy_labextension(folder: Path) -> None:
    """Copy JupyterLab's extension from this checkout: the installed copy may be older."""
    source = Path(pkgwidgets.__file__).parent
    copy = folder / "pkgwidgets"
    shutil.copytree(source / "labextension", copy)
    shutil.copytree(source / "widgets" / "static", copy / "static" / "views")


def environment_of(home: Path) -> dict[str, str]:
    """Return the environment variables of a process with this home and no display."""
    hidden = ("DISPLAY", "WAYLAND_DISPLAY")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    folders = {
        "HOME": "",
        "IPYTHONDIR": "ipython",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "UV_CACHE_DIR": "uv",
        "XDG_CACHE_HOME": "cache",
    }
    # The kernel must be this Python, whatever the user's folder has as "python3".
    own = {name: str(home / folder) for name, folder in folders.items()}
    return {**kept, **own, "JUPYTER_PREFER_ENV_PATH": "1"}


def _argv(lab: Lab, python: str) -> list[str]:
    module, _, exposes = _APPS[lab.app]
    port = lab.url.rpartition(":")[2]
    if lab.app == "voila":
        more = [f"--port={port}", "--Voila.ip=127.0.0.1", f"--token={lab.token}", str(lab.folder)]
        return command(module, "--no-browser", *more, python=python)
    return command(
        module,
        "--no-browser",
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        *(f"--IdentityProvider.token={lab.token}", f"--ServerApp.root_dir={lab.folder}"),
        *("--ServerApp.allow_root=True", f"--{exposes}.expose_app_in_browser=True"),
        *_labextension_options(lab, {exposes, "LabApp"}, Path(python).parent.parent),
        python=python,
    )


def _labextension_options(lab: Lab, apps: set[str], prefix: Path) -> list[str]:
    """Return the options that name the extensions; beside Notebook, JupyterLab serves settings."""
    installed = prefix / "share" / "jupyter" / "labextensions"
    paths = (lab.folder.parent / "labextensions", installed)
    return [f"--{app}.labextensions_path={path}" for app in sorted(apps) for path in paths]


def _wait_until_up(lab: Lab, process: subprocess.Popen[bytes], log: Path) -> None:
    place = "voila/tree" if lab.app == "voila" else "api/status"
    for _ in range(2400):  # four minutes: machines may be busy
        assert process.poll() is None, log.read_text(errors="replace")
        with suppress(OSError):
            urllib.request.urlopen(f"{lab.url}/{place}?token={lab.token}", timeout=5).close()
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    raise AssertionError(log.read_text(errors="replace"))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(30)


class Notebook:
    """A notebook, open in a window of its own, in JupyterLab or Notebook 7."""

    def __init__(
        self, browser: Browser, address: str, name: str, *, width: int = 1400, scale: float = 1
    ) -> None:
        self.name = name
        window = browser.new_context(
            viewport={"width": width, "height": 1000}, device_scale_factor=scale
        )
        self.page: Page = window.new_page()
        self.received = 0
        """Bytes received over its web sockets so far."""
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._count))
        self.page.goto(address)
        self.wait_until_idle()

    def _count(self, frame: bytes | str) -> None:
        self.received += len(frame if isinstance(frame, bytes) else frame.encode())

    def switch_to(self, name: str) -> None:
        """Close everything, and open another notebook in the same window (JupyterLab only).

        It takes a tenth of the time of a new window, which starts the front end again.
        """
        self.page.evaluate(_SHUT_DOWN)
        self.page.evaluate(_LEAVE)
        self.resize(1400)
        self.name = name
        self.execute("docmanager:open", path=name)
        self.wait_until_idle()

    def wait_until_idle(self) -> None:
        """Wait for the kernel."""
        self.page.wait_for_function(_READY, arg=self.name, timeout=_PATIENCE)

    def rewrite(self, place: int, source: str) -> None:
        """Replace the source of a cell, and clear its output."""
        self.page.evaluate(_REWRITE, [place, source])

    def run(self, place: int = 0, *, wait: bool = False) -> Locator:
        """Run one cell, and return its output."""
        self.page.evaluate(_RUN, [place, wait])
        return self.page.locator(".jp-Notebook .jp-Cell").nth(place).locator(".jp-OutputArea")

    def run_all(self) -> None:
        """Run all cells, as the menu does."""
        self.execute("notebook:run-all-cells")
        self.wait_until_idle()

    def ask(self, code: str) -> Any:
        """Run code outside the cells, and return the JSON value that it printed."""
        output = self.page.evaluate(_ASK, code)
        return json.loads(output) if output else None

    def execute(self, command: str, **options: object) -> None:
        """Execute one of the front end's commands."""
        self.page.evaluate(
            "([name, options]) => "
            "window.jupyterapp.commands.execute(name, options).then(() => null)",
            [command, options],
        )

    def set_theme(self, theme: str) -> None:
        """Change the theme."""
        self.execute("apputils:change-theme", theme=theme)
        light = "true" if "Light" in theme else "false"
        self.page.wait_for_selector(
            f"body[data-jp-theme-name={theme!r}][data-jp-theme-light={light!r}]", state="attached"
        )

    def resize(self, width: int, height: int = 1000) -> None:
        """Resize the window."""
        self.page.set_viewport_size({"width": width, "height": height})

    def close(self) -> None:
        """Close the window, and shut down the kernels."""
        self.page.evaluate(_SHUT_DOWN)
        self.page.context.close()


def take_picture(place: Locator | Page, name: str) -> Path:
    """Take a picture without animations; return its path."""
    ARTEFACTS.mkdir(exist_ok=True)
    file = ARTEFACTS / f"{name}.png"
    place.screenshot(path=file, animations="disabled")
    return file


def _contents(cells: tuple[str, ...]) -> dict[str, object]:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": kernel},
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "metadata": {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for number, source in enumerate(cells)
        ],
    }
