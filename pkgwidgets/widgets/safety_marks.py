"""Show advisories and holds in the rows of the panel's table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from packaging.utils import canonicalize_name

from pkgwidgets.core.errors import Cancelled, NoAdvisorySource, PkgwidgetsError
from pkgwidgets.core.interfaces import Report
from pkgwidgets.notebook.service import PackageService
from pkgwidgets.presentation.hints import Face, render
from pkgwidgets.presentation.safety_marks import advisory_marks, advisory_notice, hold_marks

from .package_table import PackageTable


class SafetyMarks:
    """Keeps the marks of one table up to date, and changes holds for its rows."""

    def __init__(self, service: PackageService, table: PackageTable) -> None:
        self._service = service
        self._table = table

    def show_holds(self) -> None:
        """Show what limits the versions of each package; an unreadable file is a notice."""
        try:
            self._table.holds = dict(hold_marks(self._service.values.holds()))
        except PkgwidgetsError as error:
            self._table.holds = {}
            self._table.update_header(holds=render(error, Face.PANEL))
        else:
            self._table.update_header(holds="")

    def show_advisories(self, report: Report) -> None:
        """Audit what is installed, if sources are configured; a failure is a notice.

        Raises `Cancelled` if `report` raises it.
        """
        try:
            audit = self._service.values.audit(report=report)
        except NoAdvisorySource:
            self._set_advisories({}, "")
        except Cancelled:
            raise
        except PkgwidgetsError as error:
            self._set_advisories({}, render(error, Face.PANEL))
        else:
            self._set_advisories(advisory_marks(audit), advisory_notice(audit))

    def _set_advisories(self, marks: dict[str, dict[str, object]], notice: str) -> None:
        self._table.advisories = marks
        self._table.update_header(advisories=notice)

    def hold(self, name: str, versions: str, reason: str, until: date | str | None) -> bool:
        """Hold a package, and tell its form how that went; return whether it is held."""
        return self._change(
            name,
            lambda: self._service.hold(name, versions, reason=reason, until=until or None),
        )

    def unhold(self, name: str, versions: str) -> bool:
        """Remove a hold; return whether it is removed."""
        return self._change(name, lambda: self._service.unhold(name, versions))

    def _change(self, name: str, change: Callable[[], object]) -> bool:
        error = ""
        try:
            change()
        except PkgwidgetsError as failure:
            error = render(failure, Face.PANEL)
        self._table.send({"type": "hold", "id": canonicalize_name(name), "error": error})
        return not error
