"""Facts about a process; none, without an error, if it has ended or is not ours."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from pkgwidgets.backends.processes import process_info
from pkgwidgets.core.restart import is_library

LIBRARY = next(Path(str(sysconfig.get_config_var("DESTSHARED"))).glob("_statistics.*.so"))
"""An extension module that nothing loads at the start."""


@pytest.fixture
def mapping(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Start a process that has mapped three libraries; the second one was removed since."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    for name in ("libpea.so.6", "removed.so", "pea.so"):
        (folder / name).write_bytes(LIBRARY.read_bytes())
    (folder / "notes.so.txt").write_bytes(LIBRARY.read_bytes())
    code = (
        "import mmap, pathlib, sys\n"
        "files = [p.open('rb') for p in pathlib.Path(sys.argv[1]).iterdir()]\n"
        "kept = [mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) for f in files]\n"
        "pathlib.Path(sys.argv[1], 'removed.so').unlink()\n"
        "print('up', flush=True)\ninput()"
    )
    argv = [sys.executable, "-c", code, str(folder), ""]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"PEA": "pod=1", "EMPTY": ""}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        yield process.pid, folder
        process.kill()


def test_running_process_is_described(mapping: tuple[int, Path]) -> None:
    process, folder = mapping
    assert process in process_info.process_ids()
    assert process in process_info.descendants(os.getpid())
    words = process_info.command_line(process)
    assert (words[0], words[1], words[3:]) == (sys.executable, "-c", (str(folder), ""))
    variables = process_info.environment(process)
    assert (variables["PEA"], variables["EMPTY"]) == ("pod=1", "")
    started = process_info.start_time(process)
    assert started is not None
    assert timedelta() < datetime.now(UTC) - started < timedelta(minutes=10)


def test_numbered_and_removed_libraries_are_listed(mapping: tuple[int, Path]) -> None:
    process, folder = mapping
    libraries = {Path(path) for path in process_info.mapped_libraries(process)}
    assert {path for path in libraries if path.parent == folder} == {
        folder / "libpea.so.6",
        folder / "removed.so",
        folder / "pea.so",
    }


def test_mapped_libraries_agree_with_psutil(
    mapping: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    process, _ = mapping
    libraries = process_info.mapped_libraries(process)
    assert libraries == {memory_map.path for memory_map in psutil.Process(process).memory_maps()
                     if is_library(memory_map.path)}  # fmt: skip
    monkeypatch.setattr(sys, "platform", "freebsd14")
    assert process_info.mapped_libraries(process) == libraries


def has_no_facts(process: int) -> bool:
    return (
        process_info.command_line(process) == ()
        and process_info.environment(process) == {}
        and process_info.descendants(process) == ()
        and process_info.mapped_libraries(process) == frozenset()
    )


@pytest.mark.parametrize("process", [2**22 + 1, 2**70, -1])
def test_ended_process_has_no_information(process: int) -> None:
    assert has_no_facts(process)
    assert process_info.start_time(process) is None


def test_zombie_process_has_no_information() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert has_no_facts(process.pid)
    process.wait()
    process.stdout.close()


def test_inaccessible_process_has_no_information(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: psutil.Process) -> list[str]:
        raise psutil.AccessDenied(self.pid)

    monkeypatch.setattr(psutil.Process, "cmdline", refuse)
    monkeypatch.setattr(psutil.Process, "environ", refuse)
    assert process_info.command_line(os.getpid()) == ()
    assert process_info.environment(os.getpid()) == {}


def test_psutil_is_not_imported_with_the_package() -> None:
    modules = "pkgwidgets.__main__, pkgwidgets.worker, pkgwidgets.connect, pkgwidgets.cli.verbs"
    code = f"import sys, pkgwidgets, {modules}; print('psutil' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr
