"""A machine with several users: a Python that all can run, and code run as one of them.

Only root can be another user, as in a container or in CI.
"""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import uv

import pkgwidgets
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_builder import BuiltWheel

LIBRARIES = (
    *("certifi", "charset-normalizer", "idna", "msgspec", "packaging", "platformdirs", "psutil"),
    *("requests", "urllib3", "uv"),
)
"""What pkgwidgets needs to plan and to apply, without DataFrames."""
CONNECT = """
import json, os, sys
from pathlib import Path
from pkgwidgets.connect import connect
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.operations import access, apply, inventory, planning, recovery
backend = connect(sys.argv[1], sys.argv[2])
"""


@dataclass(frozen=True)
class User:
    """A user by numbers; `groups` are further groups."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


ROOT = User(0, 0)
ADA = User(54_321, 54_321, (54_400,))
BOB = User(54_322, 54_322, (54_400,))
EVE = User(54_323, 54_323)
SCIENCE = 54_400
"""The group of Ada and Bob."""


class SharedMachine:
    """A folder that all users can read, with a Python, pkgwidgets and an index."""

    def __init__(self, folder: Path, index: DemoIndex) -> None:
        assert os.geteuid() == 0, "these tests work as several users, so they need root"
        self.folder = folder
        self.index = index
        self.python = _copy_python(folder / "python")
        self.loader = {"LD_LIBRARY_PATH": str(folder / "python/lib")}
        """Variables for the copied Python, which else looks for its library where it came from."""
        self._libraries = folder / "libraries"
        _copy_libraries(self._libraries)

    def environment(self, name: str, owner: User, mode: int = 0o755) -> Path:
        """Make a virtual environment of a user; return its folder."""
        prefix = self.folder / name
        command = [uv.find_uv_bin(), "venv", "--quiet", "--python", str(self.python), str(prefix)]
        subprocess.run(command, check=True, env={**os.environ, **self.loader})
        for path in (prefix, *prefix.rglob("*")):
            os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
            if path.is_dir() and not path.is_symlink():
                path.chmod(mode)
        return prefix

    def run(
        self, user: User, prefix: Path, code: str, variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run code as a user, in a process that is connected to an environment."""
        command = [str(self.python), "-c", CONNECT + code, str(prefix / "bin/python")]
        return self.run_command(user, [*command, self.index.url], variables)

    def run_command(
        self, user: User, command: list[str], variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as a user, with a home of its own."""
        home = self.folder / f"home-{user.uid}"
        home.mkdir(exist_ok=True)
        os.chown(home, user.uid, user.gid)
        known = {"HOME": str(home), "PYTHONPATH": str(self._libraries), "PATH": os.defpath}
        return subprocess.run(
            command,
            user=user.uid,
            group=user.gid,
            extra_groups=list(user.groups),
            env=known | self.loader | {"TMPDIR": str(self.folder / "tmp"), **(variables or {})},
            umask=0o022,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def publish(self, *versions: str) -> None:
        """Publish versions of pea with a package, a command and a data file."""
        for version in versions:
            self.index.publish(pea(version))


def pea(version: str) -> BuiltWheel:
    """Return a release whose folders differ from those of every other."""
    return BuiltWheel(
        name="pea",
        version=version,
        files={
            "pea/__init__.py": f"version = {version!r}\n",
            f"pea/only_{version.replace('.', '_')}/deep.py": "x = 1\n",
        },
        entry_points="[console_scripts]\npea = pea:version\n",
    )


@contextmanager
def shared_machine() -> Iterator[SharedMachine]:
    """Yield a machine in a folder that is removed afterwards.

    Not in the folder for temporary files of this process, which other users may not enter.
    """
    folder = Path(tempfile.mkdtemp(prefix="pkgwidgets-machine-", dir="/tmp")).resolve()
    folder.chmod(0o755)
    (folder / "tmp").mkdir()
    (folder / "tmp").chmod(0o1777)
    try:
        with DemoIndex() as index:
            yield SharedMachine(folder, index)
    finally:
        shutil.rmtree(folder)


def owners(prefix: Path) -> set[int]:
    """Return the ids of the users that own something in an environment."""
    return {path.lstat().st_uid for path in (prefix, *prefix.rglob("*"))}


def _copy_python(folder: Path) -> Path:
    base = Path(sys.base_prefix)
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "bin").mkdir(parents=True)
    shutil.copy(base / "bin" / name, folder / "bin" / name)
    ignored = shutil.ignore_patterns(
        "site-packages", "dist-packages", "test", "EXTERNALLY-MANAGED", "config-*", "idlelib",
        "lib2to3",
    )  # fmt: skip
    shutil.copytree(base / "lib" / name, folder / "lib" / name, ignore=ignored)
    (folder / "lib" / name / "site-packages").mkdir(exist_ok=True)
    for library in (base / "lib").glob("libpython*.so*"):
        shutil.copy(library, folder / "lib" / library.name)
    compileall.compile_dir(folder / "lib", quiet=2, workers=2)
    _open_to_all(folder)
    return folder / "bin" / name


def _copy_libraries(folder: Path) -> None:
    shutil.copytree(Path(pkgwidgets.__file__).parent, folder / "pkgwidgets")
    for name in LIBRARIES:
        distribution = metadata.distribution(name)
        for file in distribution.files or ():
            source = Path(str(distribution.locate_file(file)))
            if ".." not in file.parts and source.exists():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, folder / file)
    program = folder / "bin" / "uv"
    program.parent.mkdir(exist_ok=True)
    shutil.copy(uv.find_uv_bin(), program)
    compileall.compile_dir(folder, quiet=2)
    _open_to_all(folder)


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
