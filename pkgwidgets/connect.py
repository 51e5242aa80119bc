"""Join one environment to its index, installer and journal: the only file that names them all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from pkgwidgets.backends import interpreter, launching, settings, uv
from pkgwidgets.backends.applier import DetachedApplier, Order
from pkgwidgets.backends.claims import RecordClaims
from pkgwidgets.backends.environment import InstalledEnvironment
from pkgwidgets.backends.journal import FolderJournal
from pkgwidgets.backends.kernels import RunningKernels
from pkgwidgets.backends.knowngood import FolderKnownGood
from pkgwidgets.backends.neighbours import InstalledNeighbours
from pkgwidgets.backends.records import InstalledRecords
from pkgwidgets.backends.savepoint import FolderSavePoint
from pkgwidgets.backends.scratch import KernelScratch
from pkgwidgets.backends.trial import ImportTrial
from pkgwidgets.core.distributions import Id, Interpreter
from pkgwidgets.core.errors import InstallerUnavailable, InvalidRequest, PkgwidgetsError
from pkgwidgets.core.interfaces import (
    Backend,
    Claims,
    Enough,
    Index,
    Kernels,
    Report,
    Skip,
    everything,
    ignore,
    nothing,
)
from pkgwidgets.core.releases import Release
from pkgwidgets.core.stand import Stand


def connect(
    python: str | Path | None = None, index_url: str | None = None, *, detached: bool = False
) -> Backend:
    """Return everything that serves one environment; this process's own without a `python`.

    Without `index_url`, what uv is configured to ask, else what pip is, found out when it is
    needed. `detached` has plans carried out in processes of their own, as whoever may be
    interrupted or restarted wants it; else that is done in this one. Raises `EnvironmentRefused`
    for what is no interpreter, `InvalidRequest` for what is no address.
    """
    if python is not None and not isinstance(python, str | Path):
        raise InvalidRequest("interpreter", python)
    facts = interpreter.describe(Path(python) if python is not None else Path(sys.executable))
    sources = (
        settings.configured(uv.find, facts.prefix)
        if index_url is None
        else settings.named(index_url, facts.prefix)
    )
    backend = _joined(facts, sources)
    if not detached:
        return backend
    return replace(backend, applier=DetachedApplier(facts, sources, backend.journal.folder))


def claims(backend: Backend) -> Claims:
    """Return what tells whose the code on the disk is, and remembers what it has read."""
    return RecordClaims(backend.environment)


def stand(backend: Backend) -> Stand:
    """Return what rehearsals of notebooks need beside a backend: scratch kernels, and a memory."""
    place = backend.journal.folder("-").parent.parent
    return Stand(KernelScratch(backend.environment.interpreter), FolderKnownGood(place))


def kernels(backend: Backend) -> Kernels:
    """Return what sees the other kernels on an environment."""
    return RunningKernels(backend.environment.interpreter, claims(backend))


def launched(argv: Sequence[str], environment: Mapping[str, str]) -> Path:
    """Return the Python that a launch command starts, a kernel's for one: see `connect`.

    `environment` is what the command gets beside what any process of ours does. Raises
    `EnvironmentRefused` if no Python answers.
    """
    return launching.launched(argv, environment)


def connect_as_ordered(order: Order) -> Backend:
    """Return what serves the environment of an order, as whoever gave the order sees it."""
    with suppress(InstallerUnavailable):  # an undo needs none
        uv.find()  # now, since the plan may replace what finds it
    known = order.sources
    configured = settings.configured(uv.find, order.interpreter.prefix)
    sources = configured if known is None else lambda: known
    return _joined(order.interpreter, sources, order.asked_by)


def _joined(facts: Interpreter, sources: settings.Find, asked_by: str | None = None) -> Backend:
    environment = InstalledEnvironment(facts)
    journal = FolderJournal(environment.place, asked_by)
    return Backend(
        environment=environment,
        records=InstalledRecords(environment),
        neighbours=InstalledNeighbours(environment),
        trial=ImportTrial(facts),
        index=_LateIndex(lambda: _index(sources)),
        installer=uv.Uv(facts, sources, lambda: environment.lock_descriptor),
        journal=journal,
        save_point=lambda id: FolderSavePoint(journal.folder(id), facts.prefix),
    )


def _index(sources: settings.Find) -> Index:
    # Half of all that is imported here: who only applies, lists or undoes never needs it.
    from pkgwidgets.backends.index import SimpleIndex
    from pkgwidgets.backends.joined import JoinedIndex

    return JoinedIndex(sources, SimpleIndex)


class _LateIndex:
    """An index that is made when it is first asked."""

    def __init__(self, make: Callable[[], Index]) -> None:
        self._make = make

    @cached_property
    def _index(self) -> Index:
        return self._make()

    @property
    def url(self) -> str:
        """Its address as it may be shown: without credentials."""
        return self._index.url

    def releases_of(
        self,
        ids: Collection[Id],
        report: Report = ignore,
        *,
        refresh: bool = False,
        enough: Enough = everything,
        skip: Skip = nothing,
    ) -> Mapping[Id, Sequence[Release] | PkgwidgetsError]:
        """Ask for many projects at once."""
        return self._index.releases_of(ids, report, refresh=refresh, enough=enough, skip=skip)
