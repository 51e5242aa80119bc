"""Check again with the rows of the last check: a row is new only where the index has a new answer.

A row depends on its package's answer and on what the state of the last check covers: everything
installed, the history and the settings. So an answer that the index confirms leaves its row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName

from pkgwidgets.core.events import Event, PackageChecked
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import ProjectAnswered
from pkgwidgets.core.releases import ReleaseList

if TYPE_CHECKING:
    from pkgwidgets.core.interfaces import Backend, ProjectResult, Report
    from pkgwidgets.core.last_check import AnswerTimes, KnownRows, LastCheck
    from pkgwidgets.core.packages import PackageInfo

    from .package_rows import PackageRowBuilder


class _EnvironmentChanged(Exception):
    """Something was installed, configured or undone since the check began."""


def check_again(
    backend: Backend, state: str, known: KnownRows, *, refresh: bool, report: Report
) -> tuple[PackageInfo, ...] | None:
    """Ask for updates of everything; None if the environment, and so the rows, may have changed.

    `known` are the rows of the last check in this state. What is installed is only read if the
    index has a new answer, or none.
    """
    rows = {row.id: row for row in known[0]}

    @cache
    def builder() -> PackageRowBuilder:
        from .package_rows import PackageRowBuilder  # late: mostly no row is new

        if backend.last_check.state() != state:
            raise _EnvironmentChanged
        return PackageRowBuilder.of(backend, backend.environment.distributions())

    def row_for(name: NormalizedName, answer: ProjectResult) -> PackageInfo:
        return rows[name] if _is_known(answer) else builder().row(name, answer)

    query = IndexQuery(
        tuple(known[1]),
        refresh=refresh,
        stop_at=lambda name, release: builder().can_stop_at(name, release),
        skip_version=lambda name, version, seen: builder().can_skip(name, version, seen),
        known=known[1],
    )
    try:
        answers = backend.index.releases_of(query, with_rows(report, row_for))
        new = {
            name: row_for(name, answer) for name, answer in answers.items() if not _is_known(answer)
        }
    except _EnvironmentChanged:
        return None
    if new and backend.last_check.state() != state:
        return None
    checked = tuple(new.get(row.id, row) for row in known[0]) if new else known[0]
    keep_rows(backend.last_check, state, checked, answers)
    return checked


def keep_rows(
    last_check: LastCheck,
    state: str,
    rows: tuple[PackageInfo, ...],
    answers: Mapping[NormalizedName, ProjectResult],
) -> None:
    """Keep the rows of a full check, if the cache of the index holds every answer."""
    times = answer_times(answers)
    if times is not None:
        last_check.save(state, rows, times)


def answer_times(answers: Mapping[NormalizedName, ProjectResult]) -> AnswerTimes | None:
    """Return the times of answers of the index; None if its cache does not hold all of them."""
    times: dict[NormalizedName, tuple[float, float]] = {}
    for name, answer in answers.items():
        if not isinstance(answer, ReleaseList) or answer.times is None:
            return None
        times[name] = answer.times
    return times


def with_rows(
    report: Report,
    row_for: Callable[[NormalizedName, ProjectResult], PackageInfo],
    prepare: Callable[[], None] = lambda: None,
) -> Report:
    """Return a report that turns the answers of the index into rows.

    `prepare` is called while no answer has arrived yet.
    """

    def report_row(event: Event) -> None:
        if event.id is None:
            prepare()
        report(_with_row(event, row_for) if isinstance(event, ProjectAnswered) else event)

    return report_row


def _with_row(
    event: ProjectAnswered, row_for: Callable[[NormalizedName, ProjectResult], PackageInfo]
) -> PackageChecked:
    row = row_for(event.id, event.answer)
    return PackageChecked(
        stage=event.stage, id=event.id, package=row, done=event.done, total=event.total
    )


def _is_known(answer: ProjectResult) -> bool:
    return isinstance(answer, ReleaseList) and answer.is_known
