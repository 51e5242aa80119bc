"""One JupyterLab, one browser and one notebook a test module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from jupyterlab_server import Lab, Notebook, chromium, serve_front_end
from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with serve_front_end(tmp_path_factory.mktemp("lab")) as started:
        yield started


@pytest.fixture(scope="module")
def notebook(browser: Browser, lab: Lab) -> Iterator[Notebook]:
    name = lab.write_new("1")
    opened = Notebook(browser, lab.address_of(name), name)
    opened.execute("application:toggle-left-area")
    yield opened
    opened.close()
