"""axe-core (npm, MPL-2.0), which checks the accessibility of a page; fetched for the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import npm_package
from playwright.sync_api import Page

_RUN = """(part) => axe.run(part, { resultTypes: ['violations'] }).then(
  ({ violations }) => violations.map(({ id, impact, nodes }) => [id, impact, nodes[0].html]))
"""


def source(folder: Path) -> str:
    """Fetch axe-core into a folder, and return its source."""
    return npm_package.read(folder, "axe-core@4", "axe.min.js")


def findings(page: Page, axe: str, part: str = "section.pkgw") -> Any:
    """Return all violations in every section of a panel, or in what another selector finds."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(axe)
    return page.evaluate(_RUN, part)
