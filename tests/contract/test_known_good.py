"""The versions of each notebook's last clean run: in memory and on disk."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version
from scratch_notebooks import FakeKnownGood

from pkgwidgets.analysis.notebook_runs import KnownGoodVersions, NotebookCode
from pkgwidgets.analysis.rehearsal_backend import KnownGoodStore
from pkgwidgets.backends.history.known_good import FolderKnownGood


@pytest.fixture(params=["fake", "real"])
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> KnownGoodStore:
    return FakeKnownGood() if request.param == "fake" else FolderKnownGood(tmp_path / "place")


def script(source: str = "1", path: str = "/n/a.ipynb") -> NotebookCode:
    return NotebookCode(notebook=Path(path), sources=(source,), markers=(frozenset(),))


def good(of: NotebookCode, version: str = "1.0") -> KnownGoodVersions:
    return KnownGoodVersions(
        notebook=of.notebook,
        digest=of.digest,
        versions={canonicalize_name("Compost_Log"): Version(version)},
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_remembered_versions_are_recalled(memory: KnownGoodStore) -> None:
    assert memory.recall(script()) is None
    memory.remember(good(script()))
    assert memory.recall(script()) == good(script())
    assert memory.recall(script(path="/n/b.ipynb")) is None


def test_newer_versions_replace_older_ones(memory: KnownGoodStore) -> None:
    memory.remember(good(script()))
    memory.remember(good(script(), "2.0"))
    assert memory.recall(script()) == good(script(), "2.0")


def test_notebook_is_found_by_its_code_or_else_by_its_path(memory: KnownGoodStore) -> None:
    memory.remember(good(script("1"), "1.0"))
    memory.remember(good(script("2"), "2.0"))
    assert memory.recall(script("1")) == good(script("1"), "1.0")
    assert memory.recall(script("3")) == good(script("2"), "2.0")


# --- the real one only


def test_remembered_versions_persist_for_the_next_session(tmp_path: Path) -> None:
    FolderKnownGood(tmp_path).remember(good(script()))
    assert FolderKnownGood(tmp_path).recall(script()) == good(script())


def test_only_five_states_of_a_notebook_are_kept(tmp_path: Path) -> None:
    memory = FolderKnownGood(tmp_path)
    for number in range(9):
        memory.remember(good(script(str(number)), f"{number}.0"))
    (file,) = (tmp_path / "known-good").glob("*.json")
    assert file.read_text().count('"digest"') == 5
    assert memory.recall(script("8")) == good(script("8"), "8.0")


@pytest.mark.parametrize(
    "text",
    [
        b"", b"[]", b"{", b"\xff", b'{"good": 3}', b'{"good": [3]}', b'{"good": [{"digest": 3}]}',
        b'{"good": [{"digest": "d"}]}', b'{"good": [{"digest": "d", "at": 3, "versions": {}}]}',
        b'{"good": [{"digest": "d", "at": "2026-01-01", "versions": {"a": "x y"}}]}',
    ],
    ids=range(10),
)  # fmt: skip
def test_unreadable_memory_is_ignored_and_rewritten(tmp_path: Path, text: bytes) -> None:
    memory = FolderKnownGood(tmp_path)
    memory.remember(good(script()))
    (file,) = (tmp_path / "known-good").glob("*.json")
    file.write_bytes(text)
    assert memory.recall(script()) is None
    memory.remember(good(script()))
    assert memory.recall(script()) == good(script())


def test_unwritable_folder_remembers_nothing(tmp_path: Path) -> None:
    (tmp_path / "known-good").write_text("a file is in the way")
    memory = FolderKnownGood(tmp_path)
    memory.remember(good(script()))
    assert memory.recall(script()) is None
