"""Who else may change an environment, by the modes of its folders and the members of groups."""

from __future__ import annotations

import grp
import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from pkgwidgets.backends.environment import permissions

USER, OTHER = os.getuid(), 54_321
GROUP = os.getgid()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that every user can reach, in one that is closed or opened by a test."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as outer:
        Path(outer).chmod(0o755)
        inner = Path(outer) / "env"
        inner.mkdir(mode=0o755)
        yield inner


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> list[SimpleNamespace]:
    """Return the users of the machine: one, whose own group is `staff`. A test may add others."""
    users = [SimpleNamespace(pw_name="ada", pw_uid=USER, pw_gid=GROUP)]
    group = SimpleNamespace(gr_name="staff", gr_mem=["ada"])
    monkeypatch.setattr(pwd, "getpwall", lambda: users)
    monkeypatch.setattr(grp, "getgrgid", lambda number: group)
    permissions._has_other_members.cache_clear()
    return users


def add_other_user(accounts: list[SimpleNamespace]) -> None:
    accounts.append(SimpleNamespace(pw_name="bob", pw_uid=OTHER, pw_gid=GROUP))


@pytest.mark.parametrize(("mode", "expected"), [(0o755, None), (0o777, "every user")])
def test_mode_for_others_decides(
    folder: Path, accounts: list[SimpleNamespace], mode: int, expected: str | None
) -> None:
    folder.chmod(mode)
    assert permissions.other_writers([folder]) == expected


def test_group_with_another_member_counts(folder: Path, accounts: list[SimpleNamespace]) -> None:
    add_other_user(accounts)
    assert permissions.other_writers([folder]) is None
    folder.chmod(0o775)
    missing = folder / "missing"
    assert permissions.other_writers([missing, folder]) == "the group staff"


def test_group_of_one_user_does_not_count(folder: Path, accounts: list[SimpleNamespace]) -> None:
    folder.chmod(0o775)
    assert permissions.other_writers([folder]) is None


def test_folder_that_others_cannot_reach_is_not_shared(
    folder: Path, accounts: list[SimpleNamespace]
) -> None:
    add_other_user(accounts)
    folder.chmod(0o777)
    folder.parent.chmod(0o710)
    assert permissions.other_writers([folder]) == "the group staff"
    folder.parent.chmod(0o700)
    assert permissions.other_writers([folder]) is None
