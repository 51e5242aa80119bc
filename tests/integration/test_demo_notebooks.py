"""Every notebook of the guide runs in the demo, where its kernel is in the demo's environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from pkgwidgets.demo import demo_environment, surroundings
from pkgwidgets.demo.kernel_environment import STORY, KernelEnvironment

pytestmark = pytest.mark.slow

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_runs_in_the_demo(tmp_path: Path, notebook: Path) -> None:
    environment = KernelEnvironment(place=tmp_path / "k", with_stand_ins=notebook.name == STORY)
    argv = [str(environment.prepare()), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    variables = environment.variables()
    spec = {"argv": argv, "display_name": "Demo", "language": "python", "env": variables}
    folder, home = tmp_path / "path" / "kernels" / "demo", tmp_path / "home"
    folder.mkdir(parents=True)
    home.mkdir()
    (folder / "kernel.json").write_text(json.dumps(spec))
    with demo_environment.index_of_everything() as index:
        variables = {
            **os.environ,
            **surroundings.variables(home, index.url),
            "JUPYTER_PATH": str(tmp_path / "path"),
        }
        command = [sys.executable, "-m", "nbconvert", "--execute", "--to=notebook"]
        options = ["--ExecutePreprocessor.kernel_name=demo", f"--output-dir={tmp_path}"]
        options += ["--ExecutePreprocessor.timeout=300"]  # a cell that hangs is named
        done = subprocess.run(
            [*command, *options, str(notebook)],
            env=variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    content = nbformat.read(tmp_path / notebook.name, as_version=4)  # type: ignore[no-untyped-call]
    cells = [cell for cell in content.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    if notebook.name == STORY:
        assert cells[0].outputs[0].data["text/plain"] == "'2.2.0'"
