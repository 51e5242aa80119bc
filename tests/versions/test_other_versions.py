"""What other versions of pkgwidgets left: 0.1's folders are read, unknown formats are left alone.

`version_0_1.zip` was recorded by `with_version_0_1.py` with the real 0.1: a committed change, and
one that was killed while uv worked.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.tiny_environment import TinyEnvironment

from pkgwidgets.backends.history.journal import FolderJournal
from pkgwidgets.backends.store import journal_file, manifest
from pkgwidgets.core.errors import InvalidRequest, OtherVersion, PkgwidgetsError
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.operations import access, apply, recovery
from pkgwidgets.operations.planning import plan_undo, plan_upgrade
from pkgwidgets.recover import RecoveryEnvironment

RECORDED = Path(__file__).parent / "version_0_1.zip"


@pytest.fixture
def old_place(tmp_path: Path) -> Path:
    """Return the data folder that 0.1 left."""
    with zipfile.ZipFile(RECORDED) as file:
        file.extractall(tmp_path)
    return tmp_path / ".pkgwidgets"


def installed_version(place: Path) -> str:
    (file,) = place.parent.glob("lib/*/site-packages/pea/__init__.py")
    return file.read_text()


def test_history_of_0_1_is_read(old_place: Path) -> None:
    installed, killed = FolderJournal(old_place, bytes).transactions()
    assert [str(change) for change in installed.changes] == ["pea 1.0 (new)"]
    assert [str(change) for change in killed.changes] == ["pea 1.0 → 2.0"]
    assert (installed.outcome, killed.outcome) == (Outcome.COMMITTED, Outcome.STARTED)
    assert installed.requested_by == installed.user


def test_killed_change_of_0_1_is_rolled_back(old_place: Path) -> None:
    assert installed_version(old_place) == "v = '2.0'\n"
    environment = RecoveryEnvironment.at(old_place)
    assert recovery.recover_if_needed(environment) == (environment.journal.ids()[-1],)
    assert installed_version(old_place) == "v = '1.0'\n"


def test_archive_of_0_1_rolls_back_its_own_change(old_place: Path) -> None:
    (archive,) = old_place.glob("txn/*/recover.pyz")
    subprocess.run([sys.executable, "-I", "-S", str(archive)], check=True)
    assert installed_version(old_place) == "v = '1.0'\n"


Change = Callable[[Path], None]


def newer_journal(folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / "journal").read_text().splitlines()]
    text = ""
    for line in lines:
        del line["crc"]
        line |= {"v": 2, "shape": "unknown here"}
        text += json.dumps({**line, "crc": journal_file._checksum(line)}) + "\n"
    (folder / "journal").write_text(text)


def newer_manifest(folder: Path) -> None:
    body = json.loads((folder / "manifest.json").read_text())
    del body["sha256"]
    body = {"v": 3, "rows": {"another": "shape"}}
    body["sha256"] = manifest._checksum(body)
    (folder / "manifest.json").write_text(json.dumps(body))


def newer_plan(folder: Path) -> None:
    (folder / "plan.json").write_text(json.dumps({"format": 2, "changes": "another shape"}))


NEWER = pytest.mark.parametrize("newer", [newer_journal, newer_manifest, newer_plan])


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def env(tmp_path: Path) -> TinyEnvironment:
    return TinyEnvironment.create(tmp_path / "env")


@NEWER
def test_change_of_another_version_is_listed_and_not_undone(
    env: TinyEnvironment, newer: Change
) -> None:
    done = apply.apply_plan(env.backend, env.plan())
    folder = env.journal.folder(done.id)
    newer(folder)
    before = content(folder)
    (listed,) = env.journal.transactions()
    assert listed.outcome is Outcome.OTHER_VERSION
    assert "made by another version of pkgwidgets" in (listed.error or "")
    with pytest.raises(InvalidRequest, match="another version of pkgwidgets made it"):
        plan_undo(env.backend, done.id)
    with pytest.raises(InvalidRequest, match="nothing to undo"):
        plan_undo(env.backend)
    assert recovery.recover_if_needed(env.backend) == ()
    assert content(folder) == before


@NEWER
def test_unfinished_change_of_another_version_refuses_changes(
    env: TinyEnvironment, newer: Change
) -> None:
    done = apply.apply_plan(env.backend, env.plan())
    folder = env.journal.folder(done.id)
    newer(folder)
    (env.place / "open").write_text(done.id)
    before, tree = content(env.place / "txn"), env.digest()
    for refused in (
        lambda: recovery.recover_if_needed(env.backend),
        lambda: plan_upgrade(env.backend),
        lambda: apply.apply_plan(env.backend, done.plan),
    ):
        with pytest.raises(OtherVersion) as caught:
            refused()
        assert "Another version of pkgwidgets began the change" in str(caught.value)
        assert "Install the version of pkgwidgets that began the change" in str(caught.value)
    assert (content(env.place / "txn"), env.digest()) == (before, tree)
    (listed,) = env.journal.transactions()
    assert listed.outcome is Outcome.STARTED
    assert "another version" in (listed.error or "")
    assert "another version" in (access.read_only_reason(env.backend) or "").lower()


def test_program_of_the_other_version_is_named_if_it_cannot_be_run_here(
    env: TinyEnvironment,
) -> None:
    done = apply.apply_plan(env.backend, env.plan())
    folder = env.journal.folder(done.id)
    newer_journal(folder)
    (env.place / "open").write_text(done.id)
    (folder / "recover.pyz").write_text("")
    standalone = RecoveryEnvironment.at(env.place)
    with pytest.raises(OtherVersion, match=r"recover\.pyz"):
        recovery.recover_if_needed(standalone)
    with pytest.raises(PkgwidgetsError):
        recovery.recover_if_needed(env.backend)
