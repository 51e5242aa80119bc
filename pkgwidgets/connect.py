"""Connect an environment with its index, installer and journal; only this file names them all."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import datetime
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pkgwidgets.backends.environment import interpreter as interpreter_module
from pkgwidgets.backends.environment.installed_environment import DATA_FOLDER, InstalledEnvironment
from pkgwidgets.backends.history.journal import FolderJournal
from pkgwidgets.backends.store import filesystem, ownership
from pkgwidgets.core.deferred import deferred
from pkgwidgets.core.errors import InstallerUnavailable, InvalidRequest
from pkgwidgets.core.interfaces import Backend

if TYPE_CHECKING:
    from pkgwidgets.analysis.api_changes import ApiReader
    from pkgwidgets.analysis.code_context import CodeFiles
    from pkgwidgets.analysis.notebook_file import CodeCell
    from pkgwidgets.analysis.rehearsal_backend import RehearsalBackend
    from pkgwidgets.backends.advisories.last_audit import FileLastAudit
    from pkgwidgets.backends.config.index_selection import SourceFactory
    from pkgwidgets.backends.config.policy_file import PolicyFile
    from pkgwidgets.backends.copies.folder_copies import FolderCopies
    from pkgwidgets.backends.environment.bystanders import RecordAffectedDistributions
    from pkgwidgets.backends.environment.last_rows import FileLastRows
    from pkgwidgets.backends.environment.last_versions import FileLastVersions
    from pkgwidgets.backends.environment.record_files import RecordFiles
    from pkgwidgets.backends.history.cluster_records import ClusterRecordFiles
    from pkgwidgets.backends.history.permits import FolderPermits
    from pkgwidgets.backends.index.core_metadata import IndexCoreMetadata
    from pkgwidgets.backends.index.last_check import FileLastCheck
    from pkgwidgets.backends.index.multi import MultiIndex
    from pkgwidgets.backends.index.project_names import IndexProjectNames
    from pkgwidgets.backends.index.provenance import IndexProvenance
    from pkgwidgets.backends.installer.lock_sources import UvLockSources
    from pkgwidgets.backends.installer.uv import UvInstaller
    from pkgwidgets.backends.installer.uv_project import UvProjectFiles
    from pkgwidgets.backends.processes.kernel_processes import StartedNotebook
    from pkgwidgets.backends.processes.waiting import WaitingPlace
    from pkgwidgets.backends.sandbox.preparations import FolderPreparations
    from pkgwidgets.backends.store.savepoint import FolderSavePoint
    from pkgwidgets.backends.worker.launcher import ApplyRequest, WorkerLauncher
    from pkgwidgets.core.advisory_sources import AdvisorySettings
    from pkgwidgets.core.environment import Interpreter
    from pkgwidgets.core.events import Stage
    from pkgwidgets.core.interfaces import FileOwners, ImportChecker, OtherKernels, Report
    from pkgwidgets.core.kernels import WritableKernel
    from pkgwidgets.core.limits import Limits
    from pkgwidgets.core.projects import OwningProject

# A listing needs the environment and its journal. The other backends are two thirds of all imports,
# so each function imports its own. A process that changes files itself loads all of them before:
# the change may replace pkgwidgets and what it imports.
_LATE = (
    "advisories.last_audit",
    "config.index_selection",
    "config.policy_file",
    "config.projects",
    "config.version_limits",
    "copies.copy_builder",
    "copies.folder_copies",
    "environment.bystanders",
    "environment.file_owners",
    "environment.last_versions",
    "environment.kernel_specs",
    "environment.last_rows",
    "environment.launch_command",
    "environment.record_files",
    "history.transaction_reader",
    "index.last_check",
    "index.multi",
    "installer.lock_sources",
    "installer.uv",
    "installer.uv_lock",
    "installer.uv_project",
    "processes.kernel_processes",
    "processes.process_info",
    "processes.programs",
    "processes.running_kernels",
    "sandbox.import_check",
    "sandbox.preparations",
    "store.savepoint",
    "worker.launcher",
    "worker.recovery_archive",
)

# Of these, what an apply needs. Its worker loads no others: each costs time before every change.
_APPLYING = (
    "config.index_selection",
    "config.policy_file",
    "environment.bystanders",
    "environment.record_files",
    "history.transaction_reader",
    "installer.uv",
    "installer.uv_lock",
    "installer.uv_project",
    "sandbox.import_check",
    "sandbox.preparations",
    "store.savepoint",
    "worker.recovery_archive",
)

# Only this file names entry points and files. The backends that start or pack them get the names
# as arguments, because an import would point up.
_WORKER = "pkgwidgets.worker"
_LEADER = "pkgwidgets.cluster.leader"
_RECOVERY = "pkgwidgets.recover"
_UNDO_MODULES = (_WORKER, _RECOVERY, "pkgwidgets.notebook.service")
INSTALLATION = repr(filesystem.change_key(__file__))
"""A text that differs for each installation of pkgwidgets: another one may read files otherwise."""
RECOVERY_FILES = (
    "backends/store/",
    "core/differences.py",
    "core/errors.py",
    "core/error_json.py",
    "core/hints.py",
    "core/redaction.py",
    "core/text.py",
    "operations/recovery.py",
    "recover.py",
)
"""The files of recovery; they import only the standard library and each other."""


def connect(
    python: str | Path | None = None,
    index_url: str | None = None,
    *,
    detached: bool = False,
    folder: Path | None = None,
) -> Backend:
    """Return the backend of one environment; without `python`, of this process's own.

    Without `index_url` the configuration of uv counts, else that of pip. It is read when an index
    is first needed, as in `folder`, by default the working folder of this process. With `detached`
    plans are applied in a worker, which survives an interrupt or a restart of this process; else
    in this process. Raises `EnvironmentRefused` if `python` is no interpreter, `InvalidRequest` if
    `index_url` is no URL.
    """
    if python is not None and not isinstance(python, str | Path):
        raise InvalidRequest("interpreter", python)
    target = interpreter_module.describe(Path(python) if python is not None else None)
    if not detached:
        load_all()
    sources = _sources(target, index_url, folder)

    def limits() -> Limits:
        from pkgwidgets.backends.config.version_limits import configured_limits

        has_explicit_index = index_url is not None
        configured = configured_limits(target.prefix, folder, has_explicit_index=has_explicit_index)
        return _policy(target).policy().add_to(configured)

    def project() -> OwningProject | None:
        from pkgwidgets.backends.config.projects import owning_project

        return owning_project(target.prefix, folder)

    def launcher() -> WorkerLauncher:
        from pkgwidgets.backends.worker.launcher import WorkerLauncher

        return WorkerLauncher(target, sources, limits, backend.journal.folder, _WORKER)

    backend = replace(_backend(target, sources, limits), project=project)
    return replace(backend, worker=deferred(launcher)) if detached else backend


def keep_own_code() -> None:
    """Import later modules of pkgwidgets as they are now, even after their files were replaced.

    For a process that lives on while others change the environment. Call it when it starts: what is
    loaded and what is kept must be of one version.
    """
    from pkgwidgets.backends.worker import code_snapshot  # late: it reads all files

    code_snapshot.install_finder()


def load_all() -> None:
    """Load every module that a backend needs: from here on, its files may be replaced."""
    _load(_LATE)


def load_for_apply() -> None:
    """Load every module that an apply needs, where this process reads the configuration itself."""
    _load((*_APPLYING, "config.version_limits"))
    _find_uv()


def _find_uv() -> None:
    """Find uv now, because a plan may replace the package that finds it."""
    from pkgwidgets.backends.installer import uv

    with suppress(InstallerUnavailable):  # an undo from a save point needs no installer
        uv.find_uv()


def _load(names: Collection[str]) -> None:
    for name in names:
        import_module(f"pkgwidgets.backends.{name}")
    from pkgwidgets.backends.worker import code_snapshot

    code_snapshot.current_files(RECOVERY_FILES)


def file_owners(backend: Backend) -> FileOwners:
    """Return the owners of code files on disk; they cache what they read."""
    from pkgwidgets.backends.environment.file_owners import RecordFileOwners

    return RecordFileOwners(backend.environment)


def rehearsal_backend(backend: Backend, root: Path | None = None) -> RehearsalBackend:
    """Return what rehearsals need beside a backend: scratch kernels and known-good versions.

    Each notebook runs in a copy of `root`; by default, in one of its project.
    """
    # Imported late: a process that never rehearses starts faster without it.
    from pkgwidgets.analysis.rehearsal_backend import RehearsalBackend
    from pkgwidgets.backends.history.known_good import FolderKnownGood
    from pkgwidgets.backends.sandbox.notebook_runner import KernelNotebookRunner

    runner = KernelNotebookRunner(backend.environment.interpreter, root=root)
    return RehearsalBackend(runner, FolderKnownGood(backend.journal.data_folder))


def read_notebook(notebook: Path) -> tuple[CodeCell, ...]:
    """Return the code cells of a notebook; raise `InvalidRequest` if it is not one in Python."""
    from pkgwidgets.backends.sandbox import notebook_reader

    return notebook_reader.read_notebook(notebook)


def api_reader(backend: Backend, stage: Path | None = None) -> ApiReader:
    """Return a reader of the sources of an environment; staged sources come first.

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


