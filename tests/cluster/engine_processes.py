"""A cluster of ipyparallel of real processes: a controller, and engines in environments."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep

import ipyparallel
from cluster.dask_processes import end, share_own_packages

from pkgwidgets.demo import Demo

_START_SECONDS = 120


@contextmanager
def engine_processes(folder: Path, gardens: list[Demo]) -> Iterator[ipyparallel.Client]:
    """Start a controller on loopback and an engine in each garden; yield a client of them."""
    profile = folder / "profile"
    variables = {**os.environ, "IPYTHONDIR": str(folder / "ipython")}
    with ExitStack() as stack:

        def start(python: Path | str, *words: str) -> None:
            log = stack.enter_context((folder / f"{len(words)}-{words[0]}.log").open("ab"))
            process = subprocess.Popen(
                [str(python), "-m", *words],
                stdout=log,
                stderr=log,
                env=variables,
                start_new_session=True,
            )
            stack.callback(end, process)

        start(
            sys.executable, "ipyparallel.controller", f"--profile-dir={profile}", "--ip=127.0.0.1"
        )
        files = [profile / "security" / f"ipcontroller-{who}.json" for who in ("client", "engine")]
        _wait_for(files)
        for number, garden in enumerate(gardens):
            share_own_packages(garden)
            own = folder / f"profile-{number}"
            own.mkdir()
            start(
                garden.python,
                *("ipyparallel.engine", f"--file={files[1]}", f"--profile-dir={own}"),
            )
        client = ipyparallel.Client(str(files[0]), timeout=_START_SECONDS)
        stack.callback(client.close)
        client.wait_for_engines(len(gardens), timeout=_START_SECONDS, interactive=False)
        yield client


def _wait_for(files: list[Path]) -> None:
    deadline = monotonic() + _START_SECONDS
    while not all(file.exists() and file.stat().st_size for file in files):
        if monotonic() > deadline:
            raise TimeoutError("the controller wrote no connection files")
        sleep(0.1)
