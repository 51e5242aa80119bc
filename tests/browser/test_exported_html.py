"""A notebook that nbconvert ran and exported shows the packages, without a kernel or a network."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import npm_package
import pytest
from browser.panel_notebook import GARDEN
from jupyterlab_server import take_picture
from nbclient import NotebookClient
from nbconvert import HTMLExporter, MarkdownExporter
from playwright.sync_api import Browser, Page, Route, expect

pytestmark = pytest.mark.slow

CHECK = """import time
garden.index.fresh_seconds = 600
time.sleep(3)  # file times cannot miss a change then
service.check_for_updates();"""
STATE = "application/vnd.jupyter.widget-state+json"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    """A notebook with a panel, with the state of its widgets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
        cells = [GARDEN, CHECK, "PackagePanel(service)"]
        notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, cells)))  # type: ignore[no-untyped-call]
        client = NotebookClient(notebook, kernel_name="python3", timeout=120)
        client.execute()
        return client.nb


@pytest.fixture
def page(executed: nbformat.NotebookNode, chromium: Browser, tmp_path: Path) -> Iterator[Page]:
    """The exported notebook in a browser without a network."""
    file = tmp_path / "exported.html"
    html, _ = HTMLExporter().from_notebook_node(executed)  # type: ignore[no-untyped-call]
    file.write_text(html)
    window = chromium.new_context(offline=True)
    opened = window.new_page()
    opened.goto(file.as_uri(), wait_until="domcontentloaded")
    yield opened
    window.close()


def test_exported_page_shows_the_last_check_though_state_is_stored(
    executed: nbformat.NotebookNode, page: Page
) -> None:
    assert len(executed.metadata["widgets"][STATE]["state"]) > 5
    row = page.locator("tr", has_text="seedshelf").last
    expect(row).to_be_visible()
    expect(row.locator("td")).to_have_text(["seedshelf", "1.4.1", "1.4.2", "", "update available"])
    take_picture(page, "exported")


def test_exported_text_has_the_list(executed: nbformat.NotebookNode) -> None:
    text, _ = MarkdownExporter().from_notebook_node(executed)  # type: ignore[no-untyped-call]
    assert "<td>seedshelf</td><td>1.4.1</td><td>1.4.2</td>" in text


def test_page_with_a_widget_manager_shows_one_list_with_the_last_check(
    executed: nbformat.NotebookNode, chromium: Browser, tmp_path: Path
) -> None:
    scripts = {
        "require.min.js": npm_package.read(tmp_path, "requirejs@2", "require.js"),
        "embed-amd.js": npm_package.read(
            tmp_path, "@jupyter-widgets/html-manager@1", "dist/embed-amd.js"
        ),
        "index.js": (
            Path(sys.prefix) / "share/jupyter/nbextensions/anywidget/index.js"
        ).read_text(),
    }
    html, _ = HTMLExporter().from_notebook_node(executed)  # type: ignore[no-untyped-call]
    window = chromium.new_context(viewport={"width": 1200, "height": 900})
    page = window.new_page()

    def answer(route: Route) -> None:
        """Answer as the CDN does that the page names."""
        name = urlsplit(route.request.url).path.rpartition("/")[2]
        if name == "exported.html":
            route.fulfill(body=html, content_type="text/html")
        elif name in scripts:
            headers = {"Access-Control-Allow-Origin": "*"}
            route.fulfill(body=scripts[name], content_type="text/javascript", headers=headers)
        else:
            route.abort()

    page.route("**/*", answer)
    page.goto("http://exported.invalid/exported.html", wait_until="domcontentloaded")
    expect(page.locator(".pkgw-panel tr[data-id=seedshelf]")).to_have_count(1)
    expect(page.locator(".pkgw-panel")).to_be_hidden()  # its state was stored before a check
    expect(page.locator(".pkgw-static")).to_contain_text("seedshelf1.4.11.4.2")
    take_picture(page, "exported-with-widgets")
    window.close()
