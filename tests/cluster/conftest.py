"""Fixtures for clusters: two gardens with workers, and a service over them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cluster.dask_processes import DaskProcesses, TwoGardens, dask_processes, share_own_packages

from pkgwidgets import demo
from pkgwidgets.cluster import ClusterService


@pytest.fixture
def own_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the records of changes in a folder of the test."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def dask(tmp_path: Path, own_records: None, empty_index_cache: None) -> Iterator[DaskProcesses]:
    """Start a scheduler and a client."""
    with dask_processes(tmp_path) as processes:
        yield processes


@pytest.fixture
def two(dask: DaskProcesses, tmp_path: Path) -> Iterator[TwoGardens]:
    """Start a worker in each of two gardens; `a` comes first in the order of commits."""
    with ExitStack() as stack:
        a, b = (stack.enter_context(demo.start(tmp_path / name)) for name in ("a", "b"))
        for garden, name in zip((a, b), ("a1", "b1"), strict=True):
            share_own_packages(garden)
            variables = {"UV_DEFAULT_INDEX": garden.index_url}
            dask.start_worker(garden.python, name, variables=variables, wait=False)
        dask.wait()
        service = ClusterService(dask.client)
        try:
            yield TwoGardens(dask, a, b, service)
        finally:
            dask.close()
