"""A service of this kernel's environment, and of a missing one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pkgwidgets import PackageService
from pkgwidgets.core.errors import EnvironmentRefused, InvalidRequest

# --- reading packages


def test_default_environment_is_that_of_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:1/simple/")
    service = PackageService()
    assert service.python == Path(sys.executable)
    assert service.prefix == Path(sys.prefix)
    frame = service.get_packages()
    assert frame.loc["pytest", "loaded_version"] == pytest.__version__
    assert "pandas" in frame.index


# --- refusals


@pytest.mark.parametrize("url", ["", "seeds", "ftp://host/simple/", "file:///etc"])
def test_invalid_index_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest):
        PackageService(index_url=url)


def test_missing_interpreter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentRefused, match="There is no Python"):
        PackageService(tmp_path / "python", index_url="http://127.0.0.1:1/simple/")
