"""A kill at any step of a copy or of its removal offers nothing half made."""

from __future__ import annotations

import json
import os
from itertools import count
from pathlib import Path

import pytest
from faults.tiny_environment import run_and_kill

from pkgwidgets.connect import connect
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import copying, planning
from pkgwidgets.operations import transactions as operations

pytestmark = pytest.mark.usefixtures("without_sync")

POINTS = ("marked", "made", "installed", "tidied", "built", "kernel", "complete")


@pytest.fixture
def kernel_garden(garden: Demo) -> Demo:
    """Return the garden with a kernel, whose packages are two small ones."""
    kernel = BuiltWheel(name="ipykernel", version="6.0", files={"ipykernel.py": ""})
    garden.index.publish(kernel)
    backend = connect(garden.python, garden.index_url)
    operations.apply_here(backend, planning.plan_install(backend, "ipykernel"))
    return garden


def root() -> Path:
    return Path(os.environ["XDG_DATA_HOME"]) / "pkgwidgets" / "environments"


def kernel_file() -> Path:
    data = Path(os.environ["XDG_DATA_HOME"]) / "jupyter"
    return data / "kernels" / "pkgwidgets-spring" / "kernel.json"


def make_copy(garden: Demo) -> None:
    backend = connect(garden.python, garden.index_url)
    plan = copying.plan_copy(backend, "spring", only="seedshelf")
    copying.copy_environment(backend, plan)


def check_nothing_half_made(garden: Demo, where: object) -> None:
    """Check that what is offered works, and that the next call leaves only whole copies."""
    backend = connect(garden.python, garden.index_url)
    offered = [copy.name for copy in copying.list_copies(backend)]
    if kernel_file().exists() or offered:
        # Offered means complete: the interpreter starts and has the packages.
        copied = connect(root() / "spring" / "bin" / "python", garden.index_url)
        assert {*copied.environment.distributions()} == {"seedshelf", "ipykernel"}, where
    with backend.copies.locked("a test"):
        backend.copies.recover()
    listed = [copy.name for copy in copying.list_copies(backend)]
    assert set(offered) <= set(listed), where
    assert kernel_file().exists() == bool(listed), where
    assert (root() / "spring").exists() == bool(listed), where
    marks = sorted(path.name for path in (root() / ".pkgwidgets").glob("*.json"))
    assert marks == [f"{name}.json" for name in listed], where


@pytest.mark.parametrize("point", POINTS)
def test_kill_at_a_step_of_a_copy_offers_nothing_half_made(kernel_garden: Demo, point: str) -> None:
    assert run_and_kill(lambda: make_copy(kernel_garden), f"COPY:{point}")
    mark = json.loads((root() / ".pkgwidgets" / "spring.json").read_bytes())
    assert (mark["state"] == "complete") == (point == "complete")
    check_nothing_half_made(kernel_garden, point)
    backend = connect(kernel_garden.python, kernel_garden.index_url)
    if not copying.list_copies(backend):
        make_copy(kernel_garden)
    assert [copy.name for copy in copying.list_copies(backend)] == ["spring"]


@pytest.mark.slow
def test_kill_at_any_file_operation_of_a_copy_offers_nothing_half_made(
    kernel_garden: Demo,
) -> None:
    for number in count(1):
        if not run_and_kill(lambda: make_copy(kernel_garden), f"operation#{number}"):
            break
        check_nothing_half_made(kernel_garden, number)
        backend = connect(kernel_garden.python, kernel_garden.index_url)
        if copying.list_copies(backend):
            copying.remove_copy(backend, "spring")
    assert number > 10
    assert kernel_file().exists()


@pytest.mark.parametrize("every", [37, pytest.param(1, marks=pytest.mark.slow)])
def test_kill_at_any_file_operation_of_a_removal_leaves_all_or_nothing(
    kernel_garden: Demo, every: int
) -> None:
    backend = connect(kernel_garden.python, kernel_garden.index_url)

    def remove() -> None:
        copying.remove_copy(connect(kernel_garden.python), "spring")

    make_copy(kernel_garden)
    for number in count(1, every):
        if not copying.list_copies(backend):
            make_copy(kernel_garden)
        if not run_and_kill(remove, f"operation#{number}"):
            break
        check_nothing_half_made(kernel_garden, number)
    assert not (root() / "spring").exists()
