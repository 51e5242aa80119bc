"""Fixtures of the fault tests: digests of an undisturbed run, and a disk without syncs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from faults.tiny_environment import undisturbed_digests

_MEMORY = Path("/dev/shm")


@pytest.fixture
def tmp_path(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Use a folder in memory for tests that break an environment thousands of times."""
    if "TinyEnvironment" not in vars(request.module) or not _MEMORY.is_dir():
        yield tmp_path
        return
    with TemporaryDirectory(prefix="pkgwidgets-tiny-", dir=_MEMORY) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def trees(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The digests of the old and the new environment."""
    return undisturbed_digests(tmp_path_factory.mktemp("trees"))


@pytest.fixture
def without_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the syncs: a killed process does not lose what it wrote."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(os, "sync", lambda: None)
