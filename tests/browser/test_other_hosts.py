"""The panel in marimo and in Shiny for Python: check, plan, apply, undo, by clicks.

Both are installed from the configured index, into an environment of their own.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import uv
from jupyterlab_server import environment_of, take_picture
from playwright.sync_api import Browser, expect

from pkgwidgets.demo.lab import free_port

pytestmark = pytest.mark.slow

GARDEN = """from pkgwidgets import PackagePanel, PackageService, demo
{indent}garden = demo.start()
{indent}service = PackageService(garden.python, index_url=garden.index_url)"""
MARIMO = f"""import marimo
app = marimo.App()

@app.cell
def _():
    {GARDEN.format(indent="    ")}
    PackagePanel(service)
    return
"""
SHINY = f"""from shiny import App, ui
from shinywidgets import output_widget, render_widget
{GARDEN.format(indent="")}

def server(input, output, session):
    @render_widget
    def packages():
        return PackagePanel(service)

app = App(ui.page_fluid(output_widget("packages")), server)
"""
HOSTS = {
    "marimo": (["marimo"], MARIMO, ["run", "app.py", "--headless", "--no-token"]),
    "shiny": (["shiny", "shinywidgets"], SHINY, ["run", "app.py"]),
}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with both hosts and with this checkout."""
    folder = tmp_path_factory.mktemp("hosts") / "env"
    command = [uv.find_uv_bin(), "venv", "--quiet", str(folder)]
    subprocess.run(command, check=True)
    packages = [name for names, _, _ in HOSTS.values() for name in names]
    checkout = Path(__file__).parents[2]
    install = [uv.find_uv_bin(), "pip", "install", "--quiet", "--python", str(folder)]
    subprocess.run([*install, *packages, "-e", str(checkout)], check=True)
    return folder


@pytest.fixture(params=HOSTS)
def address(
    request: pytest.FixtureRequest, environment: Path, tmp_path: Path
) -> Iterator[tuple[str, str]]:
    """The name of a host, and the address at which it shows the panel."""
    _, source, options = HOSTS[request.param]
    (tmp_path / "app.py").write_text(source)
    port = str(free_port())
    command = [str(environment / "bin" / request.param), *options]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", port],
        cwd=tmp_path,
        env={**environment_of(tmp_path), "PATH": os.environ["PATH"]},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield request.param, f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(30)


def test_check_plan_apply_and_undo_work_by_clicks(
    address: tuple[str, str], chromium: Browser
) -> None:
    host, url = address
    page = chromium.new_context(viewport={"width": 1200, "height": 900}).new_page()
    for _ in range(120):
        try:
            page.goto(url)
            break
        except Exception:  # it starts
            page.wait_for_timeout(500)
    expect(page.get_by_text("checked a moment ago")).to_be_visible(timeout=90_000)
    expect(page.get_by_role("button", name="Upgrade all (7)…")).to_be_visible()
    page.get_by_role("button", name="Upgrade seedshelf").click()
    apply = page.get_by_role("button", name="Apply", exact=True)
    expect(apply).to_be_enabled()
    take_picture(page, f"{host}-plan")
    apply.click()
    expect(page.get_by_role("button", name="Undo", exact=True)).to_be_visible()
    expect(page.locator("tr[data-id=seedshelf] .pkgw-c-version")).to_have_text("1.4.2")
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.get_by_role("button", name="Redo", exact=True)).to_be_visible()
    expect(page.locator("tr[data-id=seedshelf] .pkgw-c-version")).to_have_text("1.4.1")
    take_picture(page, f"{host}-undone")
    page.context.close()
