"""Real changes are killed and broken at operations that really ran, traced beforehand.

`operation_matrix.py` tries all of them; here is a sample, and what every one of them is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.operation_matrix import (
    CHANGES,
    READS,
    RELEASES,
    Place,
    kill_at,
    traced,
    try_change,
)

from pkgwidgets.demo.index_server import DemoIndex

EVERY = 10
"""The sample is every tenth operation."""

WATCHER = """
import os, sys
from pathlib import Path
prefix, url, change = sys.argv[1:]
sys.path.insert(0, {tests!r})
from faults.operation_matrix import CHANGES, Place
events = {{
    "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
    "os.symlink", "os.truncate", "os.utime", "shutil.copyfile", "shutil.move",
}}
allowed = tuple(os.path.join("store", name) for name in ("filesystem.py", "ownership.py"))

def hook(event, args):
    if event == "open":
        path, mode, flags = args
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    else:
        path, writes = args[0] if args else "", event in events
    if not writes or not isinstance(path, str | bytes | os.PathLike):
        return
    if not os.fsdecode(path).startswith(prefix):
        return
    frame, files = sys._getframe(1), []
    while frame:
        files.append(frame.f_code.co_filename)
        frame = frame.f_back
    if not any(file.endswith(allowed) for file in files):
        print(event, os.fsdecode(path), [file for file in files if "pkgwidgets" in file][:1])

place = Place(Path(prefix).parent, url)
sys.addaudithook(hook)
CHANGES[change](place.backend)
"""


@pytest.fixture
def url() -> Iterator[str]:
    with DemoIndex(RELEASES) as index:
        yield index.url


def test_kill_while_a_mark_is_removed_leaves_the_old_environment(tmp_path: Path, url: str) -> None:
    """uv marks dep as requested, and pkgwidgets rewrites its RECORD."""
    place = Place.create(tmp_path, url, "upgrade")
    states = {place.digest(): "old"}
    with traced() as operations:
        CHANGES["upgrade"](place.backend)
    states[place.digest()] = "new"
    written = [operation for operation in operations if operation.name not in READS]
    numbers = [
        number
        for number, operation in enumerate(written, 1)
        if operation.name == "replace" and operation.path.endswith("dep-2.0.dist-info/RECORD")
    ]
    assert len(numbers) == 1
    for number in (numbers[0], numbers[0] + 1):  # the second removes REQUESTED
        place.reset()
        assert kill_at(place, "upgrade", number, states) == ("old", "")


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_sample_of_operations_is_killed_and_broken(tmp_path: Path, url: str, change: str) -> None:
    figures = try_change(tmp_path, url, change, EVERY)
    print(figures)
    assert figures.faults == []
    assert len(figures.operations) > 100


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_only_the_traced_functions_write_to_the_environment(
    tmp_path: Path, url: str, change: str
) -> None:
    """Python itself reports every file that is written."""
    place = Place.create(tmp_path, url, change)
    code = WATCHER.format(tests=str(Path(__file__).parents[1]))
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, str(place.prefix), url, change],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
