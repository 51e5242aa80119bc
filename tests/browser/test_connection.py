"""The panel shows changes by other programs without a click or a check."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request

import pytest
from browser.panel_notebook import PanelNotebook
from jupyterlab_server import Lab
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

WHERE = "import json; print(json.dumps([str(garden.python), garden.index_url]))"
UV = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python"]


def test_installation_from_a_terminal_is_shown(notebook: PanelNotebook) -> None:
    python, index = notebook.ask(WHERE)
    version = notebook.row("seedshelf").locator(".pkgw-c-version")
    expect(version).to_have_text("1.4.1")
    for target in ("1.4.2", "1.4.1"):
        command = [*UV, python, "--index-url", index, f"seedshelf=={target}"]
        subprocess.run(command, check=True, timeout=60)
        expect(version).to_have_text(target)
    expect(notebook.row("seedshelf")).to_contain_text("patch")


@pytest.mark.parametrize("notebook", [["while True:\n    pass"]], indirect=True)
def test_clicks_reach_the_kernel_while_a_cell_runs(notebook: PanelNotebook) -> None:
    notebook.run(2)
    prompt = notebook.page.locator(".jp-Notebook .jp-InputPrompt").nth(2)
    expect(prompt).to_have_text("[*]:")
    notebook.button("History").click()
    expect(notebook.part("History")).to_be_visible()
    notebook.button("Upgrade seedshelf…").click()
    expect(notebook.button("Apply")).to_be_enabled()
    notebook.button("Apply").click()
    expect(notebook.row("seedshelf").locator(".pkgw-c-version")).to_have_text("1.4.2")
    notebook.button("Undo").first.click()
    expect(notebook.button("Redo").first).to_be_visible()
    expect(prompt).to_have_text("[*]:")
    notebook.execute("notebook:interrupt-kernel")
    expect(prompt).to_have_text("[3]:")
    expect(notebook.part("History").locator("tbody tr")).to_have_count(2)  # each click counted once


def test_change_over_rest_is_shown(notebook: PanelNotebook, lab: Lab) -> None:
    python, _ = notebook.ask(WHERE)
    folder = lab.folder.parent / "data" / "kernels" / "garden"
    folder.mkdir(parents=True, exist_ok=True)
    spec = {
        "argv": [python, "-m", "ipykernel", "-f", "{connection_file}"],
        "display_name": "Garden",
    }
    folder.joinpath("kernel.json").write_text(json.dumps({**spec, "language": "python"}))
    expect(notebook.row("coldframe")).to_have_count(1)
    answer = rest(lab, "DELETE", "packages/coldframe?kernelspec=garden")
    assert answer["success"], answer
    expect(notebook.row("coldframe")).to_have_count(0)
    undo = f"transactions/{answer['transaction']['id']}/undo?kernelspec=garden"
    assert rest(lab, "POST", undo)["success"]
    expect(notebook.row("coldframe")).to_have_count(1)


def rest(lab: Lab, method: str, path: str) -> dict[str, dict[str, str]]:
    """Send a request to the server's own routes."""
    request = urllib.request.Request(
        f"{lab.url}/pkgwidgets/{path}",
        data=b"{}" if method == "POST" else None,
        headers={"Authorization": f"token {lab.token}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        answered: dict[str, dict[str, str]] = json.load(answer)
        return answered
