"""What tests of faults share: what an undisturbed run makes, and disks that are not waited for."""

from __future__ import annotations

import os

import pytest
from faults.plot import states


@pytest.fixture(scope="session")
def trees(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The digests of the old and the new environment."""
    return states(tmp_path_factory.mktemp("trees"))


@pytest.fixture
def without_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sync nothing: a killed process loses nothing that it wrote."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(os, "sync", lambda: None)
