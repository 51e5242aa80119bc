"""A notebook with the side bar of *Packages*."""

from __future__ import annotations

from browser.panel_notebook import PanelNotebook
from jupyterlab_server import take_picture
from playwright.sync_api import Locator, expect


class SideBar(PanelNotebook):
    """A notebook in a window of its own, with the side bar."""

    @property
    def panel(self) -> Locator:
        return self.page.locator(".pkgw-side-place:not(.lm-mod-hidden)")

    @property
    def opener(self) -> Locator:
        return self.page.locator(".jp-NotebookPanel-toolbar [data-command='pkgwidgets:open']")

    def open(self) -> None:
        """Open the side bar by the button of the toolbar."""
        self.opener.click()

    def version(self, name: str) -> Locator:
        return self.row(name).locator(".pkgw-c-version")

    def upgrade_and_undo(self, picture: str) -> None:
        """Plan an upgrade, apply it and undo it, each with a click."""
        expect(self.version("seedshelf")).to_have_text("1.4.1")
        self.button("Upgrade seedshelf…").click()
        expect(self.button("Apply")).to_be_enabled()
        take_picture(self.page, f"{picture}-plan")
        self.button("Apply").click()
        expect(self.version("seedshelf")).to_have_text("1.4.2")
        self.button("Undo").click()
        expect(self.button("Redo")).to_be_visible()
        expect(self.version("seedshelf")).to_have_text("1.4.1")
