"""A real JupyterLab, started as a user would, in a real headless Chromium."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

ARTEFACTS = Path(__file__).parent.parent / "artefacts"
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
_PATIENCE = 60_000
_READY = """(path) => {
  const app = window.jupyterapp, widget = app && app.shell.currentWidget;
  if (!widget || !widget.context || !widget.context.isReady) return false;
  if (widget.context.path !== path || !widget.sessionContext.isReady) return false;
  const kernel = widget.sessionContext.session && widget.sessionContext.session.kernel;
  return !!kernel && kernel.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
_RUN_ALL = """() => window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => null)"""

expect.set_options(timeout=20_000)


@dataclass(frozen=True)
class Demo:
    """A running `pkgwidgets demo`: the address that it printed."""

    url: str


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium of the system; there is no skipping without one.

    Only for one module: while it runs, its event loop is the only one in the process.
    """
    name = os.environ.get("PKGWIDGETS_CHROMIUM", "chromium")
    found = shutil.which(name)
    assert found, f"no {name} on the path: install Chromium, or name it in PKGWIDGETS_CHROMIUM"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`pkgwidgets demo` without a display, in a home of its own."""
    home = tmp_path_factory.mktemp("home")
    config = home / "config"
    config.mkdir()
    config.joinpath("jupyter_lab_config.py").write_text("c.LabApp.expose_app_in_browser = True\n")
    folders = {
        "HOME": home,
        "IPYTHONDIR": home / "ipython",
        "JUPYTER_CONFIG_DIR": config,
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "UV_CACHE_DIR": home / "uv",
    }
    hidden = ("DISPLAY", "WAYLAND_DISPLAY")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {name: str(folder) for name, folder in folders.items()}
    said = home / "said"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "pkgwidgets", "demo"],
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=home,
        )
        try:
            yield Demo(_address(process, said))
        finally:
            process.terminate()
            process.wait(30)


def _address(process: subprocess.Popen[bytes], said: Path) -> str:
    """Wait until Lab answers, and return the address that was printed first."""
    for _ in range(600):
        text = said.read_text(errors="replace")
        assert process.poll() is None, text
        found = re.search(r"http://127\.0\.0\.1:\d+/lab/tree/\S+", text)
        if found and "is running at" in text:
            return found.group(0)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.1)
    raise AssertionError(said.read_text(errors="replace"))


class Notebook:
    """One notebook open in Lab, in a browser window of its own."""

    def __init__(self, browser: Browser, demo: Demo, name: str, *, width: int = 1400) -> None:
        window = {"width": width, "height": 1200}
        self.page: Page = browser.new_context(viewport=window).new_page()  # type: ignore[arg-type]
        self.name = name
        self.page.goto(demo.url.replace("?", "?reset&"))
        self.wait_until_idle()

    def wait_until_idle(self) -> None:
        """Wait for the kernel. The predicate is synchronous: a promise would count as true."""
        self.page.wait_for_function(_READY, arg=self.name, timeout=_PATIENCE)

    def run_all(self) -> None:
        """Run all cells, as the menu does."""
        self.page.evaluate(_RUN_ALL)
        self.wait_until_idle()

    def close(self) -> None:
        """Close the window."""
        self.page.context.close()


@pytest.fixture
def quickstart(chromium: Browser, demo: Demo) -> Iterator[Notebook]:
    """The quickstart notebook, open and not yet run."""
    notebook = Notebook(chromium, demo, "quickstart.ipynb")
    yield notebook
    ARTEFACTS.mkdir(exist_ok=True)
    notebook.page.screenshot(path=ARTEFACTS / "last-page.png")
    notebook.close()
