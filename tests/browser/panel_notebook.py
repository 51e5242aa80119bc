"""A panel on the demo's garden, open in a notebook."""

from __future__ import annotations

from jupyterlab_server import Lab, Notebook
from playwright.sync_api import Browser, Locator

GARDEN = (
    "from pkgwidgets import PackagePanel, PackageService, demo\n"
    "garden = demo.start()\n"
    "service = PackageService(garden.python, index_url=garden.index_url)"
)
PANEL = "panel = PackagePanel(service)\npanel"


class PanelNotebook(Notebook):
    """A notebook with a panel in it."""

    def __init__(
        self, browser: Browser, lab: Lab, name: str, *, width: int = 1400, scale: float = 1
    ) -> None:
        super().__init__(browser, lab.address_of(name), name, width=width, scale=scale)

    @property
    def panel(self) -> Locator:
        return self.page.locator(".pkgw-panel").first

    def row(self, name: str) -> Locator:
        return self.panel.locator(f"tr[data-id={name}]")

    def button(self, name: str) -> Locator:
        return self.panel.get_by_role("button", name=name, exact=True)

    def part(self, label: str) -> Locator:
        """Return the section of the panel with this label."""
        return self.panel.locator(f"section[aria-label='{label}']")

    def wait_until_checked(self) -> None:
        self.panel.get_by_text("checked a moment ago").wait_for(timeout=25_000)
