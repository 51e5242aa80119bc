"""Keep the table up to date: installed packages, updates from the index, and notices."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from packaging.utils import canonicalize_name

from pkgwidgets.core.errors import Cancelled
from pkgwidgets.core.events import Event, describe
from pkgwidgets.core.interfaces import no_report
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.text import count_noun
from pkgwidgets.notebook.service import PackageService
from pkgwidgets.presentation.copy_payload import mark_fields
from pkgwidgets.presentation.list_header import (
    common_error,
    environment_text,
    list_header,
    recovery_notice,
)

from .background import BackgroundJob, run_safely
from .package_table import Message, PackageTable
from .safety_marks import SafetyMarks


class ListController:
    """Fills the table and calls `on_listed` each time that it is complete.

    `on_message` gets the table's messages. `tasks` runs one look-up at a time.
    """

    def __init__(
        self,
        service: PackageService,
        on_message: Callable[[Message], None],
        on_listed: Callable[[], None],
        **options: Any,
    ) -> None:
        self.infos: tuple[PackageInfo, ...] = service.values.packages(report=no_report)
        self.tasks = BackgroundJob()
        self._service = service
        self._on_listed = on_listed
        self._is_checking = False
        self._is_fresh_wanted = False
        self._names_to_retry = dict[str, None]()  # a set in the order of the clicks
        self._changing = ""
        self._refusal = service.read_only_reason() or ""
        # This notice is shown until the next check.
        self._standing_notice = recovery_notice(service.list_recovered())
        self.table = PackageTable(on_message, self.infos, header=self._header(), **options)
        self._marks = SafetyMarks(service, self.table)
        self._marks.show_holds()

    @property
    def environment_text(self) -> str:
        """The Python version, the environment's name and its number of packages, as a text."""
        service = self._service
        count = None if self._changing else len(self.infos)
        return environment_text(service.python_version, service.prefix, count)

    def __str__(self) -> str:
        has_update = [
            info.update_available for info in self.infos if info.latest_version is not None
        ]
        updates = count_noun(sum(map(bool, has_update)), "update") if has_update else "not checked"
        return f"{count_noun(len(self.infos), 'package')}, {updates}"

    def find(self, name: str) -> PackageInfo | None:
        """Return the installed release of a project, by any spelling of its name, or None."""
        project = canonicalize_name(name)
        return next((info for info in self.infos if info.id == project), None)

    def check_first(self) -> None:
        """Check for updates for the first time; cached answers of the index may be used."""
        self._is_checking = True
        self._start(self._check)

    def check_again(self) -> None:
        """Check for updates again, without cached answers of the index."""
        self._standing_notice = ""
        self._is_checking = self._is_fresh_wanted = True
        self._names_to_retry.clear()  # this check asks for them, too
        self.tasks.cancel()  # what runs would only delay it, such as the look for advisories
        self._start(self._check)

    def retry(self, name: str) -> None:
        """Check one package again, without cached answers of the index, after a running check."""
        self._names_to_retry[name] = None
        self._retry_in_turn()

    def _retry_in_turn(self) -> None:
        self.tasks.start_in_turn(partial(_until_cancelled, self._retry_all), self._fail)

    def dismiss(self, name: str) -> None:
        """Dismiss the note that a package's last change failed."""

        def work() -> None:
            self._service.dismiss_note(name)
            self.refresh()  # a check that runs has read the note before

        run_safely(work, self._fail)  # at once: the job takes nothing while a check runs

    def hold(self, name: str, versions: str, reason: str = "", until: str = "") -> None:
        """Hold a package, and show what that changes; `until` is a day in ISO 8601, or ""."""
        if self._marks.hold(name, versions, reason, until):
            self.refresh()

    def unhold(self, name: str, versions: str) -> None:
        """Remove a hold of a package, and show what that changes."""
        if self._marks.unhold(name, versions):
            self.refresh()

    def keep_copy(self) -> None:
        """Note that this environment, which is a copy, stays; show it without the question."""

        def work() -> None:
            copy = self._service.values.this_copy()
            if copy is not None:
                kept = self._service.keep_environment(copy.name)
                self.table.update_header(copy=mark_fields(kept))

        run_safely(work, self._fail)

    def notify(self, text: str) -> None:
        """Show a notice above the list."""
        self.table.update_header(notice=text)

    def show_changing(self, title: str) -> None:
        """Show that a change is under way: until it has ended, no number of packages is known."""
        self._changing = title
        self.table.update_header(changing=title, where=self.environment_text)

    def show_changed(self) -> None:
        """List the packages after a change that has ended."""
        self._changing = ""
        self.refresh()

    def refresh(self) -> None:
        """List the packages again, and check them again if they were checked before.

        While a change runs, nothing is listed: that is done at its end.
        """
        if self._changing:
            return
        is_check_needed = self._is_checking or bool(self.table.header.get("checked"))
        self.tasks.cancel()
        self._is_checking = is_check_needed
        self._start(self._list_and_check if is_check_needed else self._list)
        if self._names_to_retry:  # the end of what ran has dropped them
            self._retry_in_turn()

    def _start(self, work: Callable[[], None]) -> None:
        self.tasks.start(partial(_until_cancelled, work), self._fail)

    def _list(self) -> None:
        self._set_infos(self._service.values.packages(report=self._report_progress))
        self._show_result()

    def _list_and_check(self) -> None:
        """Show what is installed now, which is known at once, before the index has answered."""
        self._set_infos(self._with_answers(self._service.values.packages(report=no_report)))
        header = self._header()
        self.table.update_header(**{**header, "busy": "checking for updates…"})
        self._check()

    def _check(self) -> None:
        """Ask the index, without cached answers if that was requested and has not been done."""
        refresh = self._is_fresh_wanted
        self._is_checking = True
        self.table.update_header(busy="checking for updates…")  # the first event may take a while
        self._set_infos(self._service.values.updates(refresh=refresh, report=self._report_progress))
        self._is_checking = False
        if refresh:  # one that was requested meanwhile waits for its turn
            self._is_fresh_wanted = False
        if refresh or not self.table.header.get("checked"):
            self.table.update_header(checked=datetime.now(UTC).isoformat())
        self._show_result()
        self._marks.show_advisories(self.tasks.raise_if_cancelled)

    def _retry_all(self) -> None:
        for name in tuple(self._names_to_retry):
            # Also one that fails ends, such as for a package that is gone.
            del self._names_to_retry[name]
            try:
                self._retry(name)
            except Cancelled:
                self._names_to_retry[name] = None
                raise

    def _retry(self, name: str) -> None:
        rows = self._service.values.updates(name, refresh=True, report=self._report_progress)
        updated = {info.id: info for info in rows}
        self._set_infos(tuple(updated.get(info.id, info) for info in self.infos))
        self._show_result()

    def _fail(self, error: str) -> None:
        self._is_checking = self._is_fresh_wanted = False
        self.table.update_header(**self._header(error))

    def _show_result(self) -> None:
        self.table.update_header(**self._header(common_error(self.infos)))
        self._marks.show_holds()
        self._on_listed()

    def _report_progress(self, event: Event) -> None:
        self.tasks.raise_if_cancelled(event)
        self.table.show_progress(event.package, f"{describe(event)}…")

    def _with_answers(self, infos: tuple[PackageInfo, ...]) -> tuple[PackageInfo, ...]:
        """Return the rows, with the answers of the last check if the version is the same."""
        answered = {info.id: info for info in self.infos}
        return tuple(
            replace(
                known,
                status=info.status,
                loaded_version=info.loaded_version,
                failed_change=info.failed_change,
            )
            if (known := answered.get(info.id)) is not None and known.version == info.version
            else info
            for info in infos
        )

    def _set_infos(self, infos: tuple[PackageInfo, ...]) -> None:
        self.table.drop_progress()
        has_same_rows = [info.id for info in infos] == [info.id for info in self.infos]
        (self.table.patch if has_same_rows else self.table.show)(infos)
        self.infos = infos

    def _header(self, notice: str = "") -> dict[str, Any]:
        values = self._service.values
        header = list_header(
            self.environment_text,
            self._refusal,
            notice or self._standing_notice,
            owner=values.foreign_owner(),
            writers=values.other_writers(),
            copy=values.this_copy(),
        )
        return {**header, "changing": self._changing}


def _until_cancelled(work: Callable[[], None]) -> None:
    with suppress(Cancelled):
        work()
