"""The main job on real packages from the configured index: minutes, and megabytes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import uv

from pkgwidgets import PackageService

pytestmark = pytest.mark.slow

PACKAGES = ("streamlit==1.31.0", "altair==5.0.0", "scikit-learn==1.3.2", "seaborn==0.12.2")


def _uv(*argv: str) -> str:
    command = [uv.find_uv_bin(), *argv]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment with an old streamlit and what it brings."""
    folder = tmp_path_factory.mktemp("real") / "env"
    _uv("venv", "--quiet", str(folder))
    python = folder / "bin" / "python"
    _uv("pip", "install", "--quiet", "--python", str(python), *PACKAGES)
    return python


def test_latest_versions_agree_with_uv(python: Path) -> None:
    updates = PackageService(python).check_for_updates()
    assert updates["error"].isna().all()
    newer = updates.index[updates["update_available"].fillna(value=False)]
    ours = {str(name): str(updates.loc[name, "latest_version"]) for name in newer}
    listed = json.loads(
        _uv("pip", "list", "--outdated", "--format", "json", "--quiet", "--python", str(python))
    )
    assert {name.lower().replace("_", "-"): v for name, v in ours.items()} == {
        row["name"]: row["latest_version"] for row in listed
    }
    assert len(ours) > 5


def test_pandas_upgrade_is_undone_exactly(python: Path, tree: Callable[[Path], object]) -> None:
    service = PackageService(python)
    before = tree(service.prefix)
    installed = service.get_package("pandas").version

    kept = service.plan_upgrade("pandas")
    assert not kept
    assert [package.name for package in kept.held_back] == ["pandas"]
    assert "blocked by streamlit 1.31.0 (pandas<3)" in kept.held_back[0].reason

    done = service.apply(service.plan_upgrade("pandas", allow="all"))
    assert {"pandas", "streamlit"} <= {change.id for change in done.changes}
    assert service.get_package("pandas").version.startswith("3.")
    _uv("pip", "check", "--python", str(python))
    assert tree(service.prefix) != before

    service.undo()
    assert service.get_package("pandas").version == installed
    assert tree(service.prefix) == before
