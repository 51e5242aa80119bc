"""A Dask cluster of real processes: a scheduler, and workers with nannies in environments."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Protocol

from distributed import Client
from faults.tree import digest

import pkgwidgets
from pkgwidgets import demo
from pkgwidgets.cluster import ClusterService
from pkgwidgets.demo import Demo
from pkgwidgets.demo.index_server import DemoIndex

_START_SECONDS = 120
TESTS = Path(__file__).parent.parent


def share_own_packages(garden: Demo) -> None:
    """Let a garden import pkgwidgets, distributed and all else that these tests run on."""
    folders = [sysconfig.get_path("purelib"), Path(pkgwidgets.__file__).parent.parent, TESTS]
    path = garden.site_packages / "of-the-tests.pth"
    path.write_text("\n".join(map(str, folders)), encoding="utf-8")


@dataclass
class DaskProcesses:
    """A scheduler with its client, and the processes of the nannies by the names of workers."""

    folder: Path
    client: Client
    address: str
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start_worker(
        self,
        python: Path,
        name: str,
        *,
        nanny: bool = True,
        variables: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> subprocess.Popen[bytes]:
        """Start `dask worker` with this Python, in a session of its own."""
        log = (self.folder / f"{name}.log").open("wb")
        process = subprocess.Popen(
            [
                *(str(python), "-m", "distributed.cli.dask_worker", self.address),
                *("--name", name, "--nworkers", "1", "--nthreads", "1", "--no-dashboard"),
                *("--local-directory", str(self.folder)),
                "--nanny" if nanny else "--no-nanny",
            ],
            stdout=log,
            stderr=log,
            env={**os.environ, **(variables or {})},
            start_new_session=True,
        )
        log.close()
        self.processes[name] = process
        if wait:
            self.wait()
        return process

    def wait(self) -> None:
        """Wait until all started workers have joined."""
        self.client.wait_for_workers(len(self.processes), timeout=_START_SECONDS)

    def has_joined(self, name: str) -> bool:
        """Wait until a worker has joined, or its nanny has ended; return whether it joined."""
        deadline = monotonic() + _START_SECONDS
        while monotonic() < deadline:
            workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
            if name in {worker["name"] for worker in workers}:
                return True
            if self.processes[name].poll() is not None:
                return False
            sleep(0.2)
        raise TimeoutError(f"{name} neither joined nor ended: {self.log(name)[-2000:]}")

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text("utf-8", "replace")

    def close(self) -> None:
        while self.processes:
            end(self.processes.popitem()[1])


class Environment(Protocol):
    """An environment with an index of its own: a garden, or one of registry packages."""

    @property
    def folder(self) -> Path:
        """The folder that has the environment in `env`."""

    @property
    def python(self) -> Path:
        """Its interpreter."""

    @property
    def site_packages(self) -> Path:
        """Where its packages are."""

    @property
    def index(self) -> DemoIndex:
        """Its index."""

    @property
    def index_url(self) -> str:
        """The address of its index."""


@dataclass
class Stand:
    """A cluster and its environments, in the order of commits.

    All have `name` and `other`, which can be upgraded; `new` is the version that `name` gets.
    """

    dask: DaskProcesses
    environments: Sequence[Environment]
    service: ClusterService
    name: str = "seedshelf"
    new: str = "1.4.2"
    other: str = "frostcall"

    @property
    def names(self) -> list[str]:
        """The ids of the environments, in the order of commits."""
        return list(self.service.environments().index)

    def digests(self) -> tuple[str, ...]:
        """Return a hash of each environment."""
        return tuple(digest(environment.folder / "env") for environment in self.environments)

    def stems(self, name: str) -> tuple[list[str], ...]:
        """Return the names of the `.dist-info` folders of a package in each environment."""
        return tuple(
            sorted(path.name for path in environment.site_packages.glob(f"{name}-*.dist-info"))
            for environment in self.environments
        )

    def versions(self, name: str) -> set[str]:
        """Return the installed versions of a package in all."""
        row = self.service.drift().loc[name]
        return {str(row[environment]) for environment in self.names}


class TwoGardens(Stand):
    """Two gardens of one cluster."""

    environments: Sequence[Demo]

    @property
    def a(self) -> Demo:
        """The garden that commits first."""
        return self.environments[0]

    @property
    def b(self) -> Demo:
        """The other garden."""
        return self.environments[1]


@contextmanager
def dask_processes(
    folder: Path, python: Path | None = None, variables: Mapping[str, str] | None = None
) -> Iterator[DaskProcesses]:
    """Start a scheduler in a process of its own; end it and all workers after the block.

    It runs on this Python, or on `python`.
    """
    with ExitStack() as stack:
        file = folder / "scheduler.json"
        log = stack.enter_context((folder / "scheduler.log").open("wb"))
        scheduler = subprocess.Popen(
            [
                *(
                    str(python or sys.executable),
                    "-m",
                    "distributed.cli.dask_scheduler",
                    "--port",
                    "0",
                ),
                *("--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)),
            ],
            stdout=log,
            stderr=log,
            # It reads the tasks that it passes on.
            env={**os.environ, **(variables or {}), "PYTHONPATH": str(TESTS)},
            start_new_session=True,
        )
        stack.callback(end, scheduler)
        client = stack.enter_context(Client(scheduler_file=str(file), timeout=_START_SECONDS))
        cluster = DaskProcesses(folder, client, client.scheduler.address)
        stack.callback(cluster.close)
        yield cluster


@contextmanager
def two_gardens(folder: Path) -> Iterator[TwoGardens]:
    """Start a cluster with a worker in each of two gardens, `a` and `b` in a folder."""
    with ExitStack() as stack:
        dask = stack.enter_context(dask_processes(folder))
        a, b = (stack.enter_context(demo.start(folder / name / "garden")) for name in ("a", "b"))
        stack.callback(dask.close)
        for garden, name in zip((a, b), ("a1", "b1"), strict=True):
            share_own_packages(garden)
            variables = {"UV_DEFAULT_INDEX": garden.index_url}
            dask.start_worker(garden.python, name, variables=variables, wait=False)
        dask.wait()
        yield TwoGardens(dask, [a, b], ClusterService(dask.client))


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process group: SIGTERM first, so that a nanny ends its worker."""
    for number, seconds in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        try:
            os.killpg(process.pid, number)
            process.wait(seconds)
        except (ProcessLookupError, PermissionError):
            break
        except subprocess.TimeoutExpired:
            continue
        else:
            break
    process.wait(10)
