"""Fixtures for clusters: two gardens with workers, and a service over them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.dask_processes import DaskProcesses, TwoGardens, dask_processes, two_gardens


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
def two(tmp_path: Path, own_records: None, empty_index_cache: None) -> Iterator[TwoGardens]:
    """Start a worker in each of two gardens; `a` comes first in the order of commits."""
    with two_gardens(tmp_path) as gardens:
        yield gardens
