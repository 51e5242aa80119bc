"""Real uv projects for tests, and an index that they use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pkgwidgets import PackageService
from pkgwidgets.backends.installer import uv
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_builder import BuiltWheel

PYPROJECT = """\
# The project of the plots.
[project]
name = "plot"
version = "0.1.0"
requires-python = ">=3.10"
dependencies = [
    "pea>=1",  # not yet 3
]

[dependency-groups]
dev = ["pod"]

[project.optional-dependencies]
more = ["extra"]
"""
RELEASES = (
    *(BuiltWheel(name=name, version=v) for name in ("pod", "extra") for v in ("1.0", "2.0")),
    BuiltWheel(name="pea", version="1.0"),
    BuiltWheel(name="pea", version="2.0", requires=("stem>=1",)),
    BuiltWheel(name="stem", version="1.0"),
    BuiltWheel(name="leaf", version="1.0", requires=("pea>=1",)),
)
PINS = ("pea==1.0", "pod==1.0", "extra==1.0")


def run_uv(*arguments: str, folder: Path) -> None:
    completed = subprocess.run(
        [uv.find_uv(), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr


@dataclass(frozen=True)
class UvProject:
    """A project with the lock and the environment that uv made."""

    folder: Path

    @property
    def service(self) -> PackageService:
        return PackageService(self.folder / ".venv" / "bin" / "python")

    def make(self, pyproject: str, *pins: str) -> None:
        """Lock these releases, and install them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "pyproject.toml").write_text(pyproject)
        pinned = [f"--upgrade-package={pin}" for pin in pins]
        run_uv("lock", "--python", sys.executable, *pinned, folder=self.folder)
        run_uv("sync", "--locked", "--python", sys.executable, folder=self.folder)

    def files(self) -> Mapping[str, bytes]:
        return {name: (self.folder / name).read_bytes() for name in ("pyproject.toml", "uv.lock")}

    def check(self, *options: str) -> None:
        """Let uv check that the lock and the environment are those of the project."""
        run_uv("lock", "--check", folder=self.folder)
        run_uv("sync", "--locked", "--check", *options, folder=self.folder)

    def installed(self) -> dict[str, str]:
        return {info.id: str(info.version) for info in self.service.values.packages()}


@contextmanager
def served_project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UvProject]:
    """Make a project in a folder, with old releases of an index that is served in the block."""
    with DemoIndex(RELEASES) as index:
        monkeypatch.delenv("UV_NO_CONFIG")
        monkeypatch.setenv("HOME", str(folder))
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
        project = UvProject(folder / "plot")
        project.make(PYPROJECT, *PINS)
        yield project
