"""Restart verdicts in a live kernel: before, during and after a change, and in the reference."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import packaging
import pytest
import uv

import pkgwidgets
from pkgwidgets.demo import Demo

pytestmark = pytest.mark.slow

ROOT = Path(pkgwidgets.__file__).parent.parent
HEAD = """
import json, sys
sys.path += LENT
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.history_manager.enabled = False
from pkgwidgets import PackageService
from pkgwidgets.connect import connect
import raintable
service = PackageService(index_url=URL)
service._backend = connect(sys.executable, URL)  # plans are carried out in this process
"""


def run_in_garden(garden: Demo, folder: Path, code: str) -> object:
    """Run code in the garden's Python, with pkgwidgets and its dependencies on the path."""
    linked = []
    for number, place in enumerate((ROOT, Path(packaging.__file__).parent.parent)):
        # By another name: what is in a folder called site-packages is installed.
        link = folder / f"lent-{number}"
        link.symlink_to(place)
        linked.append(str(link))
    head = HEAD.replace("LENT", repr(linked)).replace("URL", repr(garden.index_url))
    done = subprocess.run(
        [str(garden.python), "-c", head + code],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        cwd=folder,
        env={"HOME": str(folder), "PATH": f"{Path(uv.find_uv_bin()).parent}:/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_restart_verdict_is_reported_before_and_after_a_change(
    garden: Demo, tmp_path: Path
) -> None:
    code = """
plan = service.plan_upgrade("raintable")
values = [plan.restart.verdict, plan.restart.reasons[0].partition(",")[0]]
done = service.apply(plan)
values += [done.plan.restart.verdict, str(done.plan.restart), str(service.get_package("raintable"))]
values.append(service.get_packages().loc["raintable", "loaded_version"])
back = service.plan_undo()
values += [back.restart.verdict, service.undo().plan.restart.verdict]
values.append(str(service.get_package("raintable")))
print(json.dumps(values))
"""
    values = run_in_garden(garden, tmp_path, code)
    assert isinstance(values, list)
    assert values[:3] == ["advised", "raintable 2.0.0 is loaded", "advised"]
    assert values[3].startswith(
        "restart advised: raintable 2.0.0 is still loaded, 2.4.0 is installed"
    )
    assert values[4] == "raintable 2.4.0; 2.0.0 is still loaded"
    assert values[5:] == ["2.0.0", "not needed", "not needed", "raintable 2.0.0"]


def test_reference_live_kernel_example_runs(garden: Demo, tmp_path: Path) -> None:
    reference = (Path(__file__).parents[2] / ".github" / "REFERENCE.md").read_text("utf-8")
    section = reference.partition("## The live kernel\n")[2]
    match = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert match is not None
    lines = match[1].replace('"pandas"', '"raintable"').splitlines()
    cell = {"cell_type": "code", "source": "import raintable"}
    (tmp_path / "report.ipynb").write_text(json.dumps({"cells": [cell], "nbformat": 4}))
    shown = [line.partition("#")[0].strip() for line in lines]
    calls = [line for line in shown if line and not line.startswith("plan =")]
    assert len(calls) == 5
    code = "\n".join(
        ["shell.run_cell('import raintable', store_history=True)", "values = []"]
        + [f"values.append(repr({line}))" if line in calls else line for line in shown if line]
        + ["print(json.dumps(values))"]
    )
    values = run_in_garden(garden, tmp_path, code)
    assert isinstance(values, list)
    version, restart, kernels, *impacts = values
    assert version == "'2.0.0'"
    assert "verdict" in section
    assert "needed=True" in restart
    assert kernels == "()"
    assert len(impacts) == 2
    assert all("raintable" in frame and "none" in frame for frame in impacts)
