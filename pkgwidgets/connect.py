"""Join one environment to its index, installer and journal: the only file that names them all."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from pkgwidgets.analysis.api_changes import ApiReader
from pkgwidgets.analysis.rehearsal_backend import RehearsalBackend
from pkgwidgets.backends.config import index_settings
from pkgwidgets.backends.environment import interpreter, launch_command
from pkgwidgets.backends.environment.bystanders import RecordAffectedDistributions
from pkgwidgets.backends.environment.file_owners import RecordFileOwners
from pkgwidgets.backends.environment.installed_environment import DATA_FOLDER, InstalledEnvironment
from pkgwidgets.backends.environment.record_files import RecordFiles
from pkgwidgets.backends.history.journal import FolderJournal
from pkgwidgets.backends.history.known_good import FolderKnownGood
from pkgwidgets.backends.index.multi import MultiIndex
from pkgwidgets.backends.installer import uv
from pkgwidgets.backends.processes import process_info
from pkgwidgets.backends.processes.running_kernels import RunningKernels
from pkgwidgets.backends.sandbox.import_check import SubprocessImportChecker
from pkgwidgets.backends.sandbox.notebook_runner import KernelNotebookRunner
from pkgwidgets.backends.store.savepoint import FolderSavePoint
from pkgwidgets.backends.worker.launcher import ApplyRequest, WorkerLauncher
from pkgwidgets.backends.worker.recovery_archive import archive
from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.errors import InstallerUnavailable, InvalidRequest
from pkgwidgets.core.interfaces import Backend, FileOwners, OtherKernels

# Entry points and files are named here alone. The parts that start or pack them get the names
# handed in: an import would point up, from a part to what is joined of parts.
_WORKER = "pkgwidgets.worker"
_RECOVERY = "pkgwidgets.recover"
_UNDO_MODULES = (_WORKER, _RECOVERY, "pkgwidgets.notebook.service")
RECOVERY_FILES = (
    "backends/store/",
    "core/errors.py",
    "core/error_json.py",
    "core/hints.py",
    "core/redaction.py",
    "operations/recovery.py",
    "recover.py",
)
"""What recovery is made of: standard library only, and one another."""


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
        index_settings.configured_indexes(uv.find_uv, facts.prefix)
        if index_url is None
        else index_settings.explicit_index(index_url, facts.prefix)
    )
    backend = _backend(facts, sources)
    if not detached:
        return backend
    launcher = WorkerLauncher(facts, sources, backend.journal.folder, _WORKER)
    return replace(backend, worker=launcher)


def file_owners(backend: Backend) -> FileOwners:
    """Return what tells whose the code on the disk is, and remembers what it has read."""
    return RecordFileOwners(backend.environment)


def rehearsal_backend(backend: Backend) -> RehearsalBackend:
    """Return what rehearsals of notebooks need beside a backend: scratch kernels, and a memory."""
    place = backend.journal.folder("-").parent.parent
    return RehearsalBackend(
        KernelNotebookRunner(backend.environment.interpreter), FolderKnownGood(place)
    )


def api_reader(backend: Backend, stage: Path | None = None) -> ApiReader:
    """Return what reads the sources of an environment; those below a staged prefix come first.

    Needs griffe.
    """
    from pkgwidgets.backends.sources.source_api import SourceApi

    interpreter = backend.environment.interpreter
    installed = list(interpreter.search)
    if stage is None:
        return SourceApi(installed)
    roots = dict.fromkeys(interpreter.scheme[name] for name in ("purelib", "platlib"))
    staged = (stage / root.relative_to(interpreter.prefix) for root in roots)
    return SourceApi([*staged, *installed])


def recovery_archive() -> bytes:
    """Return the bytes of `recover.pyz`, which ends a transaction when nothing else of us runs."""
    return archive(_RECOVERY, RECOVERY_FILES)


def data_folder(python: Path) -> Path:
    """Return where pkgwidgets keeps the history of the environment of an interpreter.

    By the interpreter's path alone, `P/bin/python`: it need not start.
    """
    return python.absolute().parent.parent / DATA_FOLDER


def other_kernels(backend: Backend) -> OtherKernels:
    """Return what sees the other kernels on an environment."""
    return RunningKernels(backend.environment.interpreter, file_owners(backend))


def interpreter_of_command(argv: Sequence[str], environment: Mapping[str, str]) -> Path:
    """Return the Python that a launch command starts, a kernel's for one: see `connect`.

    `environment` is what the command gets beside what any process of ours does. Raises
    `EnvironmentRefused` if no Python answers.
    """
    return launch_command.interpreter_of_command(argv, environment)


def interpreter_of_process(process: int, connection_file: str) -> Path:
    """Return the Python of a kernel that was started as a process of this machine.

    Raises `EnvironmentRefused` if its processes do not show it.
    """
    return launch_command.interpreter_of_process(process, connection_file)


def mapped_libraries() -> frozenset[str]:
    """Return the libraries that this process has mapped, removed ones too."""
    return process_info.mapped_libraries(os.getpid())


def process_start() -> datetime | None:
    """Return when this process began; None if the system does not tell."""
    return process_info.start_time(os.getpid())


def connect_for_request(order: ApplyRequest) -> Backend:
    """Return what serves the environment of an order, as whoever gave the order sees it."""
    with suppress(InstallerUnavailable):  # an undo needs none
        uv.find_uv()  # now, since the plan may replace what finds it
    known = order.sources
    configured = index_settings.configured_indexes(uv.find_uv, order.interpreter.prefix)
    sources = configured if known is None else lambda: known
    return _backend(order.interpreter, sources, order.asked_by)


def _backend(
    facts: Interpreter, sources: index_settings.SourceFactory, asked_by: str | None = None
) -> Backend:
    environment = InstalledEnvironment(facts)
    journal = FolderJournal(environment.place, recovery_archive, asked_by)
    return Backend(
        environment=environment,
        records=RecordFiles(environment),
        bystanders=RecordAffectedDistributions(environment),
        import_checker=SubprocessImportChecker(facts),
        index=MultiIndex(sources),
        installer=uv.UvInstaller(facts, sources, lambda: environment.lock_descriptor),
        journal=journal,
        save_point=lambda id: FolderSavePoint(journal.folder(id), facts.prefix),
        undo_modules=_UNDO_MODULES,
    )
