"""Whether a transaction can be undone exactly: with the fakes, and on a small folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fakes import FakeKit
from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.backends.environment.later_changes import LaterChanges
from pkgwidgets.backends.store.savepoint import FolderSavePoint
from pkgwidgets.core.environment import Distribution
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_upgrade
from pkgwidgets.operations.undo import list_refusals


@pytest.fixture
def kit() -> FakeKit:
    return FakeKit()


def upgraded(kit: FakeKit) -> Transaction:
    return apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "seedshelf"))


def refusals(kit: FakeKit) -> dict[str, str]:
    return dict(list_refusals(kit.backend, kit.backend.journal.transactions()))


def test_edited_file_refuses_the_undo_and_names_the_way_back(kit: FakeKit) -> None:
    done = upgraded(kit)
    assert refusals(kit) == {}
    kit.edit("seedshelf.py", b"x = 3\n")
    why = "it can no longer be undone, because 'seedshelf.py' was changed"
    with pytest.raises(InvalidRequest, match=why) as caught:
        plan_undo(kit.backend)
    assert caught.value.old_releases == ("seedshelf==1.4.1",)
    assert refusals(kit) == {done.id: "'seedshelf.py' was changed"}
    assert [str(c) for c in plan_install(kit.backend, "seedshelf==1.4.1").changes] == [
        "seedshelf 1.4.2 → 1.4.1"
    ]


def test_deleted_file_does_not_refuse_the_undo(kit: FakeKit) -> None:
    upgraded(kit)
    kit.edit("seedshelf.py", None)
    assert plan_undo(kit.backend).from_save_point


def test_damaged_save_point_refuses_the_undo(kit: FakeKit) -> None:
    done = upgraded(kit)
    kit.kept[done.id].damaged = True
    with pytest.raises(InvalidRequest, match="its save point is damaged: its copies are damaged"):
        plan_undo(kit.backend)
    assert refusals(kit) == {done.id: "its save point is damaged: its copies are damaged"}


def test_history_names_a_version_that_another_tool_installed(kit: FakeKit) -> None:
    done = upgraded(kit)
    kit.installer._remove(canonicalize_name("seedshelf"))
    assert refusals(kit) == {done.id: "seedshelf 1.4.2 is not installed"}


# --- what other programs changed


def later_changes(
    folder: Path, *, rows: tuple[str, ...], saved: tuple[str, ...], changed: tuple[str, ...] = ()
) -> list[str]:
    info = folder / "pea-2.dist-info"
    info.mkdir()
    for name in ("RECORD", "METADATA"):
        (info / name).touch()
    every = ("pea-2.dist-info/RECORD", "pea-2.dist-info/METADATA")
    release = Distribution(
        name="Pea",
        version=Version("2"),
        path=info,
        installed=None,  # type: ignore[arg-type]
        installer="pip",
    )

    def paths(names: tuple[str, ...]) -> set[str]:
        return {f"{folder}/{name}" for name in names}

    changes = LaterChanges(
        prefix=folder,
        rows={release: paths((*rows, *every))},
        saved=paths((*saved, *every)),
        changed=paths(changed),
    )
    return list(changes.clauses())


RECORD = "pea-2.dist-info/RECORD"


def test_other_files_are_of_another_build(tmp_path: Path) -> None:
    rows, saved = ("pea.py", "b.py", "new.py"), ("pea.py", "b.py")
    assert later_changes(tmp_path, rows=rows, saved=saved, changed=("b.py", RECORD)) == [
        "Pea 2 was installed again by pip with other files: 'b.py', 'new.py'"
    ]


@pytest.mark.parametrize("name", ["INSTALLER", "uv_cache.json", "direct_url.json", "REQUESTED"])
def test_files_of_the_installer_are_no_other_build(tmp_path: Path, name: str) -> None:
    file = f"pea-2.dist-info/{name}"
    changed = (RECORD, file)
    assert later_changes(tmp_path, rows=("pea.py", file), saved=("pea.py",), changed=changed) == []


def test_edited_and_added_files_are_named(tmp_path: Path) -> None:
    changed = ("pea.py", "gone.py", "gone2.py")
    assert later_changes(
        tmp_path, rows=("pea.py",), saved=("pea.py", "gone.py", "gone2.py"), changed=changed
    ) == ["'pea.py' was edited", "'gone.py', 'gone2.py' were added"]


# --- the recorded result


@pytest.fixture
def save_point(tmp_path: Path) -> FolderSavePoint:
    (tmp_path / "lib").mkdir()
    for name in ("old.py", "same.py"):
        (tmp_path / "lib" / name).write_text("old\n")
    save_point = FolderSavePoint(tmp_path / ".pkgwidgets/txn/one", tmp_path)
    save_point.save([tmp_path / "lib" / name for name in ("old.py", "same.py", "new.py", "link")])
    for name in ("old.py", "new.py"):
        path = tmp_path / "lib" / name
        path.unlink(missing_ok=True)
        path.write_text("new\n")
    (tmp_path / "lib/link").symlink_to("new.py")
    save_point.record_result()
    assert save_point.changed() == frozenset()
    return save_point


def change_names(save_point: FolderSavePoint) -> list[str]:
    return sorted(path.name for path in save_point.changed())


def test_result_tells_later_contents(save_point: FolderSavePoint, tmp_path: Path) -> None:
    lib = tmp_path / "lib"
    (lib / "old.py").write_text("mine\n")
    (lib / "new.py").touch()
    (lib / "same.py").unlink()
    (lib / "link").unlink()
    (lib / "link").symlink_to("old.py")
    assert change_names(save_point) == ["link", "old.py"]
    (lib / "old.py").write_text("old\n")
    assert change_names(save_point) == ["link"], "an undo overwrites nothing else there"
    (lib / "link").unlink()
    (lib / "link").mkdir()
    assert change_names(save_point) == ["link"]


def test_result_compares_content_of_the_same_size(
    save_point: FolderSavePoint, tmp_path: Path
) -> None:
    (tmp_path / "lib/new.py").write_text("nEw\n")
    os.utime(tmp_path / "lib/new.py", (1, 1))
    assert change_names(save_point) == ["new.py"]


@pytest.mark.parametrize("text", [None, "", "[1", '{"rows": []}'])
def test_unreadable_result_tells_nothing(
    save_point: FolderSavePoint, tmp_path: Path, text: str | None
) -> None:
    result = tmp_path / ".pkgwidgets/txn/one/result.json"
    result.unlink()
    if text is not None:
        result.write_text(text)
    (tmp_path / "lib/new.py").write_text("mine\n")
    assert save_point.changed() == frozenset()


def test_discarded_save_point_keeps_no_result(save_point: FolderSavePoint, tmp_path: Path) -> None:
    assert save_point.is_kept()
    save_point.discard()
    assert not save_point.is_kept()
    assert not (tmp_path / ".pkgwidgets/txn/one/result.json").exists()


def test_removed_paths_leave_no_empty_folder(save_point: FolderSavePoint, tmp_path: Path) -> None:
    extra = tmp_path / "lib/deep/more/file.py"
    extra.parent.mkdir(parents=True)
    extra.write_text("")
    assert save_point.remove([extra]) == ()
    assert not (tmp_path / "lib/deep").exists()
    assert (tmp_path / "lib/old.py").read_text() == "new\n"
    assert save_point.remove([]) == ()
