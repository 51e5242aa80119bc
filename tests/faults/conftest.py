"""What tests of faults share: what an undisturbed run makes, and disks that are not waited for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from faults.plot import states

_MEMORY = Path("/dev/shm")


@pytest.fixture
def tmp_path(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Break plots in memory, where that can be: it is done thousands of times."""
    if "Plot" not in vars(request.module) or not _MEMORY.is_dir():
        yield tmp_path
        return
    with TemporaryDirectory(prefix="pkgwidgets-plot-", dir=_MEMORY) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def trees(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The digests of the old and the new environment."""
    return states(tmp_path_factory.mktemp("trees"))


@pytest.fixture
def without_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sync nothing: a killed process loses nothing that it wrote."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(os, "sync", lambda: None)
