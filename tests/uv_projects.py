"""Real uv projects for tests, and an index that they use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pkgwidgets import PackageService
from pkgwidgets.backends.installer import uv

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
