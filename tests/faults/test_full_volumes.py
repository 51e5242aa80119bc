"""A volume that becomes full in the middle of a change; files are hard-linked or copied."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fakes import Oracle
from volumes import fill, overlay, small_volume

from pkgwidgets.connect import connect
from pkgwidgets.core.errors import DiskFailed, InstallFailed, RollbackFailed, TransactionError
from pkgwidgets.core.interfaces import Backend, Installer, Report
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply, recovery
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_upgrade

pytestmark = pytest.mark.slow

_NOISE = random.Random(3)


def big(version: str, *, files: int = 10, kilobytes: int = 1000) -> BuiltWheel:
    """Return a package of so many files, which do not compress."""
    contents: dict[str, str | bytes] = {
        f"big/part{n}.bin": _NOISE.randbytes(kilobytes * 1000) for n in range(files)
    }
    contents |= {f"big/v{version[0]}/m{n}.py": "" for n in range(3)}
    contents["big/__init__.py"] = f"version = {version!r}\n"
    return BuiltWheel(name="big", version=version, files=contents)


class Interrupting:
    """An installer that calls something after it has installed, and then fails."""

    def __init__(self, installer: Installer, after: Callable[[], object]) -> None:
        self._installer = installer
        self._after = after

    def __getattr__(self, name: str) -> object:
        return getattr(self._installer, name)

    def install(self, plan: Plan, report: Report) -> None:
        self._installer.install(plan, report)
        self._after()
        raise InstallFailed("", ("uv",), 1, "it failed at its end")


@dataclass(frozen=True)
class Volume:
    """The garden's environment, of which a part is on a small volume."""

    garden: Demo
    backend: Backend
    tree: Callable[[], object]
    stack: ExitStack

    @property
    def site(self) -> Path:
        return self.garden.site_packages

    @property
    def prefix(self) -> Path:
        return self.garden.folder / "env"

    def publish_and_install(self, *wheels: BuiltWheel) -> None:
        self.garden.index.publish(*wheels)
        apply.apply_plan(self.backend, plan_install(self.backend, "big==1.0"))

    def failing(self, after: Callable[[], object]) -> Backend:
        return replace(self.backend, installer=Interrupting(self.backend.installer, after))  # type: ignore[arg-type]

    def leftovers(self) -> list[Path]:
        """Return our own files outside of our folder."""
        found = [*self.prefix.rglob(".*.pkgwidgets"), *self.prefix.rglob(".*.pkgwidgets-reserve")]
        return [path for path in found if path.parent != self.prefix]

    def last_outcome(self) -> Outcome:
        return self.backend.journal.transactions()[-1].outcome


@pytest.fixture
def volume(garden: Demo, tree: Oracle) -> Iterator[Volume]:
    with ExitStack() as stack:
        prefix = garden.folder / "env"
        yield Volume(garden, connect(garden.python, garden.index_url), lambda: tree(prefix), stack)


@pytest.mark.parametrize("place", ["site-packages", "environment"])
def test_volume_that_the_installer_fills_is_rolled_back(volume: Volume, place: str) -> None:
    """On a volume of its own, site-packages has only copies; else there are hard links."""
    is_part = place == "site-packages"
    folder = volume.site if is_part else volume.prefix
    megabytes = 24 if is_part else 36
    volume.stack.enter_context(small_volume(folder, megabytes=megabytes))
    volume.publish_and_install(big("1.0"), big("2.0", kilobytes=1900))
    before = volume.tree()
    with pytest.raises(TransactionError) as caught:
        apply.apply_plan(volume.backend, plan_upgrade(volume.backend, "big"))
    assert not isinstance(caught.value, RollbackFailed)
    assert "INTENT" in volume.backend.journal.steps(caught.value.transaction)
    assert (volume.tree(), volume.leftovers()) == (before, [])


def test_missing_room_for_copies_is_named_before_anything_changes(volume: Volume) -> None:
    volume.stack.enter_context(small_volume(volume.site, megabytes=16))
    volume.publish_and_install(big("1.0"), big("2.0"))
    before = volume.tree()
    amounts = r"no space left for copies of the old files: 10\.0 MB are needed, \d\.\d MB are free"
    with pytest.raises(DiskFailed, match=f"site-packages: {amounts}") as caught:
        apply.apply_plan(volume.backend, plan_upgrade(volume.backend, "big"))
    assert "Free some disk space, then try again." in str(caught.value)
    (transaction,) = volume.backend.journal.transactions()[1:]
    assert "INTENT" not in volume.backend.journal.steps(transaction.id)
    assert (volume.tree(), volume.leftovers()) == (before, [])


