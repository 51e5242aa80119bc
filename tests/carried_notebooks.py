"""A notebook that goes from one environment to another, as Jupyter, nbval, uv and pip see it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
from borrowed_libraries import borrow_libraries
from lock_files import run_uv

from pkgwidgets import PackageService


class NotebookFolder:
    """A folder with notebooks, and with kernels of other environments that Jupyter finds there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("kernels", "home"):
            (folder / name).mkdir()
        home = str(folder / "home")
        kernels = {"JUPYTER_PATH": str(folder), "HOME": home, "IPYTHONDIR": home}
        self._variables = {**os.environ, **kernels}

    def offer_kernel(self, name: str, python: Path) -> None:
        """Offer a kernel of an environment without one: it borrows that of these tests."""
        borrowed = borrow_libraries(self._folder / "borrowed", has_pkgwidgets=False)
        argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        env = {"PYTHONPATH": str(borrowed), "PYTHONDONTWRITEBYTECODE": "1"}
        spec = {"argv": argv, "display_name": name, "language": "python", "env": env}
        (self._folder / "kernels" / name).mkdir()
        (self._folder / "kernels" / name / "kernel.json").write_text(json.dumps(spec))

    def write_notebook(self, cells: Sequence[str], kernel: str) -> Path:
        """Write a notebook with the outputs that its cells have in a kernel."""
        file = self._folder / "story.ipynb"
        code = [nbformat.v4.new_code_cell(source) for source in cells]  # type: ignore[no-untyped-call]
        content = nbformat.v4.new_notebook(cells=code)  # type: ignore[no-untyped-call]
        nbformat.write(content, file)  # type: ignore[no-untyped-call]
        convert = ("nbconvert", "--execute", "--inplace", "--to=notebook")
        exit_code, output = self._run(*convert, f"--ExecutePreprocessor.kernel_name={kernel}", file)
        assert exit_code == 0, output
        return file

    def validate(self, notebook: Path, kernel: str) -> tuple[int, str]:
        """Return nbval's exit code and output: 1 if a cell has another output in this kernel."""
        checks = ("-p", "nbval", "--nbval", f"--nbval-kernel-name={kernel}")
        options = ("-q", "-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={self._folder}")
        return self._run("pytest", *checks, *options, notebook)

    def check_nothing_to_do(
        self, service: PackageService, python: Path, index: Sequence[str] = ()
    ) -> None:
        """Check that uv and pip would change nothing for the locks of another environment."""
        lock, requirements = self._folder / "pylock.toml", self._folder / "requirements.txt"
        lock.write_text(str(service.export()), "utf-8")
        requirements.write_text(str(service.export("requirements.txt")), "utf-8")
        options = ("--check", "--require-hashes", *index)
        checked = run_uv("pip", "sync", *options, "--python", python, lock)
        assert checked.returncode == 0, checked.stderr
        words: tuple[str | Path, ...] = (
            "install",
            "--dry-run",
            "--require-hashes",
            *index,
            "-r",
            requirements,
        )
        exit_code, output = self._run("pip", "--python", python, *words)
        assert exit_code == 0, output
        assert "Would install" not in output

    def _run(self, *words: str | Path) -> tuple[int, str]:
        """Run a module of these tests' Python; return its exit code and its output."""
        argv = [sys.executable, "-m", *map(str, words)]
        done = subprocess.run(
            argv,
            env=self._variables,
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr
