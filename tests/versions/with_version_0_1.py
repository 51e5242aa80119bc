"""pkgwidgets 0.1 and today's on one environment: each changes, undoes and recovers after the other.

Needs the git history: `python tests/versions/with_version_0_1.py` builds 0.1 from its commit. With
`--record` it also writes what 0.1 left, as `tests/versions/version_0_1.zip`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import uv

from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_builder import BuiltWheel

ROOT = Path(__file__).parent.parent.parent
COMMIT = "9643b72"
RECORDED = Path(__file__).parent / "version_0_1.zip"
NEW = """
import sys
from pkgwidgets.connect import connect
from pkgwidgets.operations import apply, planning, recovery
backend = connect(sys.argv[1], sys.argv[2])
do = lambda plan: apply.apply_plan(backend, plan)
recover = recovery.recover_if_needed
"""
OLD = """
import sys
from pkgwidgets.connect import connect
from pkgwidgets.operations import planning, recovery, steps
backend = connect(sys.argv[1], sys.argv[2])
do = lambda plan: steps.carry_out(backend, plan)
recover = recovery.recover_left
"""
POINTS = ("STAGED:written", "SAVED:written", "INTENT:written", "INSTALLED:before", "COMMIT:before")


class Versions:
    """A folder with both versions, an index and an environment."""

    def __init__(self, folder: Path, index: DemoIndex) -> None:
        self.folder = folder
        self.index = index
        self.old = self._install_old()
        self.prefix = folder / "env"

    def _install_old(self) -> Path:
        source, prefix = self.folder / "source", self.folder / "old"
        archive = self.folder / "source.tar"
        git = ["git", "-C", str(ROOT), "archive", "--output", str(archive), COMMIT]
        subprocess.run(git, check=True)
        with tarfile.open(archive) as file:
            file.extractall(source, filter="data")
        self._uv("venv", str(prefix))
        self._uv("pip", "install", "--python", str(prefix / "bin/python"), str(source))
        return prefix / "bin/python"

    def _uv(self, *arguments: str) -> None:
        subprocess.run([uv.find_uv_bin(), *arguments, "--quiet"], check=True)

    def new_environment(self) -> None:
        """Make the environment anew, with pea 1.0."""
        self._uv("venv", "--clear", str(self.prefix))
        self.run_new("do(planning.plan_install(backend, 'pea==1.0'))")

    def run_new(self, code: str, fail: str = "") -> tuple[int, str]:
        """Run code with today's version."""
        return self._run(Path(sys.executable), NEW + code, fail)

    def run_old(self, code: str, fail: str = "") -> tuple[int, str]:
        """Run code with 0.1."""
        return self._run(self.old, OLD + code, fail)

    def _run(self, python: Path, code: str, fail: str) -> tuple[int, str]:
        command = [str(python), "-c", code, str(self.prefix / "bin/python"), self.index.url]
        known = {**os.environ, "PKGWIDGETS_FAIL": fail} if fail else os.environ
        done = subprocess.run(
            command, env=known, capture_output=True, text=True, check=False, cwd=self.folder
        )
        return done.returncode, done.stdout + done.stderr

    def digest(self) -> str:
        """Return a hash of all installed files."""
        site = next(self.prefix.glob("lib/*/site-packages"))
        parts = [
            f"{path.relative_to(site)} {hashlib.sha256(path.read_bytes()).hexdigest()}"
            for path in sorted(site.rglob("*"))
            if path.is_file() and path.suffix != ".pyc"
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def check(what: str, outcome: tuple[int, str], *, code: int = 0, text: str = "") -> None:
    """Print what was tried; raise unless it ended as it should."""
    returncode, output = outcome
    good = returncode == code and text in output
    print("ok  " if good else "BAD ", what, flush=True)
    if not good:
        raise SystemExit(f"{what}: {returncode}\n{output}")


def try_both(versions: Versions) -> None:
    """Let each version work on what the other left."""
    upgrade, undo = "do(planning.plan_upgrade(backend, 'pea'))", "do(planning.plan_undo(backend))"
    listed = "print([(t.outcome.name, t.changes[0].name) for t in backend.journal.transactions()])"
    sides = {"0.1": versions.run_old, "today's": versions.run_new}
    for one, other in (("0.1", "today's"), ("today's", "0.1")):
        versions.new_environment()
        before = versions.digest()
        check(f"{one} upgrades", sides[one](upgrade))
        check(f"{other} lists that", sides[other](listed), text="('COMMITTED', 'pea')")
        check(f"{other} undoes that", sides[other](undo))
        assert versions.digest() == before, "the undo left other files"
        for point in POINTS:
            check(f"{one} is killed at {point}", sides[one](upgrade, point), code=-9)
            check(f"{other} recovers that", sides[other]("print(recover(backend))"))
            assert versions.digest() == before, f"killed at {point}: the files differ"
        check(f"{one} upgrades once more", sides[one](upgrade))
        check(f"{other} undoes that", sides[other](undo))


def record(versions: Versions) -> None:
    """Write what 0.1 leaves: one committed change, and one that was killed."""
    versions._uv("venv", "--clear", str(versions.prefix))
    check("0.1 installs", versions.run_old("do(planning.plan_install(backend, 'pea==1.0'))"))
    code = "do(planning.plan_upgrade(backend, 'pea'))"
    check("0.1 is killed", versions.run_old(code, "INSTALLED:before"), code=-9)
    site = next(versions.prefix.glob("lib/*/site-packages"))
    with zipfile.ZipFile(RECORDED, "w", zipfile.ZIP_DEFLATED) as file:
        for folder in (versions.prefix / ".pkgwidgets", *site.glob("pea*")):
            for path in sorted(folder.rglob("*")):
                name = path.relative_to(versions.prefix)
                if path.is_file() and path.suffix != ".pyc" and "stage" not in name.parts:
                    file.write(path, name)


def main() -> None:
    """Build 0.1 and try both versions."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="pkgwidgets-versions-")).resolve()
    wheels = [
        BuiltWheel(name="pea", version=version, files={"pea/__init__.py": f"v = {version!r}\n"})
        for version in ("1.0", "2.0")
    ]
    try:
        with DemoIndex(wheels) as index:
            versions = Versions(folder, index)
            if options.record:
                record(versions)
            try_both(versions)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
