"""The sources of a uv project outside of its folder, and the copy that has them, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from pkgwidgets.backends.installer.project_copy import make_copy, outside_sources, source_refusal

ROOT = Path("/work/me/plot")
PYPROJECT = """
[tool.uv]
find-links = ["../links", "https://other.example/links"]
[tool.uv.sources]
one = { path = "../one" }
two = [{ path = "../../two/wheel.whl", marker = "os_name == 'posix'" }, { git = "https://x/y" }]
inner = { path = "parts/../inner" }
fixed = { path = "/fixed" }
[[tool.uv.index]]
url = "../index"
"""
LOCK = """
[[package]]
name = "three"
source = { editable = "../three" }
[[package]]
name = "four"
source = { registry = "https://index.example/simple" }
[[package]]
name = "plot"
source = { virtual = "." }
"""


def test_relative_paths_out_of_the_folder_are_found() -> None:
    found = [str(place) for place in outside_sources(ROOT, PYPROJECT, LOCK)]
    names = ("index", "links", "one", "three")
    assert found == [*(f"/work/me/{name}" for name in names), "/work/two/wheel.whl"]


@pytest.mark.parametrize(
    "text",
    ["", "[", "package = 3", "tool = 3", "[tool.uv]\nsources = 3\nindex = [3]\nfind-links = [3]"],
)
def test_odd_file_names_no_source(text: str) -> None:
    assert outside_sources(ROOT, text, text) == ()


def test_source_that_holds_the_project_or_is_missing_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "plot"
    assert source_refusal(root, [tmp_path]) == f"its source {tmp_path} holds the project itself"
    assert source_refusal(root, [tmp_path / "x"]) == f"its source {tmp_path / 'x'} is missing"
    root.mkdir()
    (tmp_path / "one").touch()
    assert source_refusal(root, [tmp_path / "one"]) is None


def test_copy_has_the_same_relative_places(tmp_path: Path) -> None:
    root, outer = tmp_path / "me" / "plot", tmp_path / "two"
    for folder in (root / "src", root / ".venv", root / ".git", outer / "sub"):
        folder.mkdir(parents=True)
    (outer / "sub" / "pyproject.toml").write_text("two")
    (root / "uv.lock").write_text("old")
    folder = tmp_path / "copies"
    folder.mkdir()
    files = {root / "uv.lock": "new"}
    copy = make_copy(folder, files, [outer, outer / "sub"], root / ".venv")
    assert sorted(path.name for path in copy.iterdir()) == ["src", "uv.lock"]
    assert (copy / "uv.lock").read_text() == "new"
    assert (copy / "../../two/sub/pyproject.toml").read_text() == "two"
    assert (root / "uv.lock").read_text() == "old"
