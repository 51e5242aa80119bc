"""Two environments with pkgwidgets in each: this checkout and an earlier build.

Both are made as a user makes them: installed, not editable, with bytecode. The same versions of the
dependencies are in both.
"""

from __future__ import annotations

import atexit
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import uv
from measure import run_for_output

ROOT = Path(__file__).parents[2]
BEFORE = "9643b72"
"""The commit of the earlier build."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """An environment with one build of pkgwidgets."""

    python: Path
    commit: str

    @property
    def command(self) -> Path:
        """The command line of this build."""
        return self.python.with_name("pkgwidgets")

    @property
    def site(self) -> Path:
        """The `site-packages` folder."""
        return next(self.python.parents[1].glob("lib/python*")) / "site-packages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Builds:
    """The two builds."""

    now: Build
    before: Build


@cache
def builds() -> Builds:
    """Return the builds that all groups share; they are deleted when the process ends.

    With `PKGWIDGETS_BUILDS`, a folder, they are kept there: the next run reuses the earlier build,
    and installs this checkout anew.
    """
    folder = Path(os.environ.get("PKGWIDGETS_BUILDS") or scratch()).absolute()
    return Builds(now=build(folder / "now", None), before=build(folder / "before", BEFORE))


@cache
def scratch() -> Path:
    """Return a folder that is deleted when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="pkgwidgets-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def build(folder: Path, commit: str | None, extras: str = "[cli,impact,lab]") -> Build:
    """Install one build with all that its users have; without a commit, that of this checkout.

    Raises:
        CalledProcessError: git does not know the commit, or uv could not install it.
    """
    made = Build(python=folder / "env" / "bin" / "python", commit=commit or "this checkout")
    if commit is not None and made.command.exists():
        return made
    source = folder / "source"
    source.mkdir(parents=True)
    if commit is None:
        shutil.copytree(ROOT, source, dirs_exist_ok=True, ignore=_UNINSTALLED)
    else:
        argv = ["git", "-C", str(ROOT), "archive", "--format=tar", commit]
        done = subprocess.run(argv, check=True, capture_output=True)
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as opened:
            opened.extractall(source, filter="data")
    if not made.python.exists():
        make_venv(folder / "env")
    wanted = f"pkgwidgets{extras} @ {source.as_uri()}"
    install(made.python, "--reinstall-package", "pkgwidgets", wanted)
    shutil.rmtree(source)
    _check_import(made)
    return made


def _check_import(build: Build) -> None:
    """Raise if the build's Python imports another pkgwidgets than its own."""
    code = "import pkgwidgets; print(pkgwidgets.__file__)"
    _, imported = run_for_output([build.python, "-c", code])
    if not Path(imported.strip()).is_relative_to(build.site):
        raise RuntimeError(f"{build.python} imports {imported.strip()}, not its own pkgwidgets")


def make_venv(folder: Path) -> Path:
    """Make an empty environment with uv; return its interpreter."""
    subprocess.run([uv.find_uv_bin(), "venv", "-q", str(folder)], check=True)
    return folder / "bin" / "python"


def install(python: Path, *arguments: str) -> None:
    """Install with uv, and compile the bytecode as pip does."""
    argv = [uv.find_uv_bin(), "pip", "install", "-q", "--compile-bytecode", "--python", str(python)]
    subprocess.run([*argv, *arguments], check=True, env={**os.environ, "UV_LINK_MODE": "copy"})


_UNINSTALLED = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "artefacts")
