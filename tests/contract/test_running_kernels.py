"""Other kernels on the same environment are detected and named in the plan."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import change_of, plan_of

from pkgwidgets import PackageService
from pkgwidgets.connect import connect, other_kernels
from pkgwidgets.core.kernels import Kernel
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel

Start = Callable[..., int]
SUFFIX = str(sysconfig.get_config_var("EXT_SUFFIX"))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Yield a function that starts processes like kernels; end them afterwards."""
    with ExitStack() as running:

        def started(python: Path, name: str, code: str = "", notebook: str = "") -> int:
            argv = [str(python), "-c", f"{code}\nprint('up', flush=True)\ninput()"]
            process = subprocess.Popen(
                [*argv, "-f", str(tmp_path / name)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={"JPY_SESSION_NAME": notebook} if notebook else {},
            )
            running.callback(process.wait)
            running.callback(process.kill)
            assert process.stdout is not None
            assert process.stdin is not None
            running.callback(process.stdout.close)
            running.callback(process.stdin.close)
            assert process.stdout.readline() == b"up\n"
            return process.pid

        yield started


def test_kernels_on_the_environment_are_listed(garden: Demo, start: Start, tmp_path: Path) -> None:
    look = other_kernels(connect(garden.python, garden.index_url)).running
    assert look() == ()
    first = start(garden.python, "kernel-1.json", notebook="/work/beds/tomatoes.ipynb")
    second = start(garden.python, "kernel-2.json")
    assert look() == (
        Kernel(
            process=first,
            connection_file=str(tmp_path / "kernel-1.json"),
            notebook="tomatoes.ipynb",
        ),
        Kernel(process=second, connection_file=str(tmp_path / "kernel-2.json")),
    )
    assert str(look()[0]) == f"tomatoes.ipynb (process {first})"
    assert str(look()[1]) == f"kernel-2 (process {second})"


def test_other_processes_and_kernels_of_other_environments_are_not_listed(
    garden: Demo, start: Start
) -> None:
    start(garden.python, "notes.json")
    start(Path(sys.executable), "kernel-3.json")
    assert other_kernels(connect(garden.python, garden.index_url)).running() == ()


def test_ended_kernel_is_not_listed(garden: Demo, tmp_path: Path) -> None:
    argv = [str(garden.python), "-c", "input()", str(tmp_path / "kernel-4.json")]
    look = other_kernels(connect(garden.python, garden.index_url)).running
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not look() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert [kernel.process for kernel in look()] == [process.pid]
    assert look() == ()


def test_loaded_packages_are_detected_from_mapped_libraries(
    garden: Demo, start: Start, published: Callable[..., None], service: PackageService
) -> None:
    folder = Path(str(sysconfig.get_config_var("DESTSHARED")))
    library = next(folder.glob("_statistics.*.so")).read_bytes()
    published(
        *(
            BuiltWheel(name="fast", version=version, files={f"quick/_statistics{SUFFIX}": library})
            for version in ("1.0", "2.0")
        )
    )
    service.install_package("fast==1.0")
    code = (
        f"import sys; sys.path.insert(0, {str(garden.site_packages)!r}); import quick._statistics"
    )
    # Started by another Python: only what it has mapped shows whose it is.
    process = start(Path(sys.executable), "kernel-5.json", code)
    plan = service.plan_upgrade("fast")
    assert [(kernel.process, kernel.loaded) for kernel in plan.kernels] == [(process, ("fast",))]
    sentence = (
        f"Another kernel uses this environment: kernel-5 (process {process}). It has fast loaded"
    )
    assert f"{sentence}, so restart it too" in plan.warnings
    assert sentence in str(plan)


MAPPING = """
import mmap
files = [open(path, "rb") for path in {paths}]
kept = [mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) for file in files]
"""


def test_loaded_packages_are_the_same_for_panel_and_server(
    garden: Demo, start: Start, published: Callable[..., None], service: PackageService,
    tmp_path: Path,
) -> None:  # fmt: skip
    """Versioned and replaced libraries count in any process of the kernel.

    The panel lists all kernels of the machine, a server the one that it started.
    """
    for name, library in (("numbered", "libs/libpea.so.6"), ("replaced", "quick/_pea.so")):
        files: dict[str, str | bytes] = {library: b"not really", f"{name}.py": ""}
        published(BuiltWheel(name=name, version="1.0", files=files))
        service.install_package(name)
    paths = [str(garden.site_packages / path) for path in ("libs/libpea.so.6", "quick/_pea.so")]
    python, file = garden.python, tmp_path / "kernel-6.json"
    child = f"{MAPPING.format(paths=paths)}\nprint('up', flush=True)\ninput()"
    argv = [str(python), "-c", child, str(file)]
    wrapper = f"import subprocess; subprocess.run({argv!r})"
    backend = connect(garden.python, garden.index_url)
    process = start(python, file.name, wrapper)
    Path(paths[1]).unlink()
    Path(paths[1]).write_bytes(b"newer")
    [kernel] = other_kernels(backend).running()
    assert (kernel.process, kernel.loaded) == (process, ("numbered", "replaced"))
    assert other_kernels(backend).loaded_by(process, str(file)) == kernel.loaded
    assert other_kernels(backend).loaded_by(process, "kernel-7.json") == ()


def test_kernel_without_loaded_packages_is_named_in_the_warnings() -> None:
    kernel = Kernel(process=7, connection_file="/run/kernel-7.json", loaded=())
    plan = plan_of(change_of("pea", "1", "2"))
    shared = replace(plan, kernels=(kernel,))
    assert shared.id == plan.id  # running kernels do not change the id
    assert shared.warnings[-1] == "Another kernel uses this environment: kernel-7 (process 7)"
