"""Show the form that installs a package."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from threading import Lock
from typing import Any

import anywidget
import traitlets

from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.releases import Release
from pkgwidgets.presentation.row_actions import version_options

from .assets import STATIC, bundle
from .package_table import Message


class InstallForm(anywidget.AnyWidget):
    """Asks for a name and a version; sends `suggest`, `releases`, `plan`, `uninstall`, `close`.

    While packages are `changing`, it plans nothing.
    """

    _esm = bundle("install_form")
    _css = STATIC / "views.css"

    form = traitlets.Dict().tag(sync=True)
    changing = traitlets.Bool().tag(sync=True)

    def __init__(self, on_message: Callable[[Message], None], **options: Any) -> None:
        super().__init__(**options)
        self._lock = Lock()
        self.on_msg(lambda _, message, __: on_message(message))

    @property
    def is_open(self) -> bool:
        """Whether the form is open."""
        return bool(self.form.get("open"))

    def begin(self, suggestions: Iterable[str] = ()) -> None:
        """Open the form, empty; `suggestions` are names that the page offers while typing."""
        self.form = {"open": True, "suggestions": list(suggestions)}

    def show_busy(self, name: str) -> None:
        """Show that the versions of a project are being fetched."""
        self._update(
            name=name, busy="loading versions…", error="", releases=None, brings="", summary=""
        )

    def show(self, name: str, releases: Iterable[Release], info: PackageInfo | None) -> None:
        """Show the versions of a project, newest first; `info` is the installed one, if any."""
        installed = info.version if info is not None else ""
        options = [asdict(option) for option in version_options(releases, info)]
        self._update(name=name, busy="", installed=installed, releases=options)

    def offer(self, names: Iterable[str]) -> None:
        """Offer these names while the user types."""
        self._update(suggestions=list(names))

    def show_summary(self, name: str, text: str) -> None:
        """Show what a project is, in its own words, unless another name was typed meanwhile."""
        if self.form.get("name") == name:
            self._update(summary=text)

    def show_preview(self, name: str, text: str) -> None:
        """Show what an installation would bring, unless another name was typed meanwhile."""
        if self.form.get("name") == name:
            self._update(brings=text)

    def fail(self, error: str) -> None:
        """Show an error; "" removes it."""
        self._update(error=error, busy="")

    def close_view(self) -> None:
        """Close the form."""
        self.form = {}

    def _update(self, **fields: Any) -> None:
        with self._lock:  # names and versions come from two threads
            if self.is_open:
                self.form = {**self.form, **fields}
