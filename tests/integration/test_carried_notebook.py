"""A notebook is saved in one environment and works in another, as nbval, uv and pip see it."""

from __future__ import annotations

from pathlib import Path

import pytest
from carried_notebooks import NotebookFolder
from lock_files import installed_in, new_environment, run_uv

from pkgwidgets import PackageService
from pkgwidgets.demo import Demo

pytestmark = pytest.mark.slow

CELLS = (
    "import importlib.metadata, bedplanner, seedshelf",
    "[importlib.metadata.version(name) for name in ('bedplanner', 'seedshelf', 'sundrift')]",
    "seedshelf.sow('carrot')",
)


def test_notebook_of_one_environment_works_in_another(
    service: PackageService, garden: Demo, tmp_path: Path
) -> None:
    python = new_environment(tmp_path / "other")
    newest = ("bedplanner", "seedshelf", "frostcall")
    index = ("--index-url", garden.index_url)
    assert run_uv("pip", "install", *index, "--python", python, *newest).returncode == 0
    notebooks = NotebookFolder(tmp_path)
    notebooks.offer_kernel("here", garden.python)
    notebooks.offer_kernel("there", python)
    story = notebooks.write_notebook(CELLS, "here")
    assert service.embed(story) == ()
    code, output = notebooks.validate(story, "there")
    assert code == 1, output
    there = PackageService(python, index_url=garden.index_url)
    assert there.drift(story).loc["seedshelf", "difference"] == "other version"
    there.apply(there.plan_restore(story))
    code, output = notebooks.validate(story, "there")
    assert code == 0, output

    assert installed_in(garden.python) <= installed_in(python)
    assert there.apply(there.plan_restore(story, exact=True)) is not None
    notebooks.check_nothing_to_do(service, python, index)
