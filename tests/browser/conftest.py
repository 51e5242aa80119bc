"""One browser and one JupyterLab a test module, and the demo as a new user sees it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import jupyterlab_server as front_ends
import pytest
from browser.panel_notebook import GARDEN, PANEL, PanelNotebook
from jupyterlab_server import Lab, Notebook, environment_of, serve_front_end, take_picture
from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's headless Chromium; without one the tests fail."""
    with front_ends.chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with serve_front_end(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="module")
def window(chromium: Browser, lab: Lab) -> Iterator[PanelNotebook]:
    """One window that opens one notebook after the other."""
    notebook = PanelNotebook(chromium, lab, lab.write("first.ipynb", "1"))
    yield notebook
    notebook.close()


@pytest.fixture
def notebook(
    window: PanelNotebook, lab: Lab, request: pytest.FixtureRequest
) -> Iterator[PanelNotebook]:
    """A checked panel on a garden of its own; the parameter adds cells after it."""
    more: list[str] = getattr(request, "param", [])
    window.switch_to(lab.write(f"{request.node.originalname}.ipynb", GARDEN, PANEL, *more))
    window.run(0)
    window.run(1)
    window.wait_until_checked()
    yield window
    lab.end_kernels()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address that `pkgwidgets demo` prints, in a home of its own without a display."""
    home = tmp_path_factory.mktemp("home")
    config = home / "shared-config"  # the demo reads none of the user's own
    config.mkdir()
    config.joinpath("jupyter_lab_config.py").write_text("c.LabApp.expose_app_in_browser = True\n")
    output = home / "output"
    with output.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "pkgwidgets", "demo"],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**environment_of(home), "JUPYTER_CONFIG_PATH": str(config)},
            cwd=home,
        )
        try:
            yield _wait_for_address(process, output)
        finally:
            process.terminate()
            process.wait(30)


def _wait_for_address(process: subprocess.Popen[bytes], output: Path) -> str:
    """Wait until JupyterLab answers; return the printed address."""
    for _ in range(600):
        text = output.read_text(errors="replace")
        assert process.poll() is None, text
        match = re.search(r"http://127\.0\.0\.1:\d+/lab/tree/\S+", text)
        if match and "is running at" in text:
            return match.group(0)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    raise AssertionError(output.read_text(errors="replace"))


@pytest.fixture
def quickstart(chromium: Browser, demo: str) -> Iterator[Notebook]:
    """The quickstart notebook, open and not yet run."""
    notebook = Notebook(chromium, demo.replace("?", "?reset&"), "quickstart.ipynb")
    yield notebook
    take_picture(notebook.page, "last-page")
    notebook.page.context.close()
