"""The variables of the demo: nothing of it goes to the home folder, and no setting counts."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import webbrowser
from pathlib import Path

import pytest

from pkgwidgets.demo import surroundings

INDEX = "http://127.0.0.1:4000/simple/"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the place of the demo's folder; this process's variables are restored."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    return tmp_path / "home"


def test_every_folder_is_in_that_of_the_demo(folder: Path) -> None:
    surroundings.use_instead_of_home(folder, INDEX)
    assert folder.is_dir()
    for name in ("XDG_CACHE_HOME", "JUPYTER_DATA_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR"):
        assert Path(os.environ[name]).is_relative_to(folder)


def test_index_of_the_demo_is_the_only_one(folder: Path) -> None:
    theirs = {"UV_INDEX": "https://a.example", "PIP_EXTRA_INDEX_URL": "https://b.example"}
    os.environ.update(theirs)
    surroundings.use_instead_of_home(folder, INDEX)
    assert theirs.keys().isdisjoint(os.environ)
    assert os.environ["UV_DEFAULT_INDEX"] == os.environ["PIP_INDEX_URL"] == INDEX


def test_settings_of_jupyterlab_are_copied(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine" / "theme"
    own.parent.mkdir()
    own.write_text("dark")
    os.environ["JUPYTERLAB_SETTINGS_DIR"] = str(own.parent)
    surroundings.use_instead_of_home(folder, INDEX)
    copy = Path(os.environ["JUPYTERLAB_SETTINGS_DIR"]) / "theme"
    assert copy.read_text() == "dark"
    assert copy != own


@pytest.mark.parametrize("before", [{}, {"XDG_DATA_HOME": "/my data"}])
def test_browser_has_the_folders_of_before(before: dict[str, str]) -> None:
    command = surroundings.browser_command(before)
    assert isinstance(webbrowser.get(command), webbrowser.GenericBrowser)
    words = shlex.split(command)
    assert words[-4:] == [sys.executable, "-m", "webbrowser", "%s"]
    changed = {"XDG_CACHE_HOME": "/demo", "XDG_DATA_HOME": "/demo", "PATH": os.environ["PATH"]}
    argv = [*words[:-4], "env"]
    seen = subprocess.run(argv, env=changed, capture_output=True, text=True, check=True).stdout
    assert {line for line in seen.splitlines() if line.startswith("XDG_")} == {
        f"{name}={value}" for name, value in before.items()
    }
