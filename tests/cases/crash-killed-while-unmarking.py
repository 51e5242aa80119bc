"""The process is killed while REQUESTED is removed from a dependency, and RECORD is rewritten."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults import tree
from faults.operation_matrix import RELEASES, Place

from pkgwidgets import PackageService
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.demo.index_server import DemoIndex

UPGRADE = """
import os, signal, sys
from pathlib import Path
from pkgwidgets.connect import connect
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_upgrade

def killing(real):
    def move(*args, **named):
        # Whoever moves a rewritten RECORD into its place, by whatever call.
        paths = [os.fspath(arg) for arg in args[:2] if isinstance(arg, str | os.PathLike)]
        if any(Path(path).name.startswith("RECORD") for path in paths):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **named)
    return move

os.replace, os.rename = killing(os.replace), killing(os.rename)
Path.replace, Path.rename = killing(Path.replace), killing(Path.rename)
backend = connect(sys.argv[1], sys.argv[2])
apply.apply_plan(backend, plan_upgrade(backend, "top"))
"""


def find_fault(folder: Path, url: str) -> object:
    place = Place.create(folder, url, "upgrade")
    python, before = str(place.prefix / "bin" / "python"), tree.rows(place.prefix)
    argv = [sys.executable, "-c", UPGRADE, python, url]
    killed = subprocess.run(argv, capture_output=True, text=True)
    if killed.returncode != -signal.SIGKILL:
        return f"no RECORD was moved into its place: {killed.stderr}"
    argv = [sys.executable, "-m", "pkgwidgets", "recover", "--python", python]
    recovered = subprocess.run(argv, capture_output=True, text=True)
    print(recovered.stdout.strip())
    left = {row[0] for row in {*before} ^ {*tree.rows(place.prefix)}}
    if left or recovered.returncode != 0:
        return f"these differ from the old environment: {sorted(left)}"
    service = PackageService(python, index_url=url)
    try:
        plan = service.plan_upgrade("top")
    except PkgwidgetsError as error:
        return error
    print(plan)
    return len(plan.changes) != 2


def main() -> int:
    """Return 1 if the fault is there, else 0."""
    with tempfile.TemporaryDirectory() as folder, DemoIndex(RELEASES) as index:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        fault = find_fault(Path(folder), index.url)
    print(fault or "no fault")
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main())
