"""How the demo copies the guide notebooks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pkgwidgets.demo import guide

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def write_notebook(path: Path, *cells: str) -> Path:
    code = [{"cell_type": "code", "source": source.splitlines(True)} for source in cells]
    text = {"cell_type": "markdown", "source": ["import nowhere"]}
    path.write_text(json.dumps({"cells": [text, *code]}), "utf-8")
    return path


def use_notebooks(patch: pytest.MonkeyPatch, *notebooks: Path) -> None:
    patch.setattr(guide, "find_notebooks", lambda: [*notebooks])


@pytest.mark.parametrize(
    ("cells", "modules"),
    [
        (["import json, os.path"], ["json", "os"]),
        (["from xml.dom import minidom", "import json as j"], ["json", "xml"]),
        (["%load_ext pkgwidgets\n!pip list\nimport json"], ["json"]),
        (["def late():\n    import json"], ["json"]),
        (["from . import sibling"], []),
        (["service.impact(plan)", "service.rehearse(plan, story)"], ["griffe", "nbclient"]),
        ([], []),
    ],
)
def test_modules_that_the_cells_need_are_found(
    tmp_path: Path, cells: list[str], modules: list[str]
) -> None:
    assert guide.needed_modules(write_notebook(tmp_path / "story.ipynb", *cells)) == modules


def test_notebook_whose_modules_are_installed_is_copied_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = write_notebook(tmp_path / "story.ipynb", "import json")
    use_notebooks(monkeypatch, story)
    assert guide.copy_notebooks(tmp_path / "copies") == []
    assert (tmp_path / "copies" / "story.ipynb").read_bytes() == story.read_bytes()


def test_notebook_that_lacks_modules_can_be_read_and_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = write_notebook(tmp_path / "story.ipynb", "import distributed, json", "import griffe")
    use_notebooks(monkeypatch, story)
    monkeypatch.setattr(guide, "_is_installed", lambda name: name == "json")
    needs = "needs `pip install distributed griffe` beside pkgwidgets."
    assert guide.copy_notebooks(tmp_path / "copies") == [
        f"story.ipynb can be read. To be run, it {needs}"
    ]
    first, *others = json.loads((tmp_path / "copies" / "story.ipynb").read_text("utf-8"))["cells"]
    assert first["source"] == [f"**To be run, this notebook {needs}**"]
    assert others == json.loads(story.read_text("utf-8"))["cells"]


def test_guide_notebooks_are_found_with_the_first_one() -> None:
    found = {path.name for path in guide.find_notebooks()}
    assert found >= {path.name for path in NOTEBOOKS.glob("*.ipynb")}
    assert guide.FIRST in found
