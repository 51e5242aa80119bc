"""Files of npm packages, which are fetched for the tests."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path


def read(folder: Path, package: str, file: str) -> str:
    """Fetch a package (`axe-core@4`) into a folder, and return the text of one of its files."""
    pack = ["npm", "pack", "--silent", package]
    done = subprocess.run(
        pack, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    with tarfile.open(folder / done.stdout.strip()) as packed:
        member = packed.extractfile(f"package/{file}")
        assert member is not None
        return member.read().decode()