def test_room_is_reserved_on_the_disk_of_the_library(volume: Volume) -> None:
    """Another program takes all the room that the installer's removal freed."""
    volume.stack.enter_context(small_volume(volume.site, megabytes=40))
    volume.publish_and_install(big("1.0"), big("2.0", kilobytes=100))
    before = volume.tree()
    filled: list[Path] = []
    backend = volume.failing(lambda: filled.append(fill(volume.site)))
    with pytest.raises(InstallFailed):
        apply.apply_plan(backend, plan_upgrade(backend, "big"))
    filled[0].unlink()
    assert volume.last_outcome() is Outcome.ROLLED_BACK
    assert (volume.tree(), volume.leftovers()) == (before, [])


def test_recovery_ends_what_lacked_room_as_soon_as_there_is_some(volume: Volume) -> None:
    volume.stack.enter_context(small_volume(volume.site, megabytes=40))
    volume.publish_and_install(big("1.0"), big("2.0", files=5))
    before = volume.tree()
    filled: list[Path] = []

    def lose_the_reserve() -> None:
        for reserve in volume.prefix.rglob(".*.pkgwidgets-reserve"):
            reserve.unlink()
        filled.append(fill(volume.site))

    backend = volume.failing(lose_the_reserve)
    with pytest.raises(RollbackFailed) as caught:
        apply.apply_plan(backend, plan_upgrade(backend, "big"))
    assert any("no space left" in text for text in caught.value.differences)
    assert volume.leftovers() == [], "half copies take the room of whole ones"
    with pytest.raises(RollbackFailed):
        recovery.recover_if_needed(volume.backend)
    filled[0].unlink()
    assert recovery.recover_if_needed(volume.backend) != ()
    assert (volume.tree(), volume.leftovers()) == (before, [])
    apply.apply_plan(volume.backend, plan_upgrade(volume.backend, "big"))


@pytest.mark.parametrize("place", ["site-packages", "environment"])
def test_volume_without_inodes_is_rolled_back(volume: Volume, place: str) -> None:
    folder = volume.site if place == "site-packages" else volume.prefix
    count = sum(1 for _ in folder.rglob("*"))
    # A hard link counts as an inode of a volume in memory; so does each staged file.
    room = 130 if place == "site-packages" else 400
    volume.stack.enter_context(small_volume(folder, files=count + room))
    volume.publish_and_install(
        big("1.0", files=80, kilobytes=1), big("2.0", files=150, kilobytes=1)
    )
    before = volume.tree()
    with pytest.raises(TransactionError) as caught:
        apply.apply_plan(volume.backend, plan_upgrade(volume.backend, "big"))
    assert not isinstance(caught.value, RollbackFailed)
    assert "INTENT" in volume.backend.journal.steps(caught.value.transaction)
    assert (volume.tree(), volume.leftovers()) == (before, [])


@pytest.mark.parametrize("megabytes", [64, 22])
def test_layer_of_a_container_is_changed_and_undone_or_left(
    volume: Volume, tmp_path: Path, megabytes: int
) -> None:
    """To link or replace a file of the lower layer, the kernel copies it to the upper one."""
    volume.publish_and_install(big("1.0"), big("2.0"))
    volume.stack.enter_context(overlay(volume.prefix, tmp_path / "disk", megabytes=megabytes))
    backend = connect(volume.garden.python, volume.garden.index_url)
    before = volume.tree()
    if megabytes == 64:
        apply.apply_plan(backend, plan_upgrade(backend, "big"))
        apply.apply_plan(backend, plan_undo(backend))
    else:
        with pytest.raises(TransactionError) as caught:
            apply.apply_plan(backend, plan_upgrade(backend, "big"))
        assert not isinstance(caught.value, RollbackFailed)
    assert (volume.tree(), volume.leftovers()) == (before, [])


def test_library_that_is_linked_to_a_small_volume_is_rolled_back(
    volume: Volume, tree: Oracle, tmp_path: Path
) -> None:
    lib, disk = volume.prefix / "lib", tmp_path / "disk"
    lib.rename(disk)
    lib.symlink_to(disk)
    volume.stack.callback(disk.rename, lib)
    volume.stack.callback(lib.unlink)
    volume.stack.enter_context(small_volume(disk, megabytes=24))
    volume.publish_and_install(big("1.0"), big("2.0", kilobytes=1900))
    before = volume.tree(), tree(disk)
    with pytest.raises(TransactionError) as caught:
        apply.apply_plan(volume.backend, plan_upgrade(volume.backend, "big"))
    assert not isinstance(caught.value, RollbackFailed)
    assert "INTENT" in volume.backend.journal.steps(caught.value.transaction)
    assert ((volume.tree(), tree(disk)), [*disk.glob(".*.pkgwidgets*")]) == (before, [])
