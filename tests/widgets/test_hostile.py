"""Forty hostile texts, in every field of a row and in an environment's own metadata."""

from __future__ import annotations

import io
import json
import venv
import zipfile
from pathlib import Path

import pytest
from jupyterlab_server import Lab, Notebook
from malformed_wheels import MalformedWheel
from playwright.sync_api import Dialog, Locator, Request
from widgets import hostile
from widgets.sample_tables import KINDS, show_source

FIELDS = """
import json
TEXTS = json.loads(%r)

def hostile_row(n, text):
    links = tuple((text, address) for address in (text, "https://example.invalid/" + text))
    return PackageInfo(
        name=f"bad-{n:02}" if n %% 2 else text, version=text if n %% 3 else "1.0",
        latest_version=None, change=None, blocked_by=f"{text} (x<2)", summary=text, links=links,
        loaded_version=text, install_path=Path(text.replace("\\0", "")), error=text,
    )

table = PackageTable(messages.append)
table.show(hostile_row(n, text) for n, text in enumerate(TEXTS))
table.update_header(
    title=TEXTS[0], where=TEXTS[3], notice=TEXTS[5], refusal=TEXTS[6], busy=TEXTS[4]
)
"""
PANEL = """
from pkgwidgets import PackagePanel, PackageService
PackagePanel(PackageService(%r, index_url="http://127.0.0.1:9/simple/"))
"""
HARMED = "() => [window.PWNED, ...[...document.querySelectorAll('iframe')].map((f) => f.src)]"
ELEMENTS = """(all) => all.flatMap((root) => [...root.querySelectorAll(
  'script, img, iframe, object, embed, style, link, base, meta, form, video, audio, svg, math')])
  .map((node) => node.outerHTML)"""
LINKS = "(all) => all.map((link) => link.protocol)"

pytestmark = pytest.mark.slow


def make_environment(folder: Path) -> Path:
    """Make a real environment with these texts in the metadata of its packages."""
    venv.create(folder, symlinks=True)
    site = next((folder / "lib").glob("python*")) / "site-packages"
    for number, text in enumerate(hostile.TEXTS):
        head = f"Metadata-Version: 2.1\nName: bad-{number:02}\nVersion: 1.0\nSummary: {text}\n"
        more = f"Project-URL: {text}, {text}\nProject-URL: {text}, https://example.invalid/{text}\n"
        wheel = MalformedWheel(name=f"bad-{number:02}", version="1.0", metadata=f"{head}{more}")
        zipfile.ZipFile(io.BytesIO(wheel.data)).extractall(site)
    return folder / "bin" / "python"


def open_all(output: Locator) -> int:
    """Open every row, so that every row is drawn; return their number."""
    scroller = output.locator(".pkgw-list")
    seen = set()
    for _ in range(200):
        closed = output.locator(".pkgw-line .pkgw-name[aria-expanded=false]")
        if closed.count() == 0:
            before = scroller.evaluate("(node) => node.scrollTop")
            scroller.evaluate("(node) => { node.scrollTop += 300; }")
            output.page.wait_for_timeout(50)
            if scroller.evaluate("(node) => node.scrollTop") == before:
                break
            continue
        line = closed.first.locator("xpath=ancestor::tr")
        seen.add(line.get_attribute("data-id"))
        closed.first.evaluate("(node) => node.click()")
    return len(seen)


def check_text_is_inert(notebook: Notebook, source: str, heads: tuple[str, ...]) -> None:
    """Show and use the output; check that no text ran, sent a request or became an element."""
    urls: list[str] = []
    dialogs: list[str] = []

    def note(request: Request) -> None:
        urls.append(request.url)

    def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    notebook.page.on("request", note)
    notebook.page.on("dialog", dismiss)
    output = show_source(notebook, source)
    for head in heads:
        output.get_by_role("button", name=head, exact=True).click()
    assert open_all(output) == len(hostile.TEXTS)
    output.locator(".pkgw-line").last.hover()
    protocols = output.locator(".pkgw-c-detail a").evaluate_all(LINKS)
    assert protocols != []
    assert set(protocols) <= {"http:", "https:"}
    output.get_by_label("Filter packages").fill("<script>")
    assert output.locator(".pkgw-line").count() > 1
    notebook.page.wait_for_timeout(1000)
    assert notebook.page.evaluate(HARMED) == [None]
    assert output.locator(".pkgw").evaluate_all(ELEMENTS) == []
    # The views' own modules come as blobs.
    own = (notebook.page.url.partition("/lab")[0], "data:", "blob:")
    assert [url for url in urls if "hostile" in url or not url.startswith(own)] == []
    assert dialogs == []
    notebook.page.remove_listener("request", note)
    notebook.page.remove_listener("dialog", dismiss)


def test_there_are_forty_hostile_texts() -> None:
    assert len(set(hostile.TEXTS)) == 40


def test_hostile_text_in_any_field_of_a_row_stays_text(notebook: Notebook) -> None:
    notebook.ask(KINDS + FIELDS % json.dumps(hostile.TEXTS))
    check_text_is_inert(notebook, "table", ("Installed", "Blocked by", "Package"))


def test_hostile_metadata_of_an_environment_stays_text(
    notebook: Notebook, lab: Lab, tmp_path: Path
) -> None:
    python = make_environment(tmp_path / "env")
    heads = ("Installed", "Latest", "Package")  # nothing is blocked without an index
    check_text_is_inert(notebook, PANEL % str(python), heads)
