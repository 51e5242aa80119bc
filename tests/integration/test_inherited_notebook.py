"""A kernel that another kernel starts does not take the notebook of that one for its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

STARTED = """
import os, pathlib, subprocess, sys
parent, code = sys.argv[1:]
child = [sys.executable, "-c", code, "-f", "kernel-child.json"]
subprocess.run(child, env={**os.environ, "JPY_SESSION_NAME": parent}, check=True)
"""
"""Starts a process with the session name of its own notebook, as its server does."""
FIND = "from pkgwidgets.notebook.notebook_path import find_notebook; print(find_notebook())"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("session", "wrapper", "found"),
    [
        ("other.ipynb", (), "report.ipynb"),
        ("report.ipynb", (), "None"),
        ("report.ipynb", ("jupyter-execute", "nightly.ipynb"), "nightly.ipynb"),
        ("report.ipynb", ("jupyter-execute", "nightly.ipynb", "report.ipynb"), "None"),
        ("report.ipynb", ("jupyter-execute", "gone.ipynb"), "None"),
    ],
)
def test_notebook_of_the_kernel_that_started_this_one_is_not_its_own(
    tmp_path: Path, session: str, wrapper: tuple[str, ...], found: str
) -> None:
    for name in ("report.ipynb", "nightly.ipynb"):
        (tmp_path / name).write_text("{}")
    starter = tmp_path / (wrapper[0] if wrapper else "cell.py")
    starter.write_text(STARTED.replace("sys.argv[1:]", "os.environ['CHILD'].split('|')"))
    answer = subprocess.run(
        [sys.executable, starter, *wrapper[1:]],
        env={
            **os.environ,
            "JPY_SESSION_NAME": str(tmp_path / session),
            "CHILD": f"{tmp_path / 'report.ipynb'}|{FIND}",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = found if found == "None" else str(tmp_path / found)
    assert answer.stdout.strip() == expected
