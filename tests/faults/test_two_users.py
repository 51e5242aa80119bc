"""An environment of one user that another one, or root, changes: owners, groups and modes stay."""

from __future__ import annotations

import os
import stat
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from faults.tiny_environment import TinyEnvironment

from pkgwidgets.core.errors import InstallFailed
from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.plans import Plan
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_undo

OWNER, COLLEAGUE, GROUP = 61001, 61002, 61000


@pytest.fixture
def shared() -> Iterator[TinyEnvironment]:
    """An environment whose folders, but not files, the owner's group may write."""
    with TemporaryDirectory(prefix="pkgwidgets-shared-", dir="/dev/shm") as folder:
        Path(folder).chmod(0o755)
        env = TinyEnvironment.create(Path(folder) / "env")
        (env.prefix / "bin").mkdir()
        (env.prefix / "bin/tool").write_text("#!/bin/sh\n")
        give(env.prefix, OWNER)
        yield env


def give(folder: Path, owner: int) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner, GROUP, follow_symlinks=False)
        if path.is_dir() and path.stat().st_mode & 0o050 == 0o050:
            path.chmod(path.stat().st_mode | stat.S_ISGID | 0o020)


def owners(env: TinyEnvironment) -> dict[str, tuple[int, int, int]]:
    """Return the owner, group and mode of each path but ours."""
    paths = [path for path in env.prefix.rglob("*") if ".pkgwidgets" not in path.parts]
    found = {str(path.relative_to(env.prefix)): path.lstat() for path in paths}
    return {name: (s.st_uid, s.st_gid, s.st_mode) for name, s in found.items()}


def fail_to_upgrade(env: TinyEnvironment) -> None:
    install = env.installer.install

    def fail(plan: Plan, report: Report) -> None:
        install(plan, report)
        raise InstallFailed("", ("fake",), 2, "it failed at its end")

    env.installer.install = fail  # type: ignore[method-assign]
    try:
        env.upgrade()
    except InstallFailed:
        env.installer.install = install  # type: ignore[method-assign]


def upgrade_and_undo(env: TinyEnvironment) -> None:
    env.upgrade()
    apply.apply_plan(env.backend, plan_undo(env.backend))


def load_what_work_imports() -> None:
    """Do the same as root before: the colleague may not read the Python that runs these tests."""
    with TemporaryDirectory(dir="/dev/shm") as folder:
        for number, work in enumerate(WAYS.values()):
            work(TinyEnvironment.create(Path(folder) / str(number)))


def as_colleague(work: Callable[[], None]) -> int:
    """Do work in a child process of the colleague; return its exit code."""
    load_what_work_imports()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([GROUP])
            os.setgid(GROUP)
            os.setuid(COLLEAGUE)
            os.umask(0o002)
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


WAYS = {"failed upgrade": fail_to_upgrade, "undo": upgrade_and_undo}


@pytest.mark.parametrize("way", WAYS)
def test_root_leaves_every_file_to_its_owner(shared: TinyEnvironment, way: str) -> None:
    before, digest = owners(shared), shared.digest()
    WAYS[way](shared)
    assert shared.digest() == digest
    assert owners(shared) == before


@pytest.mark.parametrize("way", WAYS)
def test_colleague_leaves_group_and_mode_where_links_are_refused(
    shared: TinyEnvironment, way: str
) -> None:
    """The kernel refuses links to files of another user (`fs.protected_hardlinks`)."""
    before, digest = owners(shared), shared.digest()
    give(shared.place, COLLEAGUE)
    assert as_colleague(lambda: WAYS[way](shared)) == 0
    after = owners(shared)
    assert shared.digest() == digest
    assert {name: facts[1:] for name, facts in after.items()} == {
        name: facts[1:] for name, facts in before.items()
    }
    untouched = {"bin/tool", "lib/mine.py"}
    assert {name: after[name] for name in untouched} == {name: before[name] for name in untouched}
