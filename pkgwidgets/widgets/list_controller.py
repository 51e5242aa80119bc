"""What there is: what is installed, what the index says of it, and what else is to be noticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from packaging.utils import canonicalize_name

from pkgwidgets.core.errors import Cancelled
from pkgwidgets.core.events import Event, describe
from pkgwidgets.core.interfaces import no_report
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.text import count_noun
from pkgwidgets.core.transactions import Outcome, Transaction
from pkgwidgets.notebook.service import PackageService

from .background import BackgroundJob
from .package_table import Message, PackageTable


class ListController:
    """Fills the table, whose messages `asked` gets, and tells `listed` each time that it has.

    `tasks` has what is being looked up, one thing at a time.
    """

    def __init__(
        self,
        service: PackageService,
        on_message: Callable[[Message], None],
        listed: Callable[[], None],
        **options: Any,
    ) -> None:
        self.infos: tuple[PackageInfo, ...] = service.values.packages(report=no_report)
        self.tasks = BackgroundJob()
        self._service = service
        self._listed = listed
        self._is_checking = False
        self._refusal = service.read_only_reason() or ""
        self._standing = _put_back(service.list_recovered())  # said until the index is asked again
        self.table = PackageTable(on_message, self.infos, header=self._header(), **options)

    @property
    def where(self) -> str:
        """Which environment this is, and how much is in it."""
        service, count = self._service, len(self.infos)
        return f"Python {service.python_version} · {service.prefix.name} · {count} installed"

    def __str__(self) -> str:
        known = [info.update_available for info in self.infos if info.latest_version is not None]
        updates = count_noun(sum(map(bool, known)), "update") if known else "not checked"
        return f"{count_noun(len(self.infos), 'package')}, {updates}"

    def find(self, name: str) -> PackageInfo | None:
        """Return what is installed of a project, by any spelling of its name."""
        project = canonicalize_name(name)
        return next((info for info in self.infos if info.id == project), None)

    def check_first(self) -> None:
        """Ask the index, for the first time: answers that are kept may do."""
        self._is_checking = True
        self._look(partial(self._check, refresh=False))

    def check_again(self) -> None:
        """Ask the index anew."""
        self._standing = ""
        self._look(partial(self._check, refresh=True))

    def retry(self, name: str) -> None:
        """Ask the index anew of one package."""
        self._look(partial(self._retry, name))

    def refresh(self) -> None:
        """List again, and check again if that was done before: what is newer has changed."""
        check = self._is_checking or bool(self.table.header.get("checked"))
        self.tasks.cancel()
        self._look(partial(self._check, refresh=False) if check else self._list)

    def _look(self, work: Callable[[], None]) -> None:
        def quiet() -> None:
            with suppress(Cancelled):
                work()

        self.tasks.start(quiet, self._fail)

    def _list(self) -> None:
        self._take(self._service.values.packages(report=self._say_busy))
        self._show_done()

    def _check(self, *, refresh: bool) -> None:
        self._is_checking = True
        self.table.say(busy="asking the index…")  # its first word may take a while
        self._take(self._service.values.updates(refresh=refresh, report=self._say_busy))
        self._is_checking = False
        if refresh or not self.table.header.get("checked"):
            self.table.say(checked=datetime.now(UTC).isoformat())
        self._show_done()

    def _retry(self, name: str) -> None:
        rows = self._service.values.updates(name, refresh=True, report=self._say_busy)
        fresh = {info.id: info for info in rows}
        self._take(tuple(fresh.get(info.id, info) for info in self.infos))
        self._show_done()

    def _fail(self, error: str) -> None:
        self._is_checking = False
        self.table.say(**self._header(error))

    def _show_done(self) -> None:
        self.table.say(**self._header(_shared(self.infos)))
        self._listed()

    def _say_busy(self, event: Event) -> None:
        self.tasks.raise_if_cancelled(event)
        self.table.fill(event.package, f"{describe(event)}…")

    def _take(self, infos: tuple[PackageInfo, ...]) -> None:
        same = [info.id for info in infos] == [info.id for info in self.infos]
        (self.table.patch if same else self.table.show)(infos)
        self.infos = infos

    def _header(self, notice: str = "") -> dict[str, str]:
        return {
            "title": "Packages",
            "where": self.where,
            "busy": "",
            "refusal": f"Nothing can be changed here: {self._refusal}." if self._refusal else "",
            "notice": notice or self._standing,
        }


def _put_back(recovered: tuple[Transaction, ...]) -> str:
    """Say what a crash had left, if this session has put that back."""
    cut = [done for done in recovered if done.outcome is Outcome.ROLLED_BACK]
    changes = "; ".join(", ".join(map(str, done.changes)) for done in cut)
    return f"{changes} was cut off, and has been put back: everything is as it was." if cut else ""


def _shared(infos: tuple[PackageInfo, ...]) -> str:
    """Return what is wrong with most rows: the index, and not each of them."""
    reasons = Counter(info.error for info in infos if info.error)
    error, count = next(iter(reasons.most_common(1)), ("", 0))
    return f"{error}" if count > 1 and 2 * count > len(infos) else ""
