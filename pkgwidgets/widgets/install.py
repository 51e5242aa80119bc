"""The form that installs a package, or takes another version of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import anywidget
import traitlets

from pkgwidgets.core.model import Release

from .table import HERE, Message


class InstallForm(anywidget.AnyWidget):
    """Asks for a name and a version; sends releases, plan, uninstall or close."""

    _esm = HERE / "install.js"
    _css = HERE / "views.css"

    form = traitlets.Dict().tag(sync=True)

    def __init__(self, asked: Callable[[Message], None]) -> None:
        super().__init__()
        self.on_msg(lambda _, message, __: asked(message))

    @property
    def is_open(self) -> bool:
        """Whether it is shown."""
        return bool(self.form.get("open"))

    def begin(self, name: str = "", installed: str = "") -> None:
        """Open it, empty or for one installed package."""
        self.form = {"open": True, "name": name, "installed": installed, "fixed": bool(name)}

    def look(self, name: str) -> None:
        """Say that the versions of a project are being asked for."""
        self._say(name=name, busy="asking the index…", error="", releases=None)

    def show(self, name: str, releases: Iterable[Release], installed: str) -> None:
        """Show the versions of a project, newest first."""
        self._say(name=name, busy="", installed=installed, releases=_choices(releases, installed))

    def fail(self, error: str) -> None:
        """Say what is wrong with what was asked for."""
        self._say(error=error, busy="")

    def close_view(self) -> None:
        """Show nothing."""
        self.form = {}

    def _say(self, **words: Any) -> None:
        if self.is_open:
            self.form = {**self.form, **words}


def _choices(releases: Iterable[Release], installed: str) -> list[dict[str, str]]:
    """Return versions and what there is to say of each; the newest ordinary one is the latest."""
    found, latest = [], ""
    for release in releases:
        version = str(release.version)
        notes = ["installed"] if version == installed else []
        if release.yanked:
            notes.append("yanked")
        elif release.version.is_prerelease:
            notes.append("pre-release")
        elif not latest:
            latest = version
            notes.append("latest")
        day = f"{release.uploaded:%Y-%m-%d}" if release.uploaded is not None else ""
        found.append({"version": version, "note": ", ".join(notes), "day": day})
    return found
