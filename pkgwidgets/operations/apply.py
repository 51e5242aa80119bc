"""Apply a plan: stage, save, install, verify, commit; roll back if any step fails."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pkgwidgets.core.breakages import Breakage
from pkgwidgets.core.error_json import error_to_json
from pkgwidgets.core.errors import (
    DISK_INTERRUPTED,
    DISK_UNCHANGED,
    EVERYTHING,
    Cancelled,
    DiskFailed,
    EnvironmentRefused,
    InstallFailed,
    PkgwidgetsError,
    RollbackFailed,
    StageFailed,
    StalePlan,
    TransactionError,
    VerificationFailed,
    WorkerFailed,
)
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.history import save_points_to_keep
from pkgwidgets.core.interfaces import Backend, Report, no_report
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.preparations import ImportResult
from pkgwidgets.core.redaction import redact
from pkgwidgets.core.text import shorten_names
from pkgwidgets.core.transactions import Outcome, Transaction

from . import access, holds, lost_files, project_changes, recovery, verification
from .breakages import blame_installer
from .incomplete import blocked_packages, raise_if_touched
from .progress_texts import naming_releases
from .signals import defer_interrupts
from .snapshot import changes_since_plan, check_unchanged


def apply_plan(
    backend: Backend, plan: Plan, report: Report = no_report, *, by: str = "another session"
) -> Transaction:
    """Apply a plan in this process and return its committed transaction.

    The environment gets every change of the plan, or stays unchanged.
    `by` names the holder of the lock for other processes. Raises `StalePlan` if the environment
    changed since the plan was made, `EnvironmentBusy`, and `Cancelled` after an interrupt or if
    `report` raised it. Any other `TransactionError` follows a rollback.
    """
    now = datetime.now(UTC)
    check_changeable(backend, plan)
    names = shorten_names(plan.changed_names)
    with _locked(backend, f"{by} ({names}; started {now:%H:%M:%S} UTC)"):
        incomplete = recovery.recover_each(backend)[1]
        _raise_if_blocked(backend, plan, incomplete)
        if plan.holds:
            holds.check_applicable(backend, plan)
        else:
            check_unchanged(backend, plan)
        transaction = _open_transaction(backend, plan)
        tagged_report = _tag_events(report, transaction.id)
        progress = _Progress(backend, transaction, incomplete)
        with _rollback_on_error(progress, tagged_report):
            if plan.holds:
                _apply_holds(progress)
            else:
                _apply_locked(progress, tagged_report)
        with suppress(OSError):
            _prune_save_points(backend)
        backend.preparations.discard()
    committed = replace(transaction, finished=datetime.now(UTC), outcome=Outcome.COMMITTED)
    with suppress(Cancelled):  # too late: it is committed, and can only be undone
        report(Event(stage=Stage.DONE, transaction=committed.id, text=str(committed)))
    return committed


@contextmanager
def _locked(backend: Backend, holder: str) -> Iterator[None]:
    """Lock the environment; an error about the disk says whether a rollback is still to be done."""
    with ExitStack() as stack:
        try:
            stack.enter_context(backend.environment.locked(holder))
        except DiskFailed as error:
            is_open = bool(backend.journal.unfinished())
            error.state = DISK_INTERRUPTED if is_open else DISK_UNCHANGED
            raise
        yield


def _raise_if_blocked(backend: Backend, plan: Plan, incomplete: Sequence[RollbackFailed]) -> None:
    blocked = blocked_packages(backend, incomplete)
    for change in plan.changes:
        if change.id in blocked:
            raise blocked[change.id]


def _open_transaction(backend: Backend, plan: Plan) -> Transaction:
    try:
        return backend.journal.start(plan)
    except BaseException as error:
        with defer_interrupts():
            recovery.recover_each(backend)
        if isinstance(error, DiskFailed):
            error.state = DISK_UNCHANGED
        raise


class _Progress:
    """The transaction that is applied, and the steps that it has reached.

    The steps are known here even if the journal is deleted.
    """

    def __init__(
        self, backend: Backend, transaction: Transaction, incomplete: Sequence[RollbackFailed]
    ) -> None:
        self.backend = backend
        self.transaction = transaction
        self.incomplete = incomplete
        self.steps: list[str] = []

    def record(self, step: str, **facts: str | int | None) -> None:
        """Record a step in the journal."""
        self.backend.journal.record(self.transaction.id, step, **facts)
        self.steps.append(step)

    @property
    def is_lost(self) -> bool:
        """Whether the environment may be changed, and the folder with the old files is gone."""
        was_saved = "INTENT" in self.steps
        return was_saved and not self.backend.journal.has_records(self.transaction.id)


def _apply_locked(progress: _Progress, report: Report) -> None:
    """Go through the steps; the caller rolls back after any exception."""
    backend, record = progress.backend, progress.record
    plan, transaction_id = progress.transaction.plan, progress.transaction.id
    save_point = backend.save_point(transaction_id)
    if not plan.from_save_point:
        save_point.prehash(backend.records.touched_paths(plan, None))
    stage, prepared = _stage(backend, progress.transaction, report)
    report(Event(stage=Stage.CHECKING))
    failing, baseline = verification.problems_before(backend, plan, stage, report, prepared)
    if failing:
        raise StageFailed(transaction_id, failing, *_blame(plan, baseline.breakages))
    unverified = verification.unverified(backend, plan, stage)
    facts = {"unverified": unverified, "untried": baseline.needs_text()}
    record("STAGED", **{name: text for name, text in facts.items() if text})
    # Another installer has ended before anything is saved, and none starts until all is saved.
    with backend.without_installers(Stage.SAVING, report):
        before = backend.environment.distributions()
        check_unchanged(backend, plan)
        record("LOCKED")
        report(Event(stage=Stage.SAVING))
        paths = _paths_to_save(backend, plan, stage)
        raise_if_touched(paths.saved | {*paths.outside}, progress.incomplete)
        saving = Event(stage=Stage.SAVING, text=f"saving the old files, {len(paths.saved):,}")
        size = save_point.save(
            paths.saved, lambda: report(saving), folders=paths.folders, outside=paths.outside
        )
        report(Event(stage=Stage.SAVING))  # the last moment to cancel without a rollback
        record("SAVED", paths=len(paths.saved), bytes=size)
        record("INTENT")
    project_changes.write(backend, plan)
    report_install = naming_releases(report, Stage.INSTALLING, plan)
    report_install(Event(stage=Stage.INSTALLING))
    _install(backend, plan, paths.added, report_install)
    # The installer removed files that another distribution owns, too, and edited ones.
    failed = save_point.put_back(paths.shared) or save_point.keep_beside(paths.copies)
    if failed:
        raise VerificationFailed(transaction_id, failed)
    record("INSTALLED")
    save_point.sync()
    record("SYNCED")
    report(Event(stage=Stage.VERIFYING))
    problems, breakages = verification.problems_after(backend, plan, before, baseline, report)
    problems = problems or verification.left_files(
        backend, plan, paths.saved - {*paths.copies.values()}
    )
    if problems:
        raise VerificationFailed(transaction_id, problems, *_blame(plan, breakages))
    with suppress(DiskFailed):  # without it, only an undo does not notice later changes
        save_point.record_result()
    record("VERIFIED")
    record("COMMIT")


def _blame(plan: Plan, breakages: Iterable[Breakage]) -> tuple[tuple[str, ...], bool]:
    """Return what an error says of the releases at fault, and whether the user named packages."""
    named = plan.requested != (EVERYTHING,)
    # What breaks another package alone may work together with an upgrade of that one.
    return tuple(str(b) for b in breakages if not named or b.broken == b.culprit), named


@contextmanager
def _blaming(plan: Plan) -> Iterator[None]:
    """Add to an error of the installer which releases are at fault."""
    try:
        yield
    except InstallFailed as error:
        error.breakages, error.named = _blame(plan, blame_installer(plan, error.output))
        raise


def _apply_holds(progress: _Progress) -> None:
    """Replace the file of holds; the caller rolls back after any exception."""
    backend, record = progress.backend, progress.record
    plan, transaction_id = progress.transaction.plan, progress.transaction.id
    text = holds.edited_text(backend, plan)
    save_point = backend.save_point(transaction_id)
    record("LOCKED")
    size = save_point.save([backend.policy.path])
    record("SAVED", paths=1, bytes=size)
    record("INTENT")
    backend.policy.write(text)
    record("INSTALLED")
    record("COMMIT")


@dataclass(frozen=True, kw_only=True, slots=True)
class _PathsToSave:
    """The paths that a save point keeps, and which of them are needed after the installation."""

    saved: frozenset[Path]
    folders: frozenset[Path]
    """Folders that may be made or removed, without a file in them."""
    shared: frozenset[Path]
    """Files that another distribution owns, too."""
    copies: Mapping[Path, Path]
    """Edited files, each with the path to keep the edited version at."""
    outside: Mapping[Path, str]
    """The files of the project, each with the SHA-256 of its new content."""
    added: frozenset[Path] = frozenset()
    """Files that an undo removes beside those of its save point.

    Another installer may have added them when it installed the same release again.
    """


def _paths_to_save(backend: Backend, plan: Plan, stage: Path | None) -> _PathsToSave:
    """Return what to save before the installation; refuse an undo that overwrites other code."""
    # An undo from a save point has no stage: it writes what the undone transaction replaced.
    paths = own = backend.records.touched_paths(plan, stage)
    outside = project_changes.new_digests(plan)
    folders = backend.records.new_folders(stage) if stage is not None else frozenset()
    undone = None
    if plan.undoes is not None and plan.from_save_point:
        undone = backend.save_point(plan.undoes)
        paths |= undone.paths()
        folders |= undone.folders()
        own -= undone.paths()
    shared = backend.records.shared_paths(plan, paths)
    if undone is not None and shared:
        backend.records.raise_if_owned(plan, undone.differing())
    replaced = [change.id for change in plan.changes if change.before is not None]
    edited = backend.records.edited_files(replaced)
    copies = {path: kept for path, kept in edited.items() if kept is not None}
    paths |= {*copies.values()}
    return _PathsToSave(
        saved=paths,
        folders=folders,
        shared=shared,
        copies=copies,
        outside=outside,
        added=own - shared if undone is not None else frozenset(),
    )


def _stage(
    backend: Backend, transaction: Transaction, report: Report
) -> tuple[Path | None, ImportResult | None]:
    """Fetch and unpack everything beside the environment; nothing later uses the network.

    What was prepared for this plan is taken over, with the result of its import check.
    """
    plan = transaction.plan
    report_fetch = naming_releases(report, Stage.FETCHING, plan)
    report_fetch(Event(stage=Stage.FETCHING))
    if plan.from_save_point:
        return None, None
    stage = backend.journal.folder(transaction.id) / "stage"
    prepared = backend.preparations.take(plan.id, stage)
    if not plan.pins:
        return None, prepared
    if prepared is None:
        with _blaming(plan):
            backend.installer.stage(plan, stage, report_fetch)
    return stage, prepared


def _install(backend: Backend, plan: Plan, new: frozenset[Path], report: Report) -> None:
    if plan.undoes is None or not plan.from_save_point:
        with _blaming(plan):
            backend.installer.install(plan, report)
        return
    save_point = backend.save_point(plan.undoes)
    failed = save_point.restore() or save_point.remove(new)
    if failed:
        raise VerificationFailed("", tuple(map(str, failed)))


@contextmanager
def _rollback_on_error(progress: _Progress, report: Report) -> Iterator[None]:
    """Roll back when anything is raised; raise `Cancelled` for an interrupt."""
    backend, transaction_id = progress.backend, progress.transaction.id
    try:
        yield
    except BaseException as error:
        with defer_interrupts():
            with suppress(Exception):  # a rollback cannot be cancelled
                # An incomplete rollback is an error of its own: the log keeps what began it.
                report(Event(stage=Stage.RESTORING, log=f"{_error_text(error)}\n"))
            if progress.is_lost:
                lost = lost_files.end(backend, progress.transaction)
                if isinstance(error, DiskFailed) and not lost.problems:
                    return
                raise lost from error
            _end(progress, error)
        if isinstance(error, KeyboardInterrupt) and "COMMIT" not in backend.journal.steps(
            transaction_id
        ):
            raise Cancelled(transaction_id) from error
        raise
    finally:
        recovery.finish(backend, transaction_id)


def _end(progress: _Progress, error: BaseException) -> None:
    """Roll back if needed, and record the error; say in an error about the disk what is known."""
    transaction_id = progress.transaction.id
    if isinstance(error, TransactionError) and not isinstance(error, RollbackFailed):
        error.transaction = transaction_id
    if isinstance(error, DiskFailed):
        error.state = DISK_UNCHANGED
    failure = json.dumps(error_to_json(_as_pkgwidgets_error(error, transaction_id)))
    try:
        recovery.end(progress.backend, transaction_id, _error_text(error), failure)
    except DiskFailed as failed:
        failed.transaction = transaction_id
        failed.state = DISK_INTERRUPTED if "INTENT" in progress.steps else DISK_UNCHANGED
        raise


def _error_text(error: BaseException) -> str:
    if isinstance(error, PkgwidgetsError):
        return error.sentence()
    if isinstance(error, KeyboardInterrupt):
        return "it was cancelled"
    return redact(repr(error))[:500]


def _as_pkgwidgets_error(error: BaseException, transaction_id: str) -> PkgwidgetsError:
    """Return the error that another process raises for the transaction."""
    if isinstance(error, PkgwidgetsError):
        return error
    return (
        Cancelled(transaction_id)
        if isinstance(error, KeyboardInterrupt)
        else WorkerFailed(transaction_id, _error_text(error))
    )


def check_changeable(backend: Backend, plan: Plan) -> None:
    """Raise `EnvironmentRefused` if the environment is read-only, `StalePlan` if it became so.

    The same counts for the project that the plan changes, if any.
    """
    try:
        access.check_changeable(backend)
    except EnvironmentRefused as refused:
        if changes_since_plan(backend, plan):
            raise StalePlan("", (refused.reason,)) from None
        raise
    project_changes.check_replaceable(backend, plan)


def _tag_events(report: Report, transaction: str) -> Report:
    return lambda event: report(replace(event, transaction=transaction))


def _prune_save_points(backend: Backend) -> None:
    """Discard the save points that `save_points_to_keep` leaves out."""
    history = backend.journal.transactions()
    kept = save_points_to_keep(history)
    for transaction in history:
        if transaction.outcome is Outcome.COMMITTED and transaction.id not in kept:
            backend.save_point(transaction.id).discard()
