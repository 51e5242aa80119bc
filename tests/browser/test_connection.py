"""What others do to the environment is seen in the panel, without a click and without a check."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request

import pytest
from browser.opened import Opened
from jupyterlab_server import Lab
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

WHERE = "import json; print(json.dumps([str(garden.python), garden.index_url]))"
UV = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python"]


def test_installation_from_a_terminal_is_shown(opened: Opened) -> None:
    python, index = opened.ask(WHERE)
    version = opened.row("seedshelf").locator(".pkgw-c-version")
    expect(version).to_have_text("1.4.1")
    for target in ("1.4.2", "1.4.1"):
        command = [*UV, python, "--index-url", index, f"seedshelf=={target}"]
        subprocess.run(command, check=True, timeout=60)
        expect(version).to_have_text(target)
    expect(opened.row("seedshelf")).to_contain_text("patch")


def test_change_over_rest_is_shown(opened: Opened, lab: Lab) -> None:
    python, _ = opened.ask(WHERE)
    folder = lab.folder.parent / "data" / "kernels" / "garden"
    folder.mkdir(parents=True, exist_ok=True)
    spec = {
        "argv": [python, "-m", "ipykernel", "-f", "{connection_file}"],
        "display_name": "Garden",
    }
    folder.joinpath("kernel.json").write_text(json.dumps({**spec, "language": "python"}))
    expect(opened.row("coldframe")).to_have_count(1)
    answer = rest(lab, "DELETE", "packages/coldframe?kernelspec=garden")
    assert answer["success"], answer
    expect(opened.row("coldframe")).to_have_count(0)
    undo = f"transactions/{answer['transaction']['id']}/undo?kernelspec=garden"
    assert rest(lab, "POST", undo)["success"]
    expect(opened.row("coldframe")).to_have_count(1)


def rest(lab: Lab, method: str, path: str) -> dict[str, dict[str, str]]:
    """Ask the server's own routes."""
    request = urllib.request.Request(
        f"{lab.url}/pkgwidgets/{path}",
        data=b"{}" if method == "POST" else None,
        headers={"Authorization": f"token {lab.token}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        answered: dict[str, dict[str, str]] = json.load(answer)
        return answered
