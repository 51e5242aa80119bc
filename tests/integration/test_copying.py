"""Copies of an environment: the same packages, what is left out, and removal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fakes import Oracle
from filled_environment import fill
from lock_files import installed_in

from pkgwidgets import (
    CopyFailed,
    CopyInUse,
    EnvironmentBusy,
    EnvironmentRefused,
    InvalidRequest,
    PackageNotFound,
    PackageService,
)
from pkgwidgets.backends.processes.programs import running_programs
from pkgwidgets.connect import connect
from pkgwidgets.core.copies import known_kernel_name
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import copying, planning
from pkgwidgets.operations import transactions as operations

KERNEL = BuiltWheel(name="ipykernel", version="6.0", files={"ipykernel.py": ""})


def data_folder() -> Path:
    return Path(os.environ["XDG_DATA_HOME"])


def left_files() -> list[str]:
    """Return what is in the folder of copies, besides its lock."""
    root = data_folder() / "pkgwidgets" / "environments"
    found = [*root.glob("*"), *root.glob(".pkgwidgets/*")] if root.exists() else []
    return sorted(path.name for path in found if path.name not in (".pkgwidgets", "lock"))


def test_copy_has_the_same_distributions(
    service: PackageService, garden: Demo, tree: Oracle
) -> None:
    before = tree(garden.folder / "env")
    plan = service.plan_copy("spring")
    assert (dict(plan.left_out), len(plan.packages)) == ({}, 11)
    assert plan.kernel == ""
    assert "no kernel" in str(plan)
    copy = service.copy_environment(plan)
    assert installed_in(copy.python) == installed_in(garden.python)
    assert copy.folder.is_relative_to(data_folder())
    assert tree(garden.folder / "env") == before
    frame = service.environments()
    assert frame.loc["spring", "packages"] == 11
    assert frame.loc["spring", "source"] == str(garden.folder / "env")
    other = PackageService(copy.python, index_url=garden.index_url)
    here = {row.name: row.requested for row in service.values.packages()}
    assert {row.name: row.requested for row in other.values.packages()} == here
    other.upgrade_package("seedshelf")
    assert tree(garden.folder / "env") == before
    assert service.drift(copy.folder).index.to_list() == ["seedshelf"]
    removed = service.remove_environment("spring")
    assert (removed.name, removed.folder.exists()) == ("spring", False)
    assert service.environments().empty
    assert left_files() == []


def test_copy_has_a_kernel_of_its_own(service: PackageService, garden: Demo) -> None:
    garden.index.publish(KERNEL)
    service.install_package("ipykernel")
    copy = service.copy_environment("spring")
    assert copy.kernel == "pkgwidgets-spring"
    file = data_folder() / "jupyter" / "kernels" / copy.kernel / "kernel.json"
    specification = json.loads(file.read_text("utf-8"))
    assert specification["argv"][0] == str(copy.python)
    assert specification["metadata"]["pkgwidgets"] == {"copy": "spring"}
    service.remove_environment("spring")
    assert not file.parent.exists()


def test_only_some_packages_are_copied_with_what_they_require(service: PackageService) -> None:
    copy = service.copy_environment("spring", only="bedplanner")
    required = service.get_dependencies("bedplanner").requires
    names = {line.partition("==")[0] for line in installed_in(copy.python)}
    assert "bedplanner" in names
    assert len(names) < 11
    assert {name for name in ("beanpoles",) if name in str(required)} <= names


WAITS = "import os, sys; print(os.fork(), flush=True); sys.stdin.read()"
"""A program with a child; both wait until their input ends."""


@contextmanager
def running(*command: str | Path, **options: Any) -> Iterator[int]:
    """Run a program that prints a line and waits; yield its process id."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        yield child.pid


def test_copy_in_which_programs_run_is_not_removed(service: PackageService) -> None:
    copy = service.copy_environment("spring", only="seedshelf")
    notebook = {**os.environ, "JPY_SESSION_NAME": "beds/plot.ipynb"}
    relative = "../spring/bin/python"
    path = {**os.environ, "PATH": f"{copy.python.parent}:{os.environ['PATH']}"}
    with (
        running(copy.python, "-c", WAITS, "kernel-1.json", env=notebook) as kernel,
        running(relative, "-c", WAITS, "sow.py", cwd=copy.folder) as script,
        running("sh", "-c", f"exec python -c '{WAITS}'", env=path) as program,
        pytest.raises(CopyInUse) as refused,
    ):
        service.remove_environment("spring")
    names = {f"plot.ipynb (process {kernel})", f"sow.py (process {script})"}
    assert {*refused.value.programs} == names | {f"python (process {program})"}
    assert "run in it" in str(refused.value)
    assert len(service.values.environments()) == 1
    service.remove_environment("spring")
    assert left_files() == []


def test_what_runs_in_a_copy_for_a_moment_does_not_count(service: PackageService) -> None:
    copy = service.copy_environment("spring", only="seedshelf")
    backend = connect(copy.source / "bin" / "python")
    with running(copy.python, "-c", "import time; print(flush=True); time.sleep(0.5)"):
        assert copying.running_in_copy(backend, "spring")[1] == ()


def test_process_that_asks_counts_as_well() -> None:
    """A server that was started in a copy must not remove it; here it is the tests' process."""
    assert running_programs(Path(sys.prefix)) != ()


