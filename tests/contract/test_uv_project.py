"""What uv gets to know of a project, and which projects it is not asked about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fakes import FakeKit

from pkgwidgets.backends.installer import uv_project
from pkgwidgets.core.errors import EnvironmentRefused
from pkgwidgets.core.projects import OwningProject, ProjectRequest

STATIC = '[project]\nname = "plot"\nversion = "1"\n'
DYNAMIC = '[project]\nname = "plot"\ndynamic = ["version"]\n'
LOCK = """
[[package]]
name = "plot"
source = { virtual = "." }

[[package]]
name = "part"
source = { editable = "parts/part" }
"""


@pytest.mark.parametrize(
    ("root", "part", "named"),
    [
        (DYNAMIC, STATIC, "pyproject.toml"),
        (STATIC, DYNAMIC, "parts/part/pyproject.toml"),
        (STATIC, "", "parts/part/pyproject.toml"),
    ],
    ids=["root", "part", "part without a project"],
)
def test_project_that_uv_would_build_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str, part: str, named: str
) -> None:
    monkeypatch.setattr("pkgwidgets.backends.processes.process.run", None)
    (tmp_path / "parts" / "part").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(root)
    (tmp_path / "parts" / "part" / "pyproject.toml").write_text(part)
    (tmp_path / "uv.lock").write_text(LOCK)
    (tmp_path / ".venv").mkdir()
    interpreter = replace(FakeKit().environment.interpreter, prefix=tmp_path / ".venv")
    files = uv_project.UvProjectFiles(interpreter)
    project = OwningProject(tool="uv", file=tmp_path / "pyproject.toml", command="uv sync")
    with pytest.raises(EnvironmentRefused) as caught:
        files.lock_again(project, ProjectRequest(everything=True))
    why = f"the metadata in {tmp_path}/{named} is dynamic, so uv would have to build it"
    assert caught.value.reason == f"The project cannot be changed: {why}"


def test_index_of_the_variables_is_not_written_into_the_project(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`uv add` writes the indexes of the newer variables."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", "main=https://h.invalid/a=b/")
    monkeypatch.setenv("UV_INDEX", "https://h.invalid/one/ two=https://h.invalid/two/")
    monkeypatch.setenv("UV_PROJECT", "/elsewhere")
    variables = uv_project._environment()
    assert variables["UV_INDEX_URL"] == "https://h.invalid/a=b/"
    assert variables["UV_EXTRA_INDEX_URL"] == "https://h.invalid/one/ https://h.invalid/two/"
    assert not variables.keys() & {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_PROJECT"}
