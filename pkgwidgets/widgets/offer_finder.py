"""Find in the background what the list offers: the plan for everything, and what frees others."""

from __future__ import annotations

from contextlib import suppress

from pkgwidgets.core.errors import Cancelled, PkgwidgetsError
from pkgwidgets.core.plans import Plan
from pkgwidgets.notebook.service import PackageService
from pkgwidgets.presentation.offers import offers_payload

from .background import BackgroundJob
from .package_table import PackageTable


class OfferFinder:
    """Sets the offers of a table whose rows were checked.

    Offers have the revision of the rows for which they were made: for other rows they do not count.
    """

    def __init__(self, service: PackageService, table: PackageTable) -> None:
        self._service = service
        self._table = table
        self._job = BackgroundJob()

    def begin(self) -> None:
        """Look for offers if the rows have answers of the index, and none are known for them.

        Where the index answered for no row, it is not asked more: it counts its failures.
        """
        table = self._table
        has_answers = any(row.get("latest") for row in table.rows)
        is_checked = table.header.get("checked") and not table.header.get("refusal")
        is_of_use = is_checked and has_answers
        if is_of_use and table.offers.get("revision") != table.revision:
            self._job.cancel()
            self._job.start(self._find, lambda error: None)

    def end(self) -> None:
        """Stop looking."""
        self._job.cancel()

    def close(self) -> None:
        """Stop looking, for good."""
        self._job.close()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is looked for; return False if `timeout` seconds passed."""
        return self._job.wait(timeout)

    def _find(self) -> None:
        with suppress(Cancelled):
            revision = self._table.revision
            plan = self._plan_for_all()
            self._table.offers = {"revision": revision, **offers_payload(plan)}
            unlocks = self._service.list_unlocks(report=self._job.raise_if_cancelled)
            if unlocks:
                self._table.offers = {"revision": revision, **offers_payload(plan, unlocks[:1])}

    def _plan_for_all(self) -> Plan | None:
        try:
            return self._service.plan_upgrade(report=self._job.raise_if_cancelled)
        except Cancelled:
            raise
        except PkgwidgetsError:  # a click on the button tells the reason
            return None
