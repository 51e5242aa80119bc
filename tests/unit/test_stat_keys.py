"""Keys of `dist-info` folders: a missing file is looked for again only if it may have come."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import time_ns

import pytest

from pkgwidgets.backends.environment import interpreter, stat_keys
from pkgwidgets.backends.environment.dist_info import DistInfoReader

HOUR_NS = 3600 * 10**9


@pytest.fixture
def reader(tmp_path: Path) -> DistInfoReader:
    folder = tmp_path / "pea-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: pea\nVersion: 1.0\n")
    (folder / "RECORD").write_text("")
    scheme = dict.fromkeys(("purelib", "platlib", "scripts", "data"), tmp_path)
    facts = replace(interpreter.describe(), prefix=tmp_path, scheme=scheme, search=(tmp_path,))
    return DistInfoReader(facts)


@pytest.fixture
def looked_for(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the optional files that are looked for."""
    names: list[str] = []
    real = stat_keys._optional_key

    def noted(descriptor: int, path: str) -> tuple[int, int, int, int] | None:
        names.append(path.rpartition("/")[2])
        return real(descriptor, path)

    monkeypatch.setattr(stat_keys, "_optional_key", noted)
    return names


def test_missing_file_is_not_looked_for_in_an_old_folder(
    reader: DistInfoReader, looked_for: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "pkgwidgets.backends.environment.dist_info"
    monkeypatch.setattr(f"{module}.time_ns", lambda: time_ns() + HOUR_NS)
    first = reader.installations()
    assert looked_for == ["INSTALLER", "direct_url.json"]
    assert reader.installations() == first
    assert len(looked_for) == 2


def test_missing_file_is_looked_for_while_the_folder_is_new(
    reader: DistInfoReader, looked_for: list[str]
) -> None:
    """Two changes within one step of the file system's clock leave the same time."""
    first = reader.installations()
    assert reader.installations() == first
    assert len(looked_for) == 4


def test_file_that_came_is_seen(
    reader: DistInfoReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "pkgwidgets.backends.environment.dist_info"
    monkeypatch.setattr(f"{module}.time_ns", lambda: time_ns() + HOUR_NS)
    first = reader.installations()
    (tmp_path / "pea-1.0.dist-info" / "INSTALLER").write_text("uv\n")
    assert reader.installations() != first