def notebook_files() -> CodeFiles:
    """Return the files from which a notebook runs or imports code."""
    from pkgwidgets.backends.sources.code_files import DiskCodeFiles

    return DiskCodeFiles()


def commit_permits(backend: Backend) -> FolderPermits:
    """Return the permits of the changes of a cluster that may commit in an environment."""
    from pkgwidgets.backends.history.permits import FolderPermits

    return FolderPermits(backend.journal.data_folder)


def cluster_records(folder: Path | None = None) -> ClusterRecordFiles:
    """Return this user's records of the changes of clusters; `folder` is for tests."""
    from pkgwidgets.backends.history.cluster_records import ClusterRecordFiles

    return ClusterRecordFiles(folder)


def become_leader() -> None:
    """Detach this process from the one that started it, so that it goes on when that one ends."""
    from pkgwidgets.backends.processes import process

    process.daemonize()


def release_starter() -> None:
    """Close the standard streams of this process: who reads them waits for it no longer."""
    from pkgwidgets.backends.processes import process

    process.close_stdio(with_errors=True)


def waiting_place(backend: Backend, key: str) -> WaitingPlace | None:
    """Return the place at which this process can wait for one more request, named by a key.

    None if the data folder of the environment can have no such place, or belongs to another user.
    """
    from pkgwidgets.backends.processes.waiting import WaitingPlace

    if ownership.owner_to_work_as(backend.environment.interpreter.prefix) is not None:
        return None
    with suppress(OSError):
        return WaitingPlace(backend.journal.data_folder / "leader", key)
    return None


