"""A save point of copies has room for a restore, and a restore makes do with the room there was."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes import Oracle

from pkgwidgets.backends.store import filesystem
from pkgwidgets.backends.store.journal_file import RESERVE_BYTES, JournalFiles
from pkgwidgets.backends.store.savepoint import FolderSavePoint
from pkgwidgets.core.errors import DiskFailed

CAPACITY = 100_000
LINK = os.link


@dataclass(frozen=True)
class SmallDisk:
    """A prefix on a disk of which `CAPACITY` bytes are for `lib` and the trash."""

    prefix: Path

    @property
    def folder(self) -> Path:
        return self.prefix / ".pkgwidgets/txn/one"

    def save_point(self) -> FolderSavePoint:
        return FolderSavePoint(self.folder, self.prefix)

    def path(self, name: str) -> Path:
        return self.prefix / "lib" / name

    def write(self, name: str, size: int, letter: str = "o") -> Path:
        path = self.path(name)
        path.unlink(missing_ok=True)
        path.write_bytes(letter.encode() * size)
        return path

    def used(self) -> int:
        folders = (self.prefix / "lib", self.prefix / ".pkgwidgets/trash")
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        return sum(path.stat().st_size for path in files)

    def copy(self, source: filesystem.StrPath, target: filesystem.StrPath) -> None:
        """Copy as long as there is room, and leave half of a file if there is not."""
        content = Path(source).read_bytes()
        room = CAPACITY - self.used()
        if str(target).startswith(str(self.folder)):
            room = CAPACITY
        Path(target).write_bytes(content[:room])
        if len(content) > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        status = Path(source).stat()
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
        Path(target).chmod(status.st_mode & 0o7777)


def refuse_links(code: int, where: str = "") -> Callable[..., None]:
    def linked(source: str, target: str, **more: bool) -> None:
        if where in str(source):
            raise OSError(code, os.strerror(code), str(source))
        LINK(source, target, **more)

    return linked


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallDisk:
    disk = SmallDisk(tmp_path / "env")
    (disk.prefix / "lib").mkdir(parents=True)
    monkeypatch.setattr(filesystem, "copy", disk.copy)
    monkeypatch.setattr(os, "link", refuse_links(errno.EXDEV))
    return disk


def test_restore_uses_the_room_that_later_paths_free(
    disk: SmallDisk, tree: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file has room only after the next one has its old size, so no file is deleted."""
    old_sizes = {name: 200 * size for name, size in zip("abcdef", range(110, 0, -20), strict=True)}
    paths = [disk.write(name, size) for name, size in old_sizes.items()]
    before = tree(disk.prefix)
    disk.save_point().save(paths)
    for name, size in old_sizes.items():
        disk.write(name, size + 4_000, "n")
    remove, removed = filesystem.remove, set[str]()

    def recorded(path: filesystem.StrPath) -> None:
        removed.add(str(path))
        remove(path)

    monkeypatch.setattr(filesystem, "remove", recorded)
    assert disk.save_point().restore() == ()
    assert tree(disk.prefix) == before
    assert removed.isdisjoint(map(str, paths))


def test_restore_empties_the_trash_for_room(disk: SmallDisk, tree: Oracle) -> None:
    """What was moved to the trash still takes its room."""
    paths = [disk.write(name, 40_000) for name in ("a", "b")]
    before = tree(disk.prefix)
    disk.save_point().save([*paths, disk.path("new")])
    disk.path("a").unlink()
    disk.write("b", 10_000, "n")
    disk.write("new", 70_000, "n")
    assert disk.save_point().restore() == ()
    assert tree(disk.prefix) == before


def test_restore_deletes_what_it_replaces_for_room(disk: SmallDisk, tree: Oracle) -> None:
    paths = [disk.write("a", 60_000)]
    before = tree(disk.prefix)
    disk.save_point().save(paths)
    disk.write("a", 70_000, "n")
    assert disk.save_point().restore() == ()
    assert tree(disk.prefix) == before


def test_restore_first_removes_half_copies_of_an_interrupted_one(
    disk: SmallDisk, tree: Oracle
) -> None:
    """It may lie beside a path that is restored already."""
    paths = [disk.write(name, 20_000) for name in ("a", "b")]
    before = tree(disk.prefix)
    disk.save_point().save(paths)
    disk.path("a").unlink()
    half = Path(filesystem.temporary_path(str(disk.path("b"))))
    half.write_bytes(b"h" * 70_000)
    assert disk.save_point().restore() == ()
    assert tree(disk.prefix) == before


