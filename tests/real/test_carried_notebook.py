"""A notebook with packages from the registry, one of them compiled, goes to another environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from carried_notebooks import NotebookFolder
from lock_files import installed_in, new_environment, run_uv

from pkgwidgets import PackageService

pytestmark = pytest.mark.slow

HERE = ("aiosignal==1.3.2", "frozenlist==1.7.0", "humanize==4.9.0", "tabulate==0.9.0")
"""frozenlist is compiled. The kernel, which is that of these tests, has none of these."""
THERE = ("aiosignal==1.3.2", "frozenlist==1.8.0", "humanize==4.11.0")
CELLS = (
    "import aiosignal, frozenlist, humanize",
    "aiosignal.__version__, frozenlist.__version__, humanize.__version__",
    "list(frozenlist.FrozenList([1, 2])), frozenlist.FrozenList.__module__",
    "import tabulate; print(tabulate.__version__)",
    "print(tabulate.tabulate([[humanize.naturalsize(2**20)]]))",
)
"""The second and fourth cell show versions."""


def test_notebook_of_one_environment_works_in_another(tmp_path: Path) -> None:
    here, there = (new_environment(tmp_path / name) for name in ("saved", "opened"))
    for python, packages in ((here, HERE), (there, THERE)):
        installed = run_uv("pip", "install", "--python", python, *packages)
        assert installed.returncode == 0, installed.stderr
    notebooks = NotebookFolder(tmp_path)
    notebooks.offer_kernel("here", here)
    notebooks.offer_kernel("there", there)
    story = notebooks.write_notebook(CELLS, "here")
    saving, opening = PackageService(here), PackageService(there)
    assert saving.embed(story) == ()
    code, output = notebooks.validate(story, "there")
    assert code == 1, output

    assert opening.drift(story)["difference"].astype(str).to_dict() == {
        "frozenlist": "other version",
        "humanize": "other version",
        "tabulate": "not installed",
    }
    plan = opening.plan_restore(story)
    assert plan.pins == ("frozenlist==1.7.0", "humanize==4.9.0", "tabulate==0.9.0")
    assert all(change.hashes for change in plan.changes)
    opening.apply(plan)

    assert opening.drift(story).empty
    assert installed_in(there) == installed_in(here) == {*HERE}
    for kernel in ("here", "there"):
        code, output = notebooks.validate(story, kernel)
        assert code == 0, output
    notebooks.check_nothing_to_do(saving, there)
