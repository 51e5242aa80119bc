"""The changes of clusters that this user began, as this machine has recorded them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pkgwidgets.connect import cluster_records
from pkgwidgets.core.errors import InvalidRequest

from .errors import ClusterUnfinished
from .record import ClusterRecord, RecordLog, describe_plan, new_id, read_record
from .values import ClusterOutcome, ClusterPlan


class ChangeRecords:
    """Reads and begins records; those that another version wrote are left out."""

    def __init__(self) -> None:
        self._files = cluster_records()

    def begin(self, plan: ClusterPlan) -> tuple[str, RecordLog]:
        """Record a new change, durably; return its id and its log."""
        change = new_id()
        log = self.log(change)
        self._files.append(change, describe_plan(plan))
        return change, log

    def log(self, change: str) -> RecordLog:
        """Return the log of a recorded change."""

        def append(line: Mapping[str, Any]) -> None:
            self._files.append(change, line)

        return RecordLog(append)

    def read(self) -> list[ClusterRecord]:
        """Return all changes, oldest first."""
        return list(self._iterate())

    def unfinished(self, environments: Iterable[str]) -> list[ClusterRecord]:
        """Return the changes of some of these environments that did not end."""
        known = {*environments}
        return [
            record
            for record in self.read()
            if not record.has_ended and known & {key for key, _ in record.plan.changed}
        ]

    def raise_if_unfinished(self, environments: Iterable[str]) -> None:
        """Raise `ClusterUnfinished` if a change of some of these environments did not end."""
        for record in self.unfinished(environments):
            raise ClusterUnfinished(record.id)

    def committed(self, change: str | None) -> ClusterRecord:
        """Return a committed change; without an id, the last that is no undo and is not undone.

        Raises `InvalidRequest` if there is none.
        """
        committed = [r for r in self.read() if r.outcome is ClusterOutcome.COMMITTED]
        undone = {record.plan.undoes for record in committed}
        for record in reversed(committed):
            if record.id == change:
                return record
            if change is None and not record.plan.undoes and record.id not in undone:
                return record
        reason = "there is nothing to undo" if change is None else "no committed change has this id"
        raise InvalidRequest("change", change, reason)

    def _iterate(self) -> Iterator[ClusterRecord]:
        for stored in self._files.read():
            try:
                yield read_record(stored.id, stored.description, stored.steps)
            except ValueError:
                continue
