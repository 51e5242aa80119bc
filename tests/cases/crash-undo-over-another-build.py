"""Another tool installs the same version again, from another build; then the change is undone.

Exit 0: the undo is refused before it is offered, or it restores exactly the old files. Exit 1: the
environment is a mixture of both builds.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import uv
from faults.tree import rows

from pkgwidgets import PackageService, demo
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.demo.wheel_builder import BuiltWheel


def pure(version: str) -> BuiltWheel:
    files = {"dep/__init__.py": "from dep.fast import v\n", "dep/fast.py": f"v = {version}\n"}
    return BuiltWheel(name="dep", version=version, files=files)


def compiled(version: str) -> BuiltWheel:
    """Return another build, where `fast` is a package that hides `fast.py`."""
    init = "from dep.fast import v\n"
    files = {"dep/__init__.py": init, "dep/fast/__init__.py": f"v = {version}\n"}
    return BuiltWheel(name="dep", version=version, files=files)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, demo.start(Path(folder, "garden")) as garden:
        garden.index.publish(pure("1.0"), pure("2.0"))
        service = PackageService(garden.python, index_url=garden.index_url)
        service.install_package("dep==1.0")
        prefix = garden.folder / "env"
        before = rows(prefix)
        service.upgrade_package("dep")
        wheel = compiled("2.0")
        Path(folder, wheel.filename).write_bytes(wheel.data)
        command = [uv.find_uv_bin(), "pip", "install", "-q", "--no-cache", "--reinstall"]
        command += ["--no-index", "--find-links", folder, "--python", str(garden.python)]
        subprocess.run([*command, "dep==2.0"], check=True)
        now = rows(prefix)
        try:
            print("undone:", service.undo())
        except PkgwidgetsError as error:
            print("refused:", error)
            print("instead:", *service.plan_install("dep==1.0").warnings)
            return int(rows(prefix) != now)
        return int(rows(prefix) != before)


sys.exit(main())
