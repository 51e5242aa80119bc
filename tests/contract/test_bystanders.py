"""Which installed distributions a change affects, and why."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import Kit, change_of, plan_of

from pkgwidgets.backends.environment import bystanders
from pkgwidgets.core.interfaces import Backend, no_report
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.demo.wheel_installer import WheelInstallation

UPGRADE = plan_of(change_of("seedshelf", "1.4.1", "1.9"))
REMOVAL = plan_of(change_of("seedshelf", "1.4.1", None))


def put(garden: Demo, backend: Backend, *wheels: BuiltWheel) -> None:
    scheme = backend.environment.interpreter.scheme
    for wheel in wheels:
        WheelInstallation(wheel=wheel, python=garden.python, scheme=scheme, requested=True).run()


def staged(backend: Backend, garden: Demo, wheel: BuiltWheel) -> Path:
    garden.index.publish(wheel)
    stage = garden.folder / "env" / ".pkgwidgets" / "stage"
    backend.installer.stage(UPGRADE, stage, no_report)
    return stage


def newer(entry_points: str = "", **files: str) -> BuiltWheel:
    named = {name.replace("__", "/").replace("_py", ".py"): text for name, text in files.items()}
    return BuiltWheel(
        name="seedshelf",
        version="1.9",
        files=named or {"seedshelf.py": ""},
        entry_points=entry_points,
    )


# --- the fake and the real one


def test_distribution_without_shared_folders_is_not_affected(kit: Kit) -> None:
    assert kit.backend.bystanders.sharing_folders(REMOVAL, None) == {}
    assert kit.backend.bystanders.lost_commands(REMOVAL, None) == {}


# --- the real one only


def test_distribution_with_files_in_the_same_package_is_affected(
    backend: Backend, garden: Demo
) -> None:
    put(
        garden,
        backend,
        BuiltWheel(name="bed-a", version="1", files={"bed/a.py": "", "bed_other.py": ""}),
        BuiltWheel(name="bed-b", version="1", files={"bed/b.py": "", "bed/gone.py": ""}),
        BuiltWheel(name="bedding", version="1", files={"bedding/a.py": "", "tests/a.py": ""}),
    )
    (garden.site_packages / "bed" / "gone.py").unlink()
    affected = backend.bystanders.sharing_folders(plan_of(change_of("bed-a", "1", None)), None)
    assert affected == {"bed-b": {garden.site_packages / "bed" / "b.py"}}


def test_distribution_with_a_module_of_a_staged_name_is_affected(
    backend: Backend, garden: Demo
) -> None:
    stage = staged(backend, garden, newer(raintable____init___py=""))
    affected = backend.bystanders.sharing_folders(UPGRADE, stage)
    assert affected == {"raintable": {garden.site_packages / "raintable.py"}}


@pytest.mark.parametrize(
    ("code", "needs", "runs"),
    [
        ("import subprocess; subprocess.run(['seedshelf', '-l'])", "seedshelf", True),
        ("from subprocess import check_output as run; run('x')", "seedshelf", False),
        ("import subprocess; subprocess.Popen('seedshelf --list', shell=True)", "seedshelf", True),
        ("import os; os.system('seedshelf')", "SeedShelf>=1; extra == 'x'", True),
        ("import os; os.system('seedshelf')", "raintable", False),
        ("import shutil; shutil.which('seedshelf')", "seedshelf", False),
        ("colour = 'seedshelf'", "seedshelf", False),
        ("run('seedshelf", "seedshelf", False),
        ("run()\nrun(5)\nrun('')\nrun([])\nrun('\\'')\nrun(seedshelf)", "seedshelf", False),
    ],
    ids=range(9),
)
def test_distribution_that_runs_a_removed_command_is_named(
    backend: Backend, garden: Demo, code: str, needs: str, runs: bool
) -> None:
    put(
        garden,
        backend,
        BuiltWheel(name="user", version="1", files={"user.py": code}, requires=(needs,)),
    )
    stage = staged(backend, garden, newer())
    expected = {"seedshelf": ("user",)} if runs else {}
    assert backend.bystanders.lost_commands(UPGRADE, stage) == expected
    assert backend.bystanders.lost_commands(REMOVAL, None) == expected


def test_kernel_spec_that_uses_a_removed_command_is_named(backend: Backend, garden: Demo) -> None:
    kernel = "{name}-{version}.data/data/share/jupyter/kernels/shelf/kernel.json"
    files = {kernel: '{"argv": ["seedshelf", "-f", "{connection_file}"]}', "shelf.py": ""}
    wheel = BuiltWheel(name="shelf", version="1", files=files, requires=("seedshelf",))
    put(garden, backend, wheel)
    assert backend.bystanders.lost_commands(REMOVAL, None) == {"seedshelf": ("shelf",)}


def test_kept_command_affects_no_distribution(
    backend: Backend, garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = staged(backend, garden, newer("[console_scripts]\nseedshelf = seedshelf:main\n"))
    monkeypatch.setattr(bystanders, "_started_commands", None)  # reads no files
    assert backend.bystanders.lost_commands(UPGRADE, stage) == {}
