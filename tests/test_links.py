"""Each link of the README, the documents and the guide leads to a file and a heading."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(ROOT / ".github").glob("*.md"),
    *(ROOT / "notebooks").glob("*.ipynb"),
]
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|!\[[^\]\n]*\]\(([^)\s]+)\)")
_ATTRIBUTE = re.compile(r'(?:src|srcset|href)="([^"]+)"')
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_HEADING = re.compile(r"^#{1,6} +(.*?) *#*$", re.MULTILINE)


def prose(file: Path) -> str:
    """Return the Markdown of a document, or of the cells of a notebook."""
    text = file.read_text("utf-8")
    if file.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def links(text: str) -> list[str]:
    """Return the targets of links and pictures outside of code."""
    bare = _CODE.sub("", text)
    found = [a or b for a, b in _LINK.findall(bare)]
    return [*found, *_ATTRIBUTE.findall(bare)]


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    headings = _HEADING.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


LINKS = [(file, link) for file in DOCUMENTS for link in links(prose(file))]
LOCAL = [(file, link) for file, link in LINKS if not re.match(r"[a-z]+:", link)]


@pytest.mark.parametrize(("file", "link"), LOCAL, ids=lambda x: getattr(x, "name", x))
def test_link_leads_to_a_file_and_a_heading(file: Path, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = (file.parent / path).resolve() if path else file
    assert target.is_relative_to(ROOT.resolve())
    assert target.exists()
    assert not anchor or anchor in anchors(prose(target))


def test_other_links_are_secure_addresses() -> None:
    others = [link for _, link in LINKS if re.match(r"[a-z]+:", link)]
    assert [link for link in others if not link.startswith("https://")] == []


def test_readme_links_every_notebook_and_document() -> None:
    readme = ROOT / "README.md"
    linked = {(ROOT / link).name for file, link in LOCAL if file == readme}
    assert {file.name for file in DOCUMENTS} - {"README.md"} <= linked


def test_notebooks_link_only_notebooks() -> None:
    """The demo and the wheel have the folder of notebooks, and nothing around it."""
    assert [link for file, link in LOCAL if file.suffix == ".ipynb" and "/" in link] == []


def test_links_and_anchors_are_found() -> None:
    text = "# A *b*, `c`!\n[x](y.md#z) `[no](code.md)` ![p](q.png)\n```\n# no\n```\n## D-e_f"
    assert links(text) == ["y.md#z", "q.png"]
    assert anchors(text) == {"a-b-c", "d-e_f"}
