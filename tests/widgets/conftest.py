"""One JupyterLab, one browser and one notebook for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab import Lab, Notebook, chromium, jupyterlab
from playwright.sync_api import Browser, expect

expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Only for one module: while it runs, its event loop is the only one in the process."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with jupyterlab(tmp_path_factory.mktemp("lab")) as started:
        yield started


@pytest.fixture(scope="module")
def notebook(browser: Browser, lab: Lab) -> Iterator[Notebook]:
    opened = Notebook(browser, lab, "1")
    yield opened
    opened.close()
