"""A save point restores exactly what it saved, any number of times, or names what it cannot."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import pytest
from fakes import FakeSavePoint, Kept, Oracle

from pkgwidgets.backends.store import fail_points, filesystem
from pkgwidgets.backends.store.savepoint import FolderSavePoint
from pkgwidgets.core.differences import Difference
from pkgwidgets.core.errors import DiskFailed
from pkgwidgets.core.interfaces import SavePoint


class Place(Protocol):
    """A prefix with files, and one save point of it."""

    def save_point(self) -> SavePoint:
        """Return the save point as another session does."""

    def write(self, path: str, content: bytes) -> None:
        """Replace a file, as installers do: never in place."""

    def delete(self, path: str) -> None:
        """Delete a file."""

    def path(self, name: str) -> Path:
        """Return where a file is."""

    def tree(self) -> object:
        """Return all files."""

    def damage(self) -> None:
        """Damage the saved files."""


class FakePlace:
    def __init__(self) -> None:
        self.disk: dict[Path, bytes] = {}
        self.kept: dict[str, Kept] = {}

    def save_point(self) -> SavePoint:
        return FakeSavePoint(self.disk, self.kept, "one")

    def path(self, name: str) -> Path:
        return Path("/fake") / name

    def write(self, path: str, content: bytes) -> None:
        self.disk[self.path(path)] = content

    def delete(self, path: str) -> None:
        del self.disk[self.path(path)]

    def tree(self) -> object:
        return dict(self.disk)

    def damage(self) -> None:
        self.kept["one"].damaged = True


class RealPlace:
    def __init__(self, folder: Path, oracle: Oracle) -> None:
        self.prefix = folder / "env"
        self.prefix.mkdir()
        self.folder = self.prefix / ".pkgwidgets" / "txn" / "one"
        self._oracle = oracle

    def save_point(self) -> FolderSavePoint:
        return FolderSavePoint(self.folder, self.prefix)

    def path(self, name: str) -> Path:
        return self.prefix / name

    def write(self, path: str, content: bytes) -> None:
        file = self.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_bytes(content)

    def delete(self, path: str) -> None:
        self.path(path).unlink()

    def tree(self) -> object:
        return self._oracle(self.prefix)

    def damage(self) -> None:
        for file in (self.folder / "objects").iterdir():
            file.write_bytes(b"damaged")


@pytest.fixture
def real(tmp_path: Path, tree: Oracle) -> RealPlace:
    return RealPlace(tmp_path, tree)


@pytest.fixture(params=["fake", "real"])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "fake":
        return FakePlace()
    real_place: RealPlace = request.getfixturevalue("real")
    return real_place


OLD = {"lib/pea.py": b"x = 1\n", "lib/pod/__init__.py": b"", "bin/pea": b"#!/bin/sh\n"}
GONE = ("lib/new.py", "lib/fresh/deep/module.py")


def filled(place: Place) -> Collection[Path]:
    for name, content in OLD.items():
        place.write(name, content)
    return [place.path(name) for name in (*OLD, *GONE)]


def changed(place: Place) -> None:
    """Replace, delete and add files, as an upgrade does."""
    place.write("lib/pea.py", b"x = 2\n")
    place.delete("lib/pod/__init__.py")
    for name in GONE:
        place.write(name, b"new")


def test_restore_brings_back_all_saved_files(place: Place) -> None:
    paths = filled(place)
    before = place.tree()
    place.save_point().save(paths)
    assert place.tree() == before
    changed(place)
    assert place.tree() != before
    assert place.save_point().restore() == ()
    assert place.tree() == before


def test_saved_files_with_another_content_differ(place: Place) -> None:
    place.write("lib/same.py", b"y = 1\n")
    place.save_point().save([*filled(place), place.path("lib/same.py")])
    assert place.save_point().differing() == frozenset()
    changed(place)
    place.write("bin/pea", b"longer than it was\n")
    place.write("lib/same.py", b"y = 1\n")
    assert place.save_point().differing() == {place.path("lib/pea.py"), place.path("bin/pea")}


def test_file_of_another_size_differs_without_being_read(
    real: RealPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    real.save_point().save(filled(real))
    real.write("lib/pea.py", b"longer than it was\n")
    read = list[str]()
    monkeypatch.setattr(fail_points, "watch", lambda _, path: read.append(str(path)))
    assert real.save_point().differing() == {real.path("lib/pea.py")}
    assert str(real.path("lib/pea.py")) not in read
    assert str(real.path("bin/pea")) in read


def test_restore_can_be_repeated(place: Place) -> None:
    paths = filled(place)
    before = place.tree()
    place.save_point().save(paths)
    for _ in range(2):
        changed(place)
        assert place.save_point().restore() == ()
        assert place.save_point().restore() == ()
        assert place.tree() == before


def test_save_point_lists_absent_paths_too(place: Place) -> None:
    paths = filled(place)
    place.save_point().save(paths)
    assert place.save_point().paths() == frozenset(paths)


def test_empty_save_point_restores_nothing(place: Place) -> None:
    place.save_point().save([])
    assert place.save_point().restore() == ()
    assert place.save_point().paths() == frozenset()
    assert place.save_point().is_intact()


def test_save_point_is_intact_until_it_is_discarded(place: Place) -> None:
    paths = filled(place)
    before = place.tree()
    assert not place.save_point().is_intact()
    place.save_point().save(paths)
    assert place.save_point().is_intact()
    place.save_point().discard()
    assert not place.save_point().is_intact()
    place.save_point().discard()
    assert place.tree() == before


def test_damaged_copies_are_reported_and_not_restored(place: Place) -> None:
    paths = filled(place)
    place.save_point().save(paths)
    changed(place)
    for path in (place.path("bin/pea"), place.path("lib/pea.py")):
        assert path in place.save_point().paths()
    place.write("bin/pea", b"new")
    place.damage()
    assert not place.save_point().is_intact()
    failed = place.save_point().restore()
    assert len(failed) == len(OLD)
    assert all(str(place.path(name)) in "; ".join(map(str, failed)) for name in OLD)
    assert place.save_point().restore() == failed


# --- the real one only


def test_one_damaged_copy_does_not_stop_the_others(real: RealPlace) -> None:
    real.save_point().save(filled(real))
    changed(real)
    kept = next(f for f in (real.folder / "objects").iterdir() if f.read_bytes() == b"x = 1\n")
    kept.write_bytes(b"x = 3\n")
    (failed,) = real.save_point().restore()
    assert str(failed) == f"{real.path('lib/pea.py')}: its saved copy is damaged"
    assert real.path("lib/pea.py").read_bytes() == b"x = 2\n"
    assert real.path("lib/pod/__init__.py").read_bytes() == b""
    assert not real.path("lib/new.py").exists()


@pytest.mark.parametrize("spoil", ["missing", "empty", "text"])
def test_damaged_manifest_is_not_intact(real: RealPlace, spoil: str) -> None:
    real.save_point().save(filled(real))
    manifest = real.folder / "manifest.json"
    manifest.unlink()
    if spoil != "missing":
        manifest.write_text("" if spoil == "empty" else "[1")
    assert not real.save_point().is_intact()


def test_interrupted_restore_can_be_run_again(
    real: RealPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = filled(real)
    before = real.tree()
    real.save_point().save(paths)
    for name in ("replace", "unlink", "rmdir", "link"):
        for number in range(len(paths)):
            changed(real)
            with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
                patch.setattr(os, name, interrupt_after(getattr(os, name), number))
                real.save_point().restore()
            assert real.save_point().restore() == ()
            assert real.tree() == before


def interrupt_after(function: Callable[..., object], after: int) -> Callable[..., object]:
    """Let the first calls pass and interrupt all later ones."""
    allowed = iter(range(after))

    def called(*args: object, **more: object) -> object:
        if next(allowed, None) is None:
            raise KeyboardInterrupt
        return function(*args, **more)

    return called


def test_restore_brings_back_links_and_file_modes(real: RealPlace) -> None:
    paths = filled(real)
    link, dangling, tool = real.path("lib/link"), real.path("bin/dangling"), real.path("bin/pea")
    link.symlink_to("pea.py")
    dangling.symlink_to("/nowhere/at/all")
    tool.chmod(0o755)
    before = real.tree()
    real.save_point().save([*paths, link, dangling])
    link.unlink()
    link.write_text("a file now")
    dangling.unlink()
    tool.chmod(0o600)
    assert real.save_point().restore() == ()
    assert real.tree() == before


def test_restore_brings_back_a_mode_changed_in_place(real: RealPlace) -> None:
    paths = filled(real)
    before = real.tree()
    real.save_point().save(paths)
    real.path("lib/pea.py").chmod(0o600)
    assert real.save_point().restore() == ()
    assert real.tree() == before


def test_modules_are_hard_linked_and_other_files_are_copied(real: RealPlace) -> None:
    names = {"lib/pea.py": 2, "lib/pea.pth": 1, "bin/pea": 1, "etc/pea.conf": 1, "share/pea": 1}
    for name in names:
        real.write(name, name.encode())
    before = real.tree()
    real.save_point().save([real.path(name) for name in names])
    assert {name: real.path(name).stat().st_nlink for name in names} == names
    for name in names:
        if names[name] == 1:
            with real.path(name).open("ab") as file:
                file.write(b"edited")
    assert real.save_point().restore() == ()
    assert real.tree() == before
    assert {name: real.path(name).stat().st_nlink for name in names} == names


def test_restore_works_without_hard_links(real: RealPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    paths = filled(real)
    before = real.tree()
    real.save_point().save(paths)
    changed(real)
    assert real.path("bin/pea").stat().st_nlink == 1
    assert real.save_point().restore() == ()
    assert real.tree() == before


def test_restore_brings_back_modification_times(real: RealPlace) -> None:
    paths = filled(real)
    for name in OLD:
        os.utime(real.path(name), (1_700_000_000, 1_700_000_000))
    real.save_point().save(paths)
    changed(real)
    real.write("bin/pea", b"other")
    assert real.save_point().restore() == ()
    assert {real.path(name).stat().st_mtime for name in OLD} == {1_700_000_000}


def test_restore_removes_bytecode_of_restored_files(real: RealPlace) -> None:
    paths = filled(real)
    real.save_point().save(paths)
    changed(real)
    mine = real.path("lib/__pycache__/pea.cpython-311.pyc")
    other = real.path("lib/__pycache__/other.cpython-311.pyc")
    fresh = real.path("lib/fresh/deep/__pycache__/module.cpython-311.pyc")
    for file in (mine, other, fresh):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"compiled")
    assert real.save_point().restore() == ()
    assert (mine.exists(), other.exists()) == (False, True)
    assert not real.path("lib/fresh").exists()


def test_restore_keeps_new_folders_with_foreign_files(real: RealPlace) -> None:
    real.save_point().save(filled(real))
    changed(real)
    real.write("lib/fresh/notes.txt", b"mine")
    assert real.save_point().restore() == ()
    assert real.path("lib/fresh/notes.txt").read_bytes() == b"mine"
    assert not real.path("lib/fresh/deep").exists()


def test_restore_brings_back_deleted_folders(real: RealPlace) -> None:
    paths = filled(real)
    before = real.tree()
    real.save_point().save(paths)
    shutil.rmtree(real.path("lib"))
    assert real.save_point().restore() == ()
    assert real.tree() == before


def test_save_refuses_a_folder_before_saving_anything(real: RealPlace) -> None:
    paths = filled(real)
    with pytest.raises(DiskFailed, match="neither a file nor a link"):
        real.save_point().save([*paths, real.path("lib/pod")])
    assert not real.save_point().is_intact()


def test_restore_replaces_a_folder_with_the_original_file(real: RealPlace) -> None:
    real.write("lib/data", b"a file")
    before = real.tree()
    real.save_point().save([real.path("lib/data"), real.path("lib/data/more")])
    real.delete("lib/data")
    real.write("lib/data/more", b"now a folder")
    assert real.save_point().restore() == ()
    assert real.tree() == before


def test_names_with_glob_characters_are_taken_literally(real: RealPlace) -> None:
    real.write("lib/[id].py", b"old")
    compiled = real.path("lib/__pycache__/[id].cpython-311.pyc")
    compiled.parent.mkdir()
    compiled.write_bytes(b"of the new")
    real.save_point().save([real.path("lib/[id].py")])
    real.write("lib/[id].py", b"new")
    assert real.save_point().restore() == ()
    assert not compiled.exists()


def test_restore_removes_only_new_temporary_files_of_the_installer(
    real: RealPlace,
) -> None:
    paths = filled(real)
    real.write("lib/.tmpAAAAAA", b"left by somebody long ago")
    real.write("lib/fresh.py", b"mine")
    before = real.tree()
    real.save_point().save(paths)
    changed(real)
    real.write("lib/.tmpBBBBBB", b"half of a file")
    real.write("lib/fresh/deep/.tmpCCCCCC/file", b"half of a folder")
    assert real.save_point().restore() == ()
    assert real.tree() == before


def test_restore_brings_back_folder_modes(real: RealPlace) -> None:
    paths = filled(real)
    real.path("lib/pod").chmod(0o750)
    before = real.tree()
    real.save_point().save(paths)
    real.delete("lib/pod/__init__.py")
    real.path("lib/pod").rmdir()
    real.write("lib/pod", b"a file where a folder was")
    assert real.save_point().restore() == ()
    assert real.tree() == before


def test_restore_replaces_a_link_with_the_original_folder(real: RealPlace) -> None:
    paths = filled(real)
    before = real.tree()
    real.save_point().save(paths)
    real.path("lib/pod").rename(real.path("elsewhere"))
    real.path("lib/pod").symlink_to("../elsewhere")
    assert real.save_point().restore() == ()
    shutil.rmtree(real.path("elsewhere"))
    assert real.tree() == before


def test_restore_needs_no_copies_for_unchanged_files(real: RealPlace) -> None:
    real.save_point().save(filled(real))
    shutil.rmtree(real.folder / "objects")
    assert real.save_point().restore() == ()


def test_restore_removes_optimised_bytecode_of_the_same_module_only(real: RealPlace) -> None:
    real.write("lib/a.b.py", b"")
    real.save_point().save([real.path("lib/a.b.py")])
    cache = real.path("lib/__pycache__")
    cache.mkdir()
    names = ("a.b.cpython-311.pyc", "a.b.cpython-311.opt-2.pyc", "a.cpython-311.pyc", "notes.pyc")
    for name in names:
        (cache / name).touch()
    assert real.save_point().restore() == ()
    assert sorted(path.name for path in cache.iterdir()) == ["a.cpython-311.pyc", "notes.pyc"]


def test_restore_brings_back_files_with_long_names(real: RealPlace) -> None:
    name = f"lib/{'ü' * 120}.txt"
    real.write(name, b"old")
    before = real.tree()
    real.save_point().save([real.path(name)])
    real.write(name, b"new")
    assert real.save_point().restore() == ()
    assert real.tree() == before
    assert [path.name for path in real.path("lib").iterdir()] == [real.path(name).name]


def test_restore_verifies_every_path_afterwards(
    real: RealPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each path is checked again at the end, whatever the earlier calls returned."""
    real.save_point().save(filled(real))
    changed(real)
    replace = filesystem.replace

    def lying(source: Path, target: Path) -> None:
        if Path(target) != real.path("lib/pea.py"):
            replace(source, target)

    monkeypatch.setattr(filesystem, "replace", lying)
    assert real.save_point().restore() == (
        Difference(str(real.path("lib/pea.py")), "its content was not restored"),
    )


