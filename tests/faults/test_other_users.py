"""Several users of one environment: root in a user's, a group's, and a reader of root's.

Every change is made by the real uv in a process of that user.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from shared_machine import (
    ADA,
    BOB,
    EVE,
    ROOT,
    SCIENCE,
    SharedMachine,
    User,
    owners,
    shared_machine,
)

from pkgwidgets.core.redaction import without_credentials

pytestmark = pytest.mark.slow

INSTALL = "apply.apply_plan(backend, planning.plan_install(backend, 'pea==1.0'))\n"
UPGRADE = "apply.apply_plan(backend, planning.plan_upgrade(backend, 'pea'))\n"
UNDO = "apply.apply_plan(backend, planning.plan_undo(backend))\n"
RECOVER = "print(recovery.recover_if_needed(backend))\n"
KILLED = -9
_SHOW_ERROR = """
except PkgwidgetsError as error:
    print(type(error).__name__, error)
else:
    sys.exit("nothing was refused")
"""
_names = (f"env-{number}" for number in count())


@pytest.fixture(scope="module")
def machine() -> Iterator[SharedMachine]:
    with shared_machine() as machine:
        machine.publish("1.0", "2.0")
        yield machine


def run(machine: SharedMachine, user: User, prefix: Path, code: str) -> str:
    """Run code that must succeed; return its output."""
    done = machine.run(user, prefix, code)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refusal(machine: SharedMachine, user: User, prefix: Path, code: str) -> str:
    """Run code that must raise an error of pkgwidgets; return its text."""
    indented = code.replace("\n", "\n    ")
    return run(machine, user, prefix, f"try:\n    {indented}\n{_SHOW_ERROR}")


def content(prefix: Path) -> dict[str, tuple[int, int, int, str]]:
    """Return mode, owner, group and content of each path, without bytecode and pkgwidgets."""
    found = {}
    for path in sorted(prefix.rglob("*")):
        name = str(path.relative_to(prefix))
        if not {".pkgwidgets", "__pycache__", ".lock"} & {*path.relative_to(prefix).parts}:
            status = path.lstat()
            what = (
                path.readlink()
                if path.is_symlink()
                else b""
                if path.is_dir()
                else path.read_bytes()
            )
            found[name] = (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, what)
    return found  # type: ignore[return-value]


@pytest.fixture
def owned(machine: SharedMachine) -> Path:
    """Return an environment of Ada with pea 1.0."""
    prefix = machine.environment(next(_names), ADA)
    run(machine, ADA, prefix, INSTALL)
    return prefix


def test_upgrade_by_root_leaves_nothing_that_belongs_to_root(
    machine: SharedMachine, owned: Path
) -> None:
    run(machine, ROOT, owned, UPGRADE)
    assert owners(owned) == {ADA.uid}
    run(machine, ADA, owned, UNDO)
    assert (owned / ".pkgwidgets").stat().st_mode & 0o777 == 0o755
    run(machine, ROOT, owned, UNDO.replace("backend))", "backend, backend.journal.ids()[-1]))"))
    assert owners(owned) == {ADA.uid}


def test_first_change_by_root_gives_the_folder_to_the_owner(machine: SharedMachine) -> None:
    prefix = machine.environment(next(_names), ADA)
    run(machine, ROOT, prefix, INSTALL)
    assert owners(prefix) == {ADA.uid}
    run(machine, ADA, prefix, UPGRADE)


@pytest.mark.parametrize(
    "point",
    ["STAGED:before", "INTENT:synced", "INSTALLED:before", "VERIFIED:written", "COMMIT:before"],
)
def test_owner_finishes_what_root_began(machine: SharedMachine, owned: Path, point: str) -> None:
    before = content(owned)
    done = machine.run(ROOT, owned, UPGRADE, {"PKGWIDGETS_FAIL": point})
    assert done.returncode == KILLED, done.stderr
    assert "20" in run(machine, ADA, owned, RECOVER)
    assert content(owned) == before
    run(machine, ADA, owned, UPGRADE)


def test_owner_finishes_after_root_was_killed_while_uv_worked(
    machine: SharedMachine, owned: Path
) -> None:
    """uv is killed with its parent, right after it made the folders of the new release."""
    before = content(owned)
    code = (
        "import signal, threading, time\n"
        "site = next((Path(sys.argv[1]).parents[1] / 'lib').glob('*/site-packages'))\n"
        "def watch():\n"
        "    while not (site / 'pea/only_2_0').exists():\n"
        "        time.sleep(0.0005)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "threading.Thread(target=watch, daemon=True).start()\n"
    )
    done = machine.run(ROOT, owned, code + UPGRADE)
    assert done.returncode == KILLED, done.stderr
    run(machine, ADA, owned, "import time\ntime.sleep(1)\n" + RECOVER)
    assert content(owned) == before


def test_folder_that_root_closed_is_named_before_a_plan_and_opened_by_root(
    machine: SharedMachine, owned: Path
) -> None:
    """As 0.1 left it: the folder of root, closed to all others."""
    for path in (owned / ".pkgwidgets", *(owned / ".pkgwidgets").rglob("*")):
        os.chown(path, 0, 0)
        path.chmod(0o700 if path.is_dir() else 0o600)
    text = refusal(machine, ADA, owned, "planning.plan_upgrade(backend, 'pea')")
    assert "belongs to root and is closed to you" in text
    assert "root can finish it" in text
    assert text.startswith("EnvironmentRefused")
    told = run(machine, ADA, owned, "print(access.read_only_reason(backend))")
    assert "belongs to root" in told
    history = refusal(machine, ADA, owned, "access.check_history(backend)")
    assert "past changes are unknown" in history
    assert "pea" in run(machine, ADA, owned, "print(inventory.get_packages(backend))")
    command = [
        str(machine.python),
        "-m",
        "pkgwidgets",
        "recover",
        "--python",
        f"{owned}/bin/python",
    ]
    assert machine.run_command(ROOT, command).returncode in (0, 3)
    run(machine, ADA, owned, UPGRADE)


def test_reader_can_list_and_plan_and_learns_who_may_apply(machine: SharedMachine) -> None:
    prefix = machine.environment(next(_names), ROOT)
    run(machine, ROOT, prefix, INSTALL)
    before = content(prefix)
    assert "pea" in run(machine, EVE, prefix, "print(inventory.get_packages(backend))")
    assert "COMMITTED" in run(
        machine, EVE, prefix, "print(backend.journal.transactions()[0].outcome.name)"
    )
    plan = run(machine, EVE, prefix, "print(planning.plan_upgrade(backend, 'pea'))")
    assert "pea 1.0 → 2.0" in plan
    assert "You may not apply this plan" in plan
    assert "It may be changed by root" in plan
    text = refusal(machine, EVE, prefix, UPGRADE)
    assert text.startswith("EnvironmentRefused")
    assert "It may be changed by root" in text
    assert content(prefix) == before


def test_reader_learns_of_an_unfinished_change_before_a_plan(machine: SharedMachine) -> None:
    prefix = machine.environment(next(_names), ROOT)
    run(machine, ROOT, prefix, INSTALL)
    done = machine.run(ROOT, prefix, UPGRADE, {"PKGWIDGETS_FAIL": "INSTALLED:before"})
    assert done.returncode == KILLED
    text = refusal(machine, EVE, prefix, "planning.plan_upgrade(backend, 'pea')")
    assert "A change by root, in a script is under way or was interrupted: pea 1.0 → 2.0" in text
    assert f"pkgwidgets recover --python {prefix}/bin/python" in text
    told = run(machine, EVE, prefix, "print(access.read_only_reason(backend))")
    assert "is under way or was interrupted" in told


def test_reader_cannot_lock_the_environment(machine: SharedMachine) -> None:
    prefix = machine.environment(next(_names), ROOT)
    run(machine, ROOT, prefix, INSTALL)
    tried = f"open({str(prefix / '.pkgwidgets/lock')!r})"
    assert "PermissionError" in machine.run(EVE, prefix, tried).stderr


def test_members_of_a_group_share_an_environment(machine: SharedMachine) -> None:
    owner = User(ADA.uid, SCIENCE, ADA.groups)
    prefix = machine.environment(next(_names), owner, 0o2775)
    run(machine, ADA, prefix, INSTALL)
    folder = (prefix / ".pkgwidgets").stat()
    assert (folder.st_gid, stat.S_IMODE(folder.st_mode)) == (SCIENCE, 0o2775)
    run(machine, BOB, prefix, UPGRADE)
    run(machine, ADA, prefix, UNDO)
    done = machine.run(BOB, prefix, UPGRADE, {"PKGWIDGETS_FAIL": "INSTALLED:before"})
    assert done.returncode == KILLED, done.stderr
    assert "20" in run(machine, ADA, prefix, RECOVER)
    run(machine, BOB, prefix, UPGRADE)
    assert "You may not apply this plan" in run(
        machine, EVE, prefix, "print(planning.plan_undo(backend))"
    )


def test_uv_of_the_owner_gets_no_credentials(machine: SharedMachine, owned: Path) -> None:
    """The owner can read the variables of a process that works as the owner."""
    address = machine.index.url.replace("http://", "http://root:s3cret-of-root@")
    code = (
        "from pkgwidgets.backends.processes import process\n"
        "real = process.subprocess.Popen\n"
        "def popen(argv, **options):\n"
        "    if options.get('user') is not None:\n"
        "        print('as', options['user'], 's3cret' in str(options['env']))\n"
        "    return real(argv, **options)\n"
        "process.subprocess.Popen = popen\n"
        f"backend = connect(sys.argv[1], {address!r})\n"
    )
    output = run(machine, ROOT, owned, code + UPGRADE)
    assert f"as {ADA.uid} False" in output
    assert "True" not in output
    assert without_credentials(address) == machine.index.url
