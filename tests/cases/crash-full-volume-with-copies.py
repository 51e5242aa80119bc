"""`site-packages` is a small volume, so old files are copied; then the volume becomes full.

Exit 0: the environment is exactly the old or exactly the new one. Exit 1: it is a mixture. The
program mounts in a namespace of its own, which ends with it.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from faults.tree import rows

from pkgwidgets import PackageService, demo
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.demo.wheel_builder import BuiltWheel

NOISE = random.Random(1)


def big(version: str, size: int) -> BuiltWheel:
    files: dict[str, str | bytes] = {f"big/f{n}.bin": NOISE.randbytes(size) for n in range(20)}
    return BuiltWheel(name="big", version=version, files={**files, "big/__init__.py": ""})


def change(folder: Path, megabytes: int) -> bool:
    """Upgrade on a volume of this size; return whether the old or the new one is whole."""
    with demo.start(folder / "garden") as garden:
        site = garden.site_packages
        shutil.copytree(site, folder / "site")
        options = ["-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs"]
        subprocess.run(["mount", *options, str(site)], check=True)
        try:
            shutil.copytree(folder / "site", site, dirs_exist_ok=True)
            garden.index.publish(big("1.0", 1 << 20), big("2.0", 1_300_000))
            service = PackageService(garden.python, index_url=garden.index_url)
            service.install_package("big==1.0")
            before = rows(garden.folder / "env")
            try:
                print(megabytes, service.upgrade_package("big"))
            except PkgwidgetsError as error:
                print(megabytes, error)
                return rows(garden.folder / "env") == before
            return service.get_package("big").version == "2.0"
        finally:
            subprocess.run(["umount", "--lazy", str(site)], check=True)


def main() -> int:
    if "--in" not in sys.argv:
        again = [sys.executable, __file__, "--in"]
        return subprocess.run(["unshare", "--mount", *again], check=False).returncode
    whole = []
    for megabytes in (24, 44, 80):
        with tempfile.TemporaryDirectory() as folder:
            whole.append(change(Path(folder), megabytes))
    return int(not all(whole))


sys.exit(main())
