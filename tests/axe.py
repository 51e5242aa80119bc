"""axe-core (npm, MPL-2.0), which checks the accessibility of a page; fetched for the tests."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_RUN = """() => axe.run('section.pkgw', { resultTypes: ['violations'] }).then(
  ({ violations }) => violations.map(({ id, impact, nodes }) => [id, impact, nodes[0].html]))
"""


def source(folder: Path) -> str:
    """Fetch axe-core into a folder, and return its source."""
    pack = ["npm", "pack", "--silent", "axe-core@4"]
    done = subprocess.run(
        pack, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    with tarfile.open(folder / done.stdout.strip()) as packed:
        file = packed.extractfile("package/axe.min.js")
        assert file is not None
        return file.read().decode()


def findings(page: Page, axe: str) -> Any:
    """Return all violations in every section of a panel."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(axe)
    return page.evaluate(_RUN)