def test_copy_is_not_removed_while_its_packages_are_changed(service: PackageService) -> None:
    copy = service.copy_environment("spring", only="seedshelf")
    other = connect(copy.python, service.index_url)
    operations.apply_here(other, planning.plan_upgrade(other, "seedshelf"))
    with other.environment.locked("another change"), pytest.raises(EnvironmentBusy):
        service.remove_environment("spring")
    assert copy.python.exists()
    service.remove_environment("spring")
    assert left_files() == []


def test_copy_is_removed_once_its_programs_have_ended(service: PackageService) -> None:
    copy = service.copy_environment("spring", only="seedshelf")
    backend = connect(copy.source / "bin" / "python")
    ends = "import time; print(1, flush=True); time.sleep(0.5)"
    with running(copy.python, "-c", ends):
        copying.remove_copy(backend, "spring", patience_seconds=60)
    assert left_files() == []


@pytest.mark.slow
def test_300_distributions_are_copied(service: PackageService, garden: Demo, tree: Oracle) -> None:
    """The index has half of the others, and the files here are those of the rest."""
    fill(garden.site_packages, 289)
    for number in range(145):
        garden.index.publish(BuiltWheel(name=f"filler-{number}", version="1.0", files={}))
    before = tree(garden.folder / "env")
    plan = service.plan_copy("spring")
    assert (len(plan.packages), dict(plan.left_out)) == (300, {})
    assert sum(not package.from_index for package in plan.packages) == 144
    copy = service.copy_environment(plan)
    assert installed_in(copy.python) == installed_in(garden.python)
    assert service.drift(copy.folder).empty
    assert tree(garden.folder / "env") == before


def test_what_cannot_be_copied_is_listed_before(service: PackageService, garden: Demo) -> None:
    info = next(garden.site_packages.glob("seedshelf-*.dist-info"))
    url = {"url": "file:///home/me/seedshelf", "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(url), "utf-8")
    plan = service.plan_copy("spring")
    assert plan.left_out == {"seedshelf": "it is editable, so change it in its source folder"}
    assert "seedshelf is left out: it is editable" in str(plan)
    copy = service.copy_environment(plan)
    assert "seedshelf" not in {line.partition("==")[0] for line in installed_in(copy.python)}


@pytest.mark.parametrize(
    "name",
    ["../x", "", "x" * 51, "Spring", ".pkgwidgets", "a/b", "-a", "a\n", "spring ", "ä", None],
)
def test_invalid_name_is_refused(service: PackageService, name: object) -> None:
    with pytest.raises(InvalidRequest, match="name of a copy"):
        service.plan_copy(name)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest):
        service.remove_environment(name)  # type: ignore[arg-type]
    assert not (data_folder() / "pkgwidgets" / "environments").exists() or left_files() == []


def test_folder_of_others_is_neither_used_nor_removed(service: PackageService) -> None:
    folder = data_folder() / "pkgwidgets" / "environments" / "spring"
    folder.mkdir(parents=True)
    (folder / "mine.txt").write_text("mine", "utf-8")
    with pytest.raises(InvalidRequest, match="belongs to no copy"):
        service.copy_environment("spring")
    with pytest.raises(InvalidRequest, match="no copy of this name"):
        service.remove_environment("spring")
    assert (folder / "mine.txt").read_text("utf-8") == "mine"


def test_kernel_of_others_is_neither_replaced_nor_removed(service: PackageService) -> None:
    file = data_folder() / "jupyter" / "kernels" / "pkgwidgets-spring" / "kernel.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"argv": ["mine"]}', "utf-8")
    with pytest.raises(InvalidRequest, match="belongs to no copy"):
        service.plan_copy("spring")
    assert file.read_text("utf-8") == '{"argv": ["mine"]}'


def test_taken_name_is_refused(service: PackageService) -> None:
    plan = service.plan_copy("spring", only="seedshelf")
    service.copy_environment(plan)
    with pytest.raises(InvalidRequest, match="a copy of this name exists"):
        service.plan_copy("spring")
    with pytest.raises(InvalidRequest, match="a copy of this name exists"):
        service.copy_environment(plan)
    assert len(service.values.environments()) == 1


def test_missing_package_or_python_is_refused(service: PackageService) -> None:
    with pytest.raises(PackageNotFound):
        service.plan_copy("spring", only=["rake"])
    with pytest.raises(EnvironmentRefused, match=r"There is no Python 3\.99"):
        service.plan_copy("spring", python="3.99")
    with pytest.raises(EnvironmentRefused):
        service.plan_copy("spring", python="/no/python")
    with pytest.raises(EnvironmentRefused):
        service.plan_copy("spring", python="--help")


def test_failed_copy_leaves_nothing(
    service: PackageService, garden: Demo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = service.plan_copy("spring")
    garden.index.down = True
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    with pytest.raises(CopyFailed, match="uv failed"):
        service.copy_environment(plan)
    assert left_files() == []


def test_module_that_fails_only_in_the_copy_is_an_error(
    service: PackageService, published: Callable[..., None]
) -> None:
    code = "assert 'environments' not in __file__, 'not here'\n"
    published(BuiltWheel(name="vault", version="1.0", files={"vault.py": code}))
    service.install_package("vault")
    with pytest.raises(CopyFailed, match="vault cannot be imported"):
        service.copy_environment("spring", only="vault")
    assert left_files() == []


@pytest.mark.parametrize("name", ["../x", "<b>", "", "a\n", "ä", "x" * 101, 3, None])
def test_name_that_no_kernel_has_is_no_way_back(name: object) -> None:
    assert known_kernel_name(name) == ""
    assert known_kernel_name("conda-env_3.12") == "conda-env_3.12"