def was_not_taken(returncode: int) -> bool:
    """Tell whether the command of a waiting place ended because no process waits there."""
    from pkgwidgets.backends.processes import hand_over

    return returncode == hand_over.NOT_TAKEN


def leader_command(python: str) -> list[str]:
    """Return the command of a leader: it applies the plans of a cluster in one environment.

    It reads a request from its standard input and writes an answer, both in JSON.
    """
    return [python, "-I", "-m", _LEADER]


def remote_process(
    argv: Sequence[str], stdin: str, seconds: float
) -> tuple[Callable[..., Coroutine[Any, Any, Any]], tuple[Any, ...], dict[str, Any]]:
    """Return a function of the standard library and its arguments, which run a process.

    Another machine can call it by name, with any Python, and without pkgwidgets. It blocks no event
    loop. Its result has `returncode`, `stdout` and `stderr`.
    """
    from pkgwidgets.backends.processes import process

    return process.remote_call(argv, stdin, seconds)


def recovery_archive() -> bytes:
    """Return the bytes of `recover.pyz`, which recovers without an installed pkgwidgets."""
    from pkgwidgets.backends.worker.recovery_archive import archive

    return archive(_RECOVERY, RECOVERY_FILES)


def data_folder(python: Path) -> Path:
    """Return the folder with the history of the environment of an interpreter.

    Uses only the path of the interpreter, `P/bin/python`, which need not start.
    """
    return python.absolute().parent.parent / DATA_FOLDER


def other_kernels(backend: Backend) -> OtherKernels:
    """Return the finder of the other kernels that run on an environment."""
    from pkgwidgets.backends.processes.running_kernels import RunningKernels

    return RunningKernels(backend.environment.interpreter, file_owners(backend))


def interpreter_of_command(argv: Sequence[str], environment: Mapping[str, str]) -> Path:
    """Return the Python that a launch command starts, such as that of a kernel.

    `environment` has variables that the command gets in addition to those of this process. Raises
    `EnvironmentRefused` if no Python answers.
    """
    from pkgwidgets.backends.environment import launch_command

    return launch_command.interpreter_of_command(argv, environment)


def interpreter_of_process(process: int, connection_file: str) -> Path:
    """Return the Python of a kernel that runs as a process on this machine.

    Raises `EnvironmentRefused` if its processes do not show it.
    """
    from pkgwidgets.backends.environment import launch_command

    return launch_command.interpreter_of_process(process, connection_file)


