"""Virtual environments of packages from the registry, for clusters of several Pythons.

Each has Dask, pkgwidgets as built from this checkout, and two small packages that can be upgraded.
An index of its own has the registry's files of these two. `python3.12` must be on the path.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uv
from cluster.dask_processes import TESTS, DaskProcesses, Stand, dask_processes

from pkgwidgets.cluster import ClusterService
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_builder import BuiltWheel

NAME, OLD, NEW = "colorama", "0.4.5", "0.4.6"
OTHER, OTHER_OLD, OTHER_NEW = "appdirs", "1.4.3", "1.4.4"
PYTHONS = ("3.11", "3.12", "3.11", "3.11")
"""The versions of four environments: tasks that one Python sends by name run on the other, too."""


class RegistryWheel(BuiltWheel):
    """A wheel as the registry has it; `files` has its bytes."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", self.files["whole"])

    @property
    def metadata_text(self) -> str:
        """The text of its `METADATA`."""
        with zipfile.ZipFile(str(self.files["path"])) as archive:
            return archive.read(f"{self.stem}.dist-info/METADATA").decode()


@dataclass(frozen=True)
class RegistryEnvironment:
    """One environment; `folder` has it in `env`."""

    folder: Path
    index: DemoIndex

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "env" / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        """Where its packages are."""
        return next((self.folder / "env").glob("lib/python*/site-packages"))

    @property
    def index_url(self) -> str:
        """The address of its index."""
        return self.index.url

    @property
    def variables(self) -> dict[str, str]:
        """What makes uv and pip use its index, and nothing else."""
        nowhere = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": ""}
        return {"UV_DEFAULT_INDEX": self.index_url, "PIP_INDEX_URL": self.index_url, **nowhere}


@dataclass(frozen=True)
class Registry:
    """What environments are made of: wheels that were fetched once, in a folder."""

    folder: Path
    own_wheel: Path
    wheels: tuple[BuiltWheel, ...]

    def make(self, folder: Path, python: str) -> RegistryEnvironment:
        """Make an environment in a folder, which may exist, and start its index."""
        folder.mkdir(exist_ok=True)
        env = folder / "env"
        _uv("venv", "--seed", "--python", _python(python), str(env))
        old = [f"{NAME}=={OLD}", f"{OTHER}=={OTHER_OLD}"]
        own = f"pkgwidgets[dask] @ {self.own_wheel.as_uri()}"
        _uv("pip", "install", "--python", str(env / "bin" / "python"), own, *old)
        made = RegistryEnvironment(folder, DemoIndex(self.wheels).start())
        (made.site_packages / "of-the-tests.pth").write_text(f"{TESTS}\n", "utf-8")
        return made


def fetch(folder: Path) -> Registry:
    """Build pkgwidgets from this checkout, and fetch both versions of the small packages."""
    _uv("build", "--wheel", "--out-dir", str(folder), str(TESTS.parent))
    (own_wheel,) = folder.glob("pkgwidgets-*.whl")
    for text in (f"{NAME}=={OLD}", f"{NAME}=={NEW}", f"{OTHER}=={OTHER_OLD}",
                 f"{OTHER}=={OTHER_NEW}"):  # fmt: skip
        argv = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([sys.executable, *argv, "--dest", str(folder), text], check=True)
    fetched = [path for path in sorted(folder.glob("*.whl")) if path != own_wheel]
    return Registry(folder, own_wheel, tuple(map(_wheel, fetched)))


@contextmanager
def registry_stand(
    folder: Path, registry: Registry, pythons: Sequence[str] = PYTHONS
) -> Iterator[Stand]:
    """Start a cluster with a worker in each of several environments, and a scheduler in another."""
    with ExitStack() as stack:
        scheduler = registry.make(folder / "scheduler", pythons[0])
        stack.callback(scheduler.index.close)
        environments = []
        for number, python in enumerate(pythons):
            environments.append(registry.make(folder / f"env{number}", python))
            stack.callback(environments[-1].index.close)
        dask = stack.enter_context(dask_processes(folder, scheduler.python, scheduler.variables))
        start_workers(dask, environments)
        yield Stand(dask, environments, ClusterService(dask.client), NAME, NEW, OTHER)


def start_workers(dask: DaskProcesses, environments: Sequence[RegistryEnvironment]) -> None:
    """Start a worker with a nanny in each environment, and wait for all."""
    for number, environment in enumerate(environments):
        dask.start_worker(
            environment.python, f"w{number}", variables=environment.variables, wait=False
        )
    dask.wait()


def _wheel(path: Path) -> BuiltWheel:
    name, version, tag = path.stem.split("-", 2)
    files: Mapping[str, str | bytes] = {"whole": path.read_bytes(), "path": str(path)}
    return RegistryWheel(name=name, version=version, tag=tag, files=files)


def _python(version: str) -> str:
    """Return this interpreter if it has this version, else what uv finds by it."""
    own = ".".join(map(str, sys.version_info[:2]))
    return sys.executable if version == own else version


def _uv(*words: str) -> None:
    """Run uv with the registry that it is configured to use."""
    variables = {**os.environ, "UV_LINK_MODE": "copy"}
    done = subprocess.run(
        [uv.find_uv_bin(), "--quiet", *words], env=variables, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"uv {' '.join(words)}: {done.stderr.strip()}")
