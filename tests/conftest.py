"""Fixtures for all tests: a clean process, the demo's garden and the oracle of trees."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeKit, Kit, Oracle
from faults.tree import rows

from pkgwidgets import PackageService, demo
from pkgwidgets.connect import connect
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel

_SLOWEST_FILES = frozenset({
    "test_damage.py", "test_fuzz.py", "test_lower_bounds.py", "test_mutations.py",
    "test_plan_checks.py", "test_rehearsal.py", "test_self_upgrade.py", "test_upgrades.py",
})  # fmt: skip


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Skip a grammar whose import takes each worker seconds: see lean_jupyter."""
    node.gateway.remote_exec("import sys; sys.modules['rfc3987_syntax'] = None").waitclose()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slowest files first, so that the run does not wait for one at its end."""
    items.sort(key=lambda item: item.path.name not in _SLOWEST_FILES)


@pytest.fixture(scope="session", autouse=True)
def _clean_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Remove the machine's configuration, and share one uv cache."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("PIP_", "UV_")):
                patch.delenv(name)
        patch.setenv("UV_CACHE_DIR", str(tmp_path_factory.mktemp("uv-cache")))
        patch.setenv("UV_NO_CONFIG", "1")
        patch.setenv("UV_HTTP_RETRIES", "0")
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        yield


@pytest.fixture(scope="session", autouse=True)
def _restore_interrupts() -> None:
    """Enable SIGINT where a shell's `… &` ignores it, also for child processes."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def empty_index_cache(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Use an empty cache of index answers and empty folders, and do not wait before a retry."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
    monkeypatch.setattr("pkgwidgets.backends.http.client.sleep", lambda seconds: None)


@pytest.fixture(scope="session")
def _garden_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Use one folder for every garden, so that its interpreter is described once."""
    return tmp_path_factory.mktemp("gardens") / "garden"


@pytest.fixture
def garden(_garden_folder: Path, empty_index_cache: None) -> Iterator[Demo]:
    """Start a fresh environment with the demo's packages, and its index."""
    with demo.start(_garden_folder) as running:
        _share_pyvenv_cfg(running, _garden_folder.with_name("pyvenv.cfg"))
        yield running


def _share_pyvenv_cfg(garden: Demo, kept: Path) -> None:
    """Give each garden the first one's `pyvenv.cfg`, so that its interpreter is already cached.

    If a test has modified the kept file, this garden's file replaces it.
    """
    own = garden.folder / "env" / "pyvenv.cfg"
    if kept.exists() and kept.read_bytes() == own.read_bytes():
        own.unlink()
        own.hardlink_to(kept)
    else:
        kept.unlink(missing_ok=True)
        kept.hardlink_to(own)


@pytest.fixture
def service(garden: Demo) -> PackageService:
    return PackageService(garden.python, index_url=garden.index_url)


@pytest.fixture
def backend(garden: Demo) -> Backend:
    return connect(garden.python, garden.index_url)


@pytest.fixture
def published(garden: Demo) -> Callable[..., None]:
    """Publish more wheels on the garden's index."""
    return garden.index.publish


@pytest.fixture
def tree() -> Oracle:
    """Return every path under a prefix, sorted, in all that must be equal after an undo."""
    return rows


@dataclass(frozen=True)
class RealKit:
    """The garden, with the interface of the fake kit."""

    garden: Demo
    backend: Backend

    def publish(self, *wheels: BuiltWheel) -> None:
        self.garden.index.publish(*wheels)

    def go_down(self) -> None:
        self.garden.index.down = True

    def tree(self) -> object:
        return rows(self.backend.environment.interpreter.prefix)

    def edit(self, path: str, content: bytes | None) -> None:
        file = self.garden.site_packages / path
        file.unlink(missing_ok=True)
        if content is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


@pytest.fixture(params=["fake", "real"])
def kit(request: pytest.FixtureRequest) -> Kit:
    """Run the test twice on the demo's packages: with the fakes, and with the real backend."""
    if request.param == "fake":
        return FakeKit()
    garden: Demo = request.getfixturevalue("garden")
    return RealKit(garden, connect(garden.python, garden.index_url))