def started_notebook(variables: Mapping[str, str]) -> StartedNotebook:
    """Return the notebook for which this process, with these variables, was started."""
    from pkgwidgets.backends.processes import kernel_processes

    return kernel_processes.started_notebook(os.getpid(), variables)


def folder_of_process(process: int) -> Path | None:
    """Return the working folder of a process; None if the system does not say."""
    from pkgwidgets.backends.processes import process_info

    return process_info.working_folder(process)


def mapped_libraries() -> frozenset[str]:
    """Return the paths of the libraries that this process has mapped, deleted ones too."""
    from pkgwidgets.backends.processes import process_info

    return process_info.mapped_libraries(os.getpid())


def process_start() -> datetime | None:
    """Return when this process started; None if the system does not say."""
    from pkgwidgets.backends.processes import process_info

    return process_info.start_time(os.getpid())


def connect_for_request(request: ApplyRequest) -> Backend:
    """Return the backend for a request, with the sources that the starter sees."""
    _load(_APPLYING)
    _find_uv()
    from pkgwidgets.backends.config import index_selection
    from pkgwidgets.backends.installer import uv

    given_sources = request.sources
    configured = index_selection.configured_indexes(uv.find_uv, request.interpreter.prefix)
    sources = configured if given_sources is None else lambda: given_sources
    backend = _backend(request.interpreter, sources, lambda: request.limits, request)
    return replace(
        backend,
        import_checker=_import_checker(request.interpreter, request.variables),
        preparations=_preparations(request.interpreter, request.variables),
    )


def _sources(target: Interpreter, index_url: str | None, folder: Path | None) -> SourceFactory:
    """Return the sources of packages; raise `InvalidRequest` at once for an invalid address."""
    if index_url is not None:
        from pkgwidgets.backends.config import index_selection

        return index_selection.explicit_index(index_url, target.prefix, folder)

    @cache
    def configured() -> SourceFactory:
        from pkgwidgets.backends.config import index_selection
        from pkgwidgets.backends.installer import uv

        return index_selection.configured_indexes(uv.find_uv, target.prefix, folder)

    return lambda: configured()()


def _backend(
    target: Interpreter,
    sources: SourceFactory,
    limits: Callable[[], Limits],
    request: ApplyRequest | None = None,
) -> Backend:
    environment = InstalledEnvironment(target)
    cache_key = f"{target.prefix}\n{target.python}"
    initiator = (None, None) if request is None else (request.asked_by, request.requested_by)
    journal = FolderJournal(environment.place, recovery_archive, *initiator)

    def records() -> RecordFiles:
        from pkgwidgets.backends.environment.record_files import RecordFiles

        return RecordFiles(environment)

    def bystanders() -> RecordAffectedDistributions:
        from pkgwidgets.backends.environment.bystanders import RecordAffectedDistributions

        return RecordAffectedDistributions(environment)

    def index() -> MultiIndex:
        from pkgwidgets.backends.index.multi import MultiIndex

        return MultiIndex(sources)

    def installer() -> UvInstaller:
        from pkgwidgets.backends.installer.uv import UvInstaller

        return UvInstaller(target, sources, lambda: environment.lock_descriptor)

    def provenance() -> IndexProvenance:
        from pkgwidgets.backends.index.provenance import IndexProvenance

        return IndexProvenance(sources)

    def project_names() -> IndexProjectNames:
        from pkgwidgets.backends.index.project_names import IndexProjectNames

        return IndexProjectNames(sources)

    def summaries() -> IndexCoreMetadata:
        from pkgwidgets.backends.index.core_metadata import IndexCoreMetadata

        return IndexCoreMetadata(sources)

    def lock_sources() -> UvLockSources:
        from pkgwidgets.backends.installer.lock_sources import UvLockSources

        return UvLockSources(installer(), target)

    def project_files() -> UvProjectFiles:
        from pkgwidgets.backends.installer.uv_project import UvProjectFiles

        return UvProjectFiles(target)

    def copies() -> FolderCopies:
        from pkgwidgets.backends.copies.folder_copies import FolderCopies

        return FolderCopies(environment, sources)

    def save_point(transaction_id: str) -> FolderSavePoint:
        from pkgwidgets.backends.store.savepoint import FolderSavePoint

        return FolderSavePoint(journal.folder(transaction_id), target.prefix)

    def last_check() -> FileLastCheck:
        from pkgwidgets.backends.index.last_check import FileLastCheck

        return FileLastCheck(
            cache_key,
            the_index.answer_source,
            partial(_check_state, environment, journal, limits, policy),
        )

    def last_rows() -> FileLastRows:
        from pkgwidgets.backends.environment.last_rows import FileLastRows

        return FileLastRows(
            cache_key,
            partial(_listing_state, environment, journal),
        )

    def last_versions() -> FileLastVersions:
        from pkgwidgets.backends.environment.last_versions import FileLastVersions

        return FileLastVersions(
            cache_key,
            environment.stat_key,
            environment.likely_versions,
            environment.one_look,
        )

    def last_audit() -> FileLastAudit:
        from pkgwidgets.backends.advisories.last_audit import FileLastAudit

        return FileLastAudit(cache_key, the_last_check)

    the_index, policy = deferred(index), deferred(partial(_policy, target))
    the_last_check = deferred(last_check)
    return Backend(
        environment=environment,
        records=deferred(records),
        bystanders=deferred(bystanders),
        import_checker=deferred(partial(_import_checker, target)),
        index=the_index,
        installer=deferred(installer),
        journal=journal,
        save_point=save_point,
        preparations=deferred(partial(_preparations, target)),
        undo_modules=_UNDO_MODULES,
        limits=limits,
        without_installers=partial(_without_installers, target.prefix),
        writable_kernel=partial(_writable_kernel, target),
        last_check=the_last_check,
        last_rows=deferred(last_rows),
        last_versions=deferred(last_versions),
        last_audit=deferred(last_audit),
        policy=policy,
        advisories=partial(_advisory_settings, target.prefix, sources),
        provenance=deferred(provenance),
        lock_sources=deferred(lock_sources),
        project_files=deferred(project_files),
        copies=deferred(copies),
        project_names=deferred(project_names),
        summaries=deferred(summaries),
    )


