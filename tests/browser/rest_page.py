"""A page of a real Jupyter server that opens the panel over REST, and the kernels behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from borrowed_libraries import borrow_libraries
from jupyter_client.blocking.client import BlockingKernelClient
from playwright.sync_api import Browser, Locator, Page, Route
from server.server_process import TOKEN, ServerProcess

from pkgwidgets.demo import Demo
from pkgwidgets.widgets.assets import STATIC

_HTML = """<!doctype html><meta charset="utf-8"><title>Packages</title>
<body data-jp-theme-light="true" style="margin:8px">
<style>body[data-jp-theme-light="false"] {
  background: #111; color-scheme: dark;
  --jp-layout-color1: #111; --jp-ui-font-color0: #fff; --jp-ui-font-color1: #ffffffde;
  --jp-ui-font-color2: #ffffffb3; --jp-border-color1: #616161; --jp-border-color2: #424242;
  --jp-brand-color1: #2196f3; --jp-error-color1: #d32f2f; --jp-warn-color1: #ff9800;
  --jp-success-color1: #388e3c; --jp-info-color1: #00bcd4; }</style>
<div id="place"></div></body>"""
_OPEN = """async (options) => {
  const { openRestPanel } = await import(new URL("views/rest_panel.js", location.href));
  window.panel = openRestPanel(document.getElementById("place"), options);
}"""


class RestPage:
    """A window with the panel; `options` are those of `openRestPanel`, besides server and token."""

    def __init__(self, browser: Browser, server: ServerProcess, **size: int) -> None:
        self._server = server
        viewport = {"width": size.get("width", 1000), "height": size.get("height", 700)}
        window = browser.new_context(viewport=viewport)  # type: ignore[arg-type]
        self.page: Page = window.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.route(f"{server.url}rest.html", self._answer_page)
        self.page.route(f"{server.url}views/**", self._answer_file)

    def open(self, **options: Any) -> None:
        """Open the panel, by default with the token of the server."""
        self.page.goto(f"{self._server.url}rest.html")
        base = urlsplit(self._server.url).path
        self.page.evaluate(_OPEN, {"baseUrl": base, "token": TOKEN, **options})

    def row(self, name: str) -> Locator:
        """Return the row of a package."""
        return self.page.locator(f".pkgw-line[data-id={name!r}]")

    def section(self, name: str) -> Locator:
        """Return one of the views by its label."""
        return self.page.locator(f"section[aria-label={name!r}]")

    def button(self, name: str) -> Locator:
        """Return a button by its exact name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def close(self) -> None:
        """Close the window; fail if a script of the page failed."""
        self.page.context.close()
        assert self.errors == []

    def _answer_page(self, route: Route) -> None:
        route.fulfill(body=_HTML, content_type="text/html")

    def _answer_file(self, route: Route) -> None:
        file = STATIC / urlsplit(route.request.url).path.partition("/views/")[2]
        kind = "text/css" if file.suffix == ".css" else "text/javascript"
        route.fulfill(body=file.read_text("utf-8"), content_type=kind)


def write_kernelspec(garden: Demo, folder: Path) -> None:
    """Let the kernelspec `garden` start kernels: with ipykernel on their path, not pkgwidgets."""
    borrowed = borrow_libraries(folder / "borrowed", has_pkgwidgets=False)
    spec = {
        "argv": [str(garden.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "garden",
        "language": "python",
        "env": {"PYTHONPATH": str(borrowed), "PYTHONDONTWRITEBYTECODE": "1"},
    }
    file = folder / "data" / "kernels" / "garden" / "kernel.json"
    file.write_text(json.dumps(spec), "utf-8")


@contextmanager
def started_kernel(server: ServerProcess, folder: Path) -> Iterator[tuple[str, Any]]:
    """Start a kernel of the server; yield its id and a client of it."""
    headers = {"Authorization": f"token {TOKEN}"}
    answer = requests.post(
        f"{server.url}api/kernels", json={"name": "garden"}, headers=headers, timeout=60
    )
    kernel_id = str(answer.json()["id"])
    file = folder / "runtime" / f"kernel-{kernel_id}.json"
    client = BlockingKernelClient(connection_file=str(file))
    client.load_connection_file()
    client.start_channels(hb=False)  # a kernel that starts slowly is not dead
    client.kernel_info(reply=True, timeout=90)
    try:
        yield kernel_id, client
    finally:
        client.stop_channels()
        requests.delete(f"{server.url}api/kernels/{kernel_id}", headers=headers, timeout=60)
