"""A real JupyterLab in a real headless Chromium, for notebooks that are written on the spot."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
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

from playwright.sync_api import Browser, Locator, Page, sync_playwright

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
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension/plugin": {"autosave": False},
}
_PATIENCE = 90_000
# Synchronous: a promise would count as true.
_READY = """(path) => {
  const app = window.jupyterapp, widget = app && app.shell.currentWidget;
  if (!widget || !widget.context || !widget.context.isReady) return false;
  if (widget.context.path !== path || !widget.sessionContext.isReady) return false;
  const kernel = widget.sessionContext.session && widget.sessionContext.session.kernel;
  return !!kernel && kernel.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
_RUN = """async (place) => {
  const app = window.jupyterapp;
  app.shell.currentWidget.content.activeCellIndex = place;
  await app.commands.execute('notebook:run-cell');
}"""
_ASK = """async (code) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({ code, store_history: false });
  let said = '';
  future.onIOPub = ({ content: { text, traceback } }) => {
    said += text ?? (traceback ?? []).join('\\n');
  };
  await future.done;
  return said;
}"""
_THEME = """async (theme) => {
  await window.jupyterapp.commands.execute('apputils:change-theme', { theme });
}"""
_REWRITE = """([place, source]) => {
  const cell = window.jupyterapp.shell.currentWidget.content.widgets[place];
  cell.model.sharedModel.setSource(source);
  cell.model.clearExecution?.();
}"""
_NUMBERS = count(1)


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: its address, and the folder it serves."""

    url: str
    token: str
    folder: Path


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium; `PKGWIDGETS_CHROMIUM` names another one."""
    name = os.environ.get("PKGWIDGETS_CHROMIUM", "chromium")
    found = shutil.which(name)
    assert found, f"no {name} on the path: install Chromium, or name it in PKGWIDGETS_CHROMIUM"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_FLAGS)
        yield browser
        browser.close()


@contextmanager
def jupyterlab(home: Path) -> Iterator[Lab]:
    """Serve JupyterLab, its kernels on this interpreter, in a home of its own on loopback."""
    work = home / "work"
    work.mkdir(parents=True)
    for plugin, settings in _SETTINGS.items():
        file = home / "settings" / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))
    folders = {
        "HOME": home,
        "IPYTHONDIR": home / "ipython",
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
    }
    environment = os.environ | {name: str(folder) for name, folder in folders.items()}
    environment["JUPYTER_PREFER_ENV_PATH"] = "1"
    token, port = secrets.token_hex(8), _free_port()
    lab = Lab(f"http://127.0.0.1:{port}", token, work)
    log = home / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser"),
                f"--ServerApp.port={port}",
                "--ServerApp.ip=127.0.0.1",
                "--ServerApp.port_retries=0",
                "--ServerApp.allow_root=True",
                f"--ServerApp.root_dir={work}",
                f"--IdentityProvider.token={token}",
                "--LabApp.expose_app_in_browser=True",
            ],
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=work,
        )
        try:
            _wait_for(lab, process, log)
            yield lab
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(lab: Lab, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text(errors="replace")
        with suppress(OSError):
            urllib.request.urlopen(f"{lab.url}/api/status?token={lab.token}", timeout=5).close()
            return
        time.sleep(0.1)
    raise AssertionError(log.read_text(errors="replace"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Notebook:
    """A notebook of these cells, open in a window of its own."""

    def __init__(self, browser: Browser, lab: Lab, *cells: str, width: int = 1400) -> None:
        self.name = f"notebook-{next(_NUMBERS)}.ipynb"
        (lab.folder / self.name).write_text(json.dumps(_contents(cells)))
        self.page: Page = browser.new_context(viewport={"width": width, "height": 1000}).new_page()
        self.received = 0
        """Bytes that came over its web sockets so far."""
        self.page.on("websocket", lambda opened: opened.on("framereceived", self._count))
        self.page.goto(f"{lab.url}/lab/tree/{self.name}?reset&token={lab.token}")
        self.wait_until_idle()
        self.page.evaluate(
            "() => window.jupyterapp.commands.execute('application:toggle-left-area')"
        )

    def _count(self, frame: bytes | str) -> None:
        self.received += len(frame if isinstance(frame, bytes) else frame.encode())

    def wait_until_idle(self) -> None:
        """Wait for the kernel."""
        self.page.wait_for_function(_READY, arg=self.name, timeout=_PATIENCE)

    def rewrite(self, place: int, source: str) -> None:
        """Give a cell another source, and no output."""
        self.page.evaluate(_REWRITE, [place, source])

    def run(self, place: int = 0) -> Locator:
        """Run one cell, and return its output."""
        self.page.evaluate(_RUN, place)
        return self.page.locator(".jp-Notebook .jp-Cell").nth(place).locator(".jp-OutputArea")

    def ask(self, code: str) -> Any:
        """Run code beside the cells, and return the value of the JSON that it printed."""
        said = self.page.evaluate(_ASK, code)
        return json.loads(said) if said else None

    def wear(self, theme: str) -> None:
        """Change JupyterLab's theme."""
        self.page.evaluate(_THEME, theme)
        light = "true" if "Light" in theme else "false"
        self.page.wait_for_selector(
            f"body[data-jp-theme-name={theme!r}][data-jp-theme-light={light!r}]", state="attached"
        )

    def close(self) -> None:
        """Close the window, and end the kernel."""
        self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown().catch(() => 0)"
        )
        self.page.context.close()


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
