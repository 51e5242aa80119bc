"""What the README's table says of pip, of uv and of pkgwidgets, found out by doing it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import uv
from faults.tree import rows as files_of

from pkgwidgets import PackageService, PkgwidgetsError
from pkgwidgets.demo import Demo

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
_LINES = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in README.partition("## Why not")[2].partition("\n## ")[0].splitlines()
    if line.startswith("|")
]
COLUMNS = _LINES[0][1:]
ROWS = {row: dict(zip(COLUMNS, cells, strict=True)) for row, *cells in _LINES[2:]}
BOTH = "pip and uv: `install -U`"
PIP, UV = "pip", "uv"


def run(tool: str, garden: Demo, *words: str) -> subprocess.CompletedProcess[str]:
    python = str(garden.python)
    argv = {
        PIP: [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python],
        UV: [uv.find_uv_bin(), "pip"],
    }[tool]
    argv = [*argv, *words, *(["--python", python] if tool == UV else [])]
    variables = {**os.environ, "PIP_CONFIG_FILE": os.devnull}
    return subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=120, env=variables
    )


def upgrade(tool: str, garden: Demo, *words: str) -> subprocess.CompletedProcess[str]:
    return run(tool, garden, "install", "--index-url", garden.index_url, "-U", *words)


def version_of(garden: Demo, name: str) -> str:
    return str(PackageService(garden.python, index_url=garden.index_url).get_package(name).version)


def test_table_has_a_cell_for_each_row_and_tool() -> None:
    assert COLUMNS == [BOTH, "conda", "Positron", "pkgwidgets"]
    assert len(ROWS) == 7
    assert all(cell for cells in ROWS.values() for cell in cells.values())


def test_table_is_narrow() -> None:
    """A code host shows a README about 900 pixels wide: 130 characters without its padding."""
    assert len(COLUMNS) < 5
    columns = zip(*(_LINES[:1] + _LINES[2:]), strict=True)
    assert sum(max(map(len, column)) for column in columns) <= 125


@pytest.mark.parametrize("tool", [PIP, UV])
def test_changes_are_shown_with_dry_run(tool: str, garden: Demo) -> None:
    assert ROWS["shows the changes first"][BOTH] == "with `--dry-run`"
    before = files_of(garden.python.parent.parent)
    done = upgrade(tool, garden, "--dry-run", "seedshelf")
    assert done.returncode == 0
    assert re.search(r"seedshelf[-=]+1\.4\.2", done.stdout + done.stderr)
    assert files_of(garden.python.parent.parent) == before


@pytest.mark.parametrize("tool", [PIP, UV])
def test_another_package_is_broken(tool: str, garden: Demo) -> None:
    assert ROWS["keeps other packages working"][BOTH] == "no: pip warns afterwards"
    done = upgrade(tool, garden, "raintable")
    assert done.returncode == 0
    assert version_of(garden, "raintable") == "3.1.0"  # allotboard needs raintable<3
    warned = "allotboard 1.40.0 requires raintable<3" in done.stderr
    assert warned == (tool == PIP)
    checked = run(UV, garden, "check")
    assert checked.returncode == 1
    assert "allotboard" in checked.stderr


@pytest.mark.slow
@pytest.mark.parametrize("tool", [PIP, UV])
def test_release_that_cannot_be_imported_is_installed(tool: str, garden: Demo) -> None:
    assert ROWS["tries new packages first"][BOTH] == "no"
    assert upgrade(tool, garden, "harvestscale").returncode == 0
    argv = [str(garden.python), "-c", "import harvestscale"]
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize("tool", [PIP, UV])
def test_there_is_no_command_that_undoes(tool: str, garden: Demo) -> None:
    assert ROWS["undoes a change"][BOTH] == "no"
    shown = run(tool, garden, "--help").stdout
    commands = set(re.findall(r"^  ([a-z]+)  +\S", shown, re.MULTILINE))
    assert {"install", "uninstall", "list"} <= commands
    assert not commands & {"undo", "rollback", "revert", "restore", "history"}


def test_pkgwidgets_does_what_its_column_says(garden: Demo, service: PackageService) -> None:
    before = files_of(garden.site_packages)
    plan = service.plan_upgrade("raintable")
    assert [str(change.after) for change in plan.changes] == ["2.4.0"]
    assert "allotboard" in str(plan)
    with pytest.raises(PkgwidgetsError, match="harvestscale"):
        service.upgrade_package("harvestscale")
    assert files_of(garden.site_packages) == before
    service.apply(plan)
    service.undo()
    assert files_of(garden.site_packages) == before
    assert all(cells["pkgwidgets"] != "no" for cells in ROWS.values())