def test_paths_in_a_folder_without_room_are_tried_again(
    disk: SmallDisk, tree: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.path("deep").mkdir()
    paths = [disk.write("deep/a", 10)]
    before = tree(disk.prefix)
    disk.save_point().save(paths)
    disk.path("deep/a").unlink()
    disk.path("deep").rmdir()
    make_folder, refused = filesystem.make_folder, list[Path]()

    def refuse_once(path: Path, **more: bool) -> None:
        if not refused:
            refused.append(path)
            raise OSError(errno.ENOSPC, "no space left on device", str(path))
        make_folder(path, **more)

    monkeypatch.setattr(filesystem, "make_folder", refuse_once)
    assert disk.save_point().restore() == ()
    assert refused == [disk.path("deep")]
    assert tree(disk.prefix) == before


@pytest.mark.parametrize(
    ("code", "where", "reserved"),
    [
        (errno.EXDEV, "", 30_000),  # another mount of the same file system
        (errno.EOPNOTSUPP, "", 30_000),  # no hard links at all
        (errno.EPERM, "", 30_000),
        (errno.EPERM, "lib/", 0),  # the file of another user: our copy can be linked back
        (errno.EMLINK, "lib/", 0),
    ],
)
def test_reserve_holds_the_files_that_cannot_be_linked_back(
    disk: SmallDisk, monkeypatch: pytest.MonkeyPatch, code: int, where: str, reserved: int
) -> None:
    monkeypatch.setattr(os, "link", refuse_links(code, where))
    paths = [disk.write(name, 10_000) for name in ("a", "b", "c")]
    disk.save_point().save(paths)
    assert (disk.folder / "reserve").stat().st_size == RESERVE_BYTES + reserved
    assert sorted(path.name for path in disk.folder.iterdir()) == [
        "manifest.json",
        "objects",
        "reserve",
    ]
    assert len(list((disk.folder / "objects").iterdir())) == 3


def other_disk(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let a folder and all below look like another disk."""
    stat = os.stat

    def told(path: filesystem.StrPath, **more: bool) -> os.stat_result:
        status = stat(path, **more)
        is_other = f"{path}/".startswith(f"{folder}/")
        values = [*status]
        return os.stat_result((*values[:2], 4711 if is_other else values[2], *values[3:]))

    monkeypatch.setattr("pkgwidgets.backends.store.room._device", lambda path: told(path).st_dev)


def test_reserve_is_on_the_disk_where_the_copies_are_made(
    disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.path("deep").mkdir()
    paths = [disk.write("deep/a", 10_000), disk.write("b", 20_000)]
    other_disk(monkeypatch, disk.prefix / "lib")
    disk.save_point().save(paths)
    (reserve,) = (disk.prefix / "lib").glob(".*.pkgwidgets-reserve")
    assert reserve.stat().st_size == 30_000
    assert (disk.folder / "reserve").stat().st_size == RESERVE_BYTES
    JournalFiles(disk.prefix / ".pkgwidgets").clean_up("one")
    assert not reserve.exists()
    assert sorted(path.name for path in disk.folder.iterdir()) == ["manifest.json", "objects"]


def test_list_of_reserves_can_name_no_other_file(disk: SmallDisk) -> None:
    disk.save_point().save([disk.write("a", 10)])
    for name in ("lib/a", "../outside", "/etc/hostname", 3):
        (disk.folder / "reserves.json").write_text(f'["{name}"]')
        JournalFiles(disk.prefix / ".pkgwidgets").clean_up("one")
        assert disk.path("a").exists()
    (disk.folder / "reserves.json").write_text("[" * 10_000)
    JournalFiles(disk.prefix / ".pkgwidgets").clean_up("one")


def test_save_names_the_disk_without_room_and_saves_nothing(
    disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    statvfs = os.statvfs

    def nearly_full(path: filesystem.StrPath) -> os.statvfs_result:
        values = [*statvfs(path)]
        blocks = 0 if str(path).endswith("lib") else 1_000_000
        return os.statvfs_result((1, 1, 1_000_000, blocks, blocks, *values[5:]))

    other_disk(monkeypatch, disk.prefix / "lib")
    monkeypatch.setattr(os, "statvfs", nearly_full)
    reason = r"lib: no space left for copies of the old files: 10.0 kB are needed, 0 bytes are free"
    with pytest.raises(DiskFailed, match=reason):
        disk.save_point().save([disk.write("a", 10_000)])
    assert not disk.save_point().is_intact()
    assert list((disk.prefix / "lib").iterdir()) == [disk.path("a")]