def _advisory_settings(prefix: Path, sources: SourceFactory) -> AdvisorySettings:
    from pkgwidgets.backends.advisories.sources import ConfiguredSources

    return ConfiguredSources(prefix, sources)


def _listing_state(environment: InstalledEnvironment, journal: FolderJournal) -> str:
    """Return what the rows of a listing depend on; "" if it is not certain."""
    parts = [environment.stat_key(), journal.stat_key()]
    return "\n".join([INSTALLATION, *parts]) if all(parts) else ""


def _check_state(
    environment: InstalledEnvironment,
    journal: FolderJournal,
    limits: Callable[[], Limits],
    policy: PolicyFile,
) -> str:
    """Return what the rows of a check depend on besides the index; "" if it is not certain."""
    from pkgwidgets.core.policy import policy_time

    listed = _listing_state(environment, journal)
    minimum = policy.policy().minimum_age
    age = f"{minimum!r} at {policy_time()}" if minimum else ""
    return "\n".join([listed, repr(limits()), age]) if listed else ""


def _import_checker(
    target: Interpreter, variables: Mapping[str, str] | None = None
) -> ImportChecker:
    from pkgwidgets.backends.processes import process
    from pkgwidgets.backends.sandbox.import_check import SubprocessImportChecker
    from pkgwidgets.backends.sandbox.proven_imports import ProvenImportChecker, ProvenImports
    from pkgwidgets.backends.user_cache import cache_folder

    checker = SubprocessImportChecker(target, variables=variables)
    if ownership.owner_to_work_as(target.prefix) is not None:
        return checker  # modules run as the owner, whose cache is not this user's
    return ProvenImportChecker(
        checker,
        target,
        ProvenImports(cache_folder() / "proven"),
        lambda: process.program_environment(variables),
    )


def _preparations(
    target: Interpreter, variables: Mapping[str, str] | None = None
) -> FolderPreparations:
    from pkgwidgets.backends.processes import process
    from pkgwidgets.backends.sandbox.preparations import FolderPreparations

    place = InstalledEnvironment(target).place
    return FolderPreparations(place, lambda: process.program_environment(variables))


def _policy(target: Interpreter) -> PolicyFile:
    from pkgwidgets.backends.config.policy_file import PolicyFile

    return PolicyFile(target.prefix)


def _without_installers(prefix: Path, stage: Stage, report: Report) -> AbstractContextManager[None]:
    from pkgwidgets.backends.installer.uv_lock import hold_uv_lock

    return hold_uv_lock(prefix, stage, report)


def _writable_kernel(target: Interpreter) -> WritableKernel | None:
    from pkgwidgets.backends.environment.kernel_specs import find_writable_kernel

    return find_writable_kernel(target)
