"""Under the same cutoff, pip, uv and our plans choose the same versions of the demo's index."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from pkgwidgets import PackageService, PkgwidgetsError
from pkgwidgets.demo import Demo

pytestmark = pytest.mark.slow

CUTOFFS = (
    "2025-08-26T00:00:00Z",
    "2025-10-01T00:00:00Z",
    "2026-04-14T00:00:00Z",
    "2026-10-26T09:30:00Z",
)
"""The last is the very second of an upload."""
REQUESTS = ("raintable", "bedplanner", "allotboard", "dewcatcher", "moonsower")
_Chosen = dict[str, str] | None
"""The versions by name; None if nothing can be chosen."""


@pytest.fixture(scope="module")
def pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install pip 26 or newer in an environment of its own; return its Python."""
    folder = tmp_path_factory.mktemp("pip") / "env"
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "-q", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run([*uv, "pip", "install", "-q", "--python", python, "pip>=26"], check=True)
    return python


def run(argv: Iterable[str | Path], **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_"))}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", **variables}
    return subprocess.run(
        [*map(str, argv)], capture_output=True, text=True, check=False, env=environment, timeout=120
    )


def chosen_by_pip(pip: Path, garden: Demo, request: str, cutoff: str) -> _Chosen:
    done = run(
        [pip, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-",
         "--no-cache-dir", "--only-binary=:all:", "--index-url", garden.index_url,
         "--uploaded-prior-to", cutoff, request]
    )  # fmt: skip
    if done.returncode:
        assert "No matching distribution" in done.stderr or "ResolutionImp" in done.stderr, (
            done.stderr
        )
        return None
    report = json.loads(done.stdout)
    rows = (row["metadata"] for row in report["install"])
    return {canonicalize_name(row["name"]): row["version"] for row in rows}


def chosen_by_uv(garden: Demo, request: str, cutoff: str, folder: Path) -> _Chosen:
    file = folder / "request.in"
    file.write_text(f"{request}\n")
    done = run(
        [sys.executable, "-m", "uv", "pip", "compile", "-q", "--no-annotate", "--no-header",
         "--python", garden.python, "--default-index", garden.index_url, "--no-cache",
         "--only-binary=:all:", "--exclude-newer", cutoff, file]
    )  # fmt: skip
    if done.returncode:
        assert "No solution found" in done.stderr, done.stderr
        return None
    pins = (line.partition("==") for line in done.stdout.splitlines() if "==" in line)
    return {canonicalize_name(name): version for name, _, version in pins}


def chosen_by_us(garden: Demo, request: str) -> _Chosen:
    """Plan in an environment in which nothing is installed, as `--ignore-installed` does."""
    service = PackageService(garden.python, index_url=garden.index_url)
    try:
        plan = service.plan_install(request)
    except PkgwidgetsError:
        return None
    return dict(pin.split("==") for pin in plan.pins)


@pytest.fixture
def empty_garden(garden: Demo) -> Demo:
    """Return the demo with its index and without its packages."""
    for folder in garden.site_packages.glob("*.dist-info"):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    return garden


@pytest.mark.parametrize("cutoff", CUTOFFS)
def test_same_cutoff_gives_the_same_versions(
    empty_garden: Demo, pip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cutoff: str
) -> None:
    ours_for_pip, ours_for_uv, by_pip, by_uv = ({} for _ in range(4))
    for request in REQUESTS:
        by_pip[request] = chosen_by_pip(pip, empty_garden, request, cutoff)
        by_uv[request] = chosen_by_uv(empty_garden, request, cutoff, tmp_path)
        with monkeypatch.context() as patch:
            patch.setenv("PIP_UPLOADED_PRIOR_TO", cutoff)
            ours_for_pip[request] = chosen_by_us(empty_garden, request)
        with monkeypatch.context() as patch:
            patch.setenv("UV_EXCLUDE_NEWER", cutoff)
            ours_for_uv[request] = chosen_by_us(empty_garden, request)
    assert ours_for_pip == by_pip
    assert ours_for_uv == by_uv


def test_cutoffs_differ_in_what_they_allow(empty_garden: Demo, tmp_path: Path) -> None:
    newest = datetime.now(UTC).isoformat(timespec="seconds")
    kinds = {
        json.dumps(chosen_by_uv(empty_garden, "raintable", cutoff, tmp_path))
        for cutoff in (*CUTOFFS, newest)
    }
    assert kinds >= {"null", '{"raintable": "2.0.0"}', '{"raintable": "2.4.0"}'}
    assert '{"raintable": "3.1.0"}' in kinds