def test_restore_moves_new_files_to_the_trash(real: RealPlace) -> None:
    real.save_point().save(filled(real))
    changed(real)
    assert real.save_point().restore() == ()
    trash = real.prefix / ".pkgwidgets" / "trash" / "one"
    assert [path.read_bytes() for path in trash.iterdir()] == [b"new", b"new"]


def test_save_returns_the_size_of_the_saved_files(real: RealPlace) -> None:
    assert real.save_point().save(filled(real)) == sum(map(len, OLD.values()))


def test_prehashed_file_is_hashed_again_if_it_changed(place: Place) -> None:
    paths = filled(place)
    save_point = place.save_point()
    save_point.prehash(paths)
    place.write("lib/pea.py", b"x = 3\n")
    save_point.save(paths)
    before = place.tree()
    changed(place)
    assert save_point.is_intact()
    assert save_point.restore() == ()
    assert place.tree() == before


def test_save_syncs_copies_and_not_each_link(
    real: RealPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync of one file waits for the disk: those of thousands of linked files take minutes."""
    names = [f"lib/bean{number}.py" for number in range(20)]
    for name in (*names, "etc/settings.cfg"):
        real.write(name, b"x = 1\n")
    synced: list[str] = []
    monkeypatch.setattr(filesystem, "sync_all", lambda place: synced.append("all"))
    monkeypatch.setattr(filesystem, "sync_path", lambda path: synced.append(str(path)))
    real.save_point().save([real.path(name) for name in (*names, "etc/settings.cfg")])
    objects = real.folder / "objects"
    copy = next(str(file) for file in objects.iterdir() if file.stat().st_nlink == 1)
    later = synced[synced.index("all") :]
    assert later[:3] == ["all", copy, str(objects)]
    assert not any(path.startswith(f"{objects}/") for path in later[2:])
