"""The command line on an environment whose kernel or Python does not start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import Oracle
from held_transactions import eventually, held_wheel, holding, worker_processes

from pkgwidgets.connect import connect
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.demo import Demo

pytestmark = pytest.mark.slow

Run = Callable[..., "subprocess.CompletedProcess[str]"]

BROKEN_MODULES = (
    "pandas",
    "ipywidgets",
    "ipykernel",
    "requests",
    "packaging",
    "uv",
    "msgspec",
    "rich",
)


@pytest.fixture(params=["modules", "pth", "sitecustomize", "everything"])
def broken(request: pytest.FixtureRequest, garden: Demo) -> Path:
    """Break the environment so that no kernel starts; return the file that imports write."""
    site, mark = garden.site_packages, garden.folder / "imported"
    every = request.param == "everything"
    if every or request.param == "modules":
        for name in BROKEN_MODULES:
            (site / name).mkdir()
            (site / name / "__init__.py").write_text(
                f"open({str(mark)!r}, 'a').write({name!r})\nraise ImportError('broken')\n"
            )
    if every or request.param == "pth":
        (site / "aaa.pth").write_text("import pandas_that_is_not_there\n")
        (site / "bbb.pth").write_text("import sys; sys.stderr.write('noise\\n'); 1 / 0\n")
    if every or request.param == "sitecustomize":
        (site / "sitecustomize.py").write_text("raise RuntimeError('broken')\n")
    return mark


def test_commands_work_in_an_environment_with_a_broken_kernel(
    run: Run, garden: Demo, broken: Path
) -> None:
    listed = run("packages", "seedshelf")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "1.4.1" in listed.stdout
    assert "1.4.2" in run("updates", "seedshelf").stdout
    done = run("upgrade", "seedshelf", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1.4.2" in run("packages", "seedshelf").stdout
    assert run("undo", "--yes").returncode == 0
    assert "1.4.1" in run("packages", "seedshelf").stdout
    assert not broken.exists(), broken.read_text()


ROLLED_BACK = "The interrupted change (seedshelf 1.4.1 → 1.9) was rolled back."


@pytest.fixture
def interrupted_id(garden: Demo, tmp_path: Path) -> str:
    """Kill an upgrade and its starter after the installation; return the transaction id."""
    garden.index.publish(held_wheel("1.9", tmp_path / "gate", staged=False))
    backend = connect(garden.python, garden.index_url, detached=True)
    where = ["--python", str(garden.python), "--index-url", garden.index_url]
    child = subprocess.Popen(
        [sys.executable, "-m", "pkgwidgets", *where, "upgrade", "seedshelf", "--yes"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    eventually(lambda: list(garden.site_packages.glob("seedshelf-1.9.dist-info")))
    child.kill()
    child.wait()
    os.kill(holding(backend), signal.SIGKILL)
    eventually(
        lambda: backend.environment.holder() is None and not worker_processes(garden.folder / "env")
    )
    (started,) = backend.journal.transactions()
    assert started.outcome is Outcome.STARTED
    return started.id


@pytest.fixture
def tree_before(garden: Demo, tree: Oracle) -> object:
    """Read the environment; request this fixture before fixtures that change it."""
    return tree(garden.folder / "env")


def test_recover_rolls_back_an_interrupted_change(
    run: Run, garden: Demo, tree: Oracle, tree_before: object, interrupted_id: str
) -> None:
    assert tree(garden.folder / "env") != tree_before
    done = run("recover")
    message = f"{ROLLED_BACK} The environment is unchanged.\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, message, "")
    assert tree(garden.folder / "env") == tree_before
    assert run("recover").returncode == 3


def test_recover_works_if_the_interpreter_does_not_start(
    run: Run, garden: Demo, tree: Oracle, tree_before: object, interrupted_id: str
) -> None:
    trap = garden.site_packages / "sitecustomize.py"
    trap.write_text("import os\nos._exit(7)\n")
    assert run("packages").returncode == 2
    done = run("recover", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert interrupted_id in done.stdout
    assert '"rolled back"' in done.stdout
    trap.unlink()
    assert tree(garden.folder / "env") == tree_before


def test_every_verb_first_recovers_an_interrupted_change(
    run: Run, garden: Demo, tree: Oracle, tree_before: object, interrupted_id: str
) -> None:
    done = run("packages", "seedshelf")
    assert (done.returncode, "1.4.1" in done.stdout) == (0, True)
    assert ROLLED_BACK in done.stderr
    assert tree(garden.folder / "env") == tree_before
