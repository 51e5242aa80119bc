"""The form that installs a package."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

import anywidget
import traitlets

from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.releases import Release
from pkgwidgets.presentation.row_actions import version_options

from .assets import STATIC, bundle
from .package_table import Message


class InstallForm(anywidget.AnyWidget):
    """Asks for a name and a version; sends releases, plan, uninstall or close."""

    _esm = bundle("install_form")
    _css = STATIC / "views.css"

    form = traitlets.Dict().tag(sync=True)

    def __init__(self, on_message: Callable[[Message], None], **options: Any) -> None:
        super().__init__(**options)
        self.on_msg(lambda _, message, __: on_message(message))

    @property
    def is_open(self) -> bool:
        """Whether it is shown."""
        return bool(self.form.get("open"))

    def begin(self) -> None:
        """Open it, empty."""
        self.form = {"open": True}

    def look(self, name: str) -> None:
        """Say that the versions of a project are being asked for."""
        self._say(name=name, busy="asking the index…", error="", releases=None)

    def show(self, name: str, releases: Iterable[Release], info: PackageInfo | None) -> None:
        """Show the versions of a project, newest first; `info` is what is installed of it."""
        installed = info.version if info is not None else ""
        known = [asdict(choice) for choice in version_options(releases, info)]
        self._say(name=name, busy="", installed=installed, releases=known)

    def fail(self, error: str) -> None:
        """Say what is wrong with what was asked for."""
        self._say(error=error, busy="")

    def close_view(self) -> None:
        """Show nothing."""
        self.form = {}

    def _say(self, **words: Any) -> None:
        if self.is_open:
            self.form = {**self.form, **words}
