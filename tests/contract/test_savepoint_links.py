"""A save point of links does not depend on what they lead to, such as the installer's cache."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes import Oracle

from pkgwidgets.backends.store.savepoint import FolderSavePoint


@dataclass(frozen=True)
class LinkedSite:
    """A prefix with a link into a cache, and a relative link to a file of the prefix."""

    prefix: Path
    cache: Path

    @property
    def paths(self) -> tuple[Path, ...]:
        return (self.prefix / "lib/pea.py", self.prefix / "lib/real.py", self.prefix / "lib/own.py")

    def save_point(self) -> FolderSavePoint:
        return FolderSavePoint(self.prefix / ".pkgwidgets/txn/one", self.prefix)

    def replace_all(self) -> None:
        for path in self.paths:
            path.unlink()
            path.write_text("new\n")


@pytest.fixture
def linked(tmp_path: Path) -> LinkedSite:
    linked = LinkedSite(tmp_path / "env", tmp_path / "cache")
    (linked.prefix / "lib").mkdir(parents=True)
    linked.cache.mkdir()
    (linked.cache / "pea.py").write_text("old\n")
    (linked.prefix / "lib/real.py").write_text("real\n")
    (linked.prefix / "lib/pea.py").symlink_to(linked.cache / "pea.py")
    (linked.prefix / "lib/own.py").symlink_to("real.py")
    return linked


def test_link_whose_target_is_intact_is_restored_as_a_link(
    linked: LinkedSite, tree: Oracle
) -> None:
    before = tree(linked.prefix)
    linked.save_point().save(linked.paths)
    linked.replace_all()
    assert linked.save_point().restore() == ()
    assert tree(linked.prefix) == before


@pytest.mark.parametrize("harm", ["cleaned", "edited", "replaced by a folder"])
def test_link_whose_target_is_lost_is_restored_with_its_content(
    linked: LinkedSite, harm: str
) -> None:
    linked.save_point().save(linked.paths)
    linked.replace_all()
    shutil.rmtree(linked.cache)
    if harm == "edited":
        linked.cache.mkdir()
        (linked.cache / "pea.py").write_text("edited\n")
    elif harm == "replaced by a folder":
        (linked.cache / "pea.py").mkdir(parents=True)
    assert linked.save_point().is_intact()
    for _ in range(2):
        assert linked.save_point().restore() == ()
        assert (linked.prefix / "lib/pea.py").read_text() == "old\n"
        assert (linked.prefix / "lib/own.py").is_symlink()


def test_link_that_was_not_replaced_is_mended_if_its_target_is_lost(linked: LinkedSite) -> None:
    linked.save_point().save(linked.paths)
    shutil.rmtree(linked.cache)
    assert linked.save_point().restore() == ()
    assert (linked.prefix / "lib/pea.py").read_text() == "old\n"


def test_damaged_copy_of_a_target_is_named_and_not_restored(linked: LinkedSite) -> None:
    linked.save_point().save(linked.paths)
    linked.replace_all()
    shutil.rmtree(linked.cache)
    for saved in (linked.prefix / ".pkgwidgets/txn/one/objects").iterdir():
        saved.write_text("damaged\n")
    assert not linked.save_point().is_intact()
    assert any("lib/pea.py" in problem.path for problem in linked.save_point().restore())
    assert (linked.prefix / "lib/pea.py").read_text() == "new\n"


def test_link_that_leads_nowhere_is_restored_as_it_was(linked: LinkedSite, tree: Oracle) -> None:
    shutil.rmtree(linked.cache)
    before = tree(linked.prefix)
    linked.save_point().save(linked.paths)
    linked.replace_all()
    assert linked.save_point().restore() == ()
    assert tree(linked.prefix) == before


def test_missing_files_are_put_back_and_present_ones_stay(linked: LinkedSite) -> None:
    pea, real, own = linked.paths
    linked.save_point().save([*linked.paths, linked.prefix / "lib/absent.py"])
    real.unlink()
    pea.unlink()
    pea.write_text("new\n")
    (linked.prefix / "lib/absent.py").write_text("also new\n")
    assert linked.save_point().put_back([*linked.paths, linked.prefix / "lib/absent.py"]) == ()
    assert (pea.read_text(), real.read_text(), own.is_symlink()) == ("new\n", "real\n", True)
    assert (linked.prefix / "lib/absent.py").read_text() == "also new\n"


def test_file_is_put_back_into_a_folder_that_is_gone(linked: LinkedSite) -> None:
    file = linked.prefix / "deep/er/file.txt"
    file.parent.mkdir(parents=True)
    file.write_text("kept\n")
    linked.save_point().save([file])
    shutil.rmtree(linked.prefix / "deep")
    assert linked.save_point().put_back([file]) == ()
    assert file.read_text() == "kept\n"
