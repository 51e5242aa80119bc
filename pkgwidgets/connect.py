"""Join one environment to its index, installer and journal: the only file that names them all."""

from __future__ import annotations

import sys
from pathlib import Path

from pkgwidgets.backends import interpreter, settings, uv
from pkgwidgets.backends.environment import InstalledEnvironment
from pkgwidgets.backends.index import SimpleIndex
from pkgwidgets.backends.journal import FolderJournal
from pkgwidgets.backends.records import InstalledRecords
from pkgwidgets.backends.savepoint import FolderSavePoint
from pkgwidgets.backends.trial import ImportTrial
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.interfaces import Backend


def connect(python: str | Path | None = None, index_url: str | None = None) -> Backend:
    """Return everything that serves one environment; this process's own without a `python`.

    Without `index_url`, the index that uv is configured to use, which is found out when it is
    needed. Raises `EnvironmentRefused` for what is no interpreter, `InvalidRequest` for what is
    no address.
    """
    chosen = settings.given(index_url) if index_url is not None else None
    if python is not None and not isinstance(python, str | Path):
        raise InvalidRequest("interpreter", python)
    facts = interpreter.describe(Path(python) if python is not None else Path(sys.executable))
    environment = InstalledEnvironment(facts)
    index = chosen if chosen is not None else settings.Configured(uv.find)
    journal = FolderJournal(environment.place)
    return Backend(
        environment=environment,
        records=InstalledRecords(environment),
        trial=ImportTrial(facts),
        index=SimpleIndex(index),
        installer=uv.Uv(facts, index, lambda: environment.lock_descriptor),
        journal=journal,
        save_point=lambda id: FolderSavePoint(journal.folder(id), facts.prefix),
    )
