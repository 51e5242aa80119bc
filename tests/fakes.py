"""In-memory fakes of everything outside, and values that tests share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path, PurePosixPath
from queue import Queue
from threading import Thread
from types import MappingProxyType
from typing import Any, Protocol

from fake_preparations import FakePreparations
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pkgwidgets.core.differences import Difference
from pkgwidgets.core.environment import Distribution, Interpreter, Unreadable
from pkgwidgets.core.errors import (
    Cancelled,
    EnvironmentBusy,
    EnvironmentRefused,
    IndexUnavailable,
    InstallFailed,
    PkgwidgetsError,
    PlanImpossible,
    ProjectNotFound,
    ResolutionFailed,
)
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import (
    Backend,
    ImportCheck,
    ProjectAnswered,
    Report,
    ResolveRequest,
    no_report,
)
from pkgwidgets.core.limits import NO_LIMITS, Limits
from pkgwidgets.core.plans import Change, Plan
from pkgwidgets.core.releases import Release, Wheel
from pkgwidgets.core.transactions import Outcome, Transaction
from pkgwidgets.demo import catalog
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)

Row = tuple[str, str, int, int, str, str]
"""A path with its type, mode, size, SHA-256 and link target."""
Oracle = Callable[[Path], tuple[Row, ...]]
Disk = MutableMapping[Path, bytes]


def plan_of(
    *changes: Change, environment: str = "", undoes: str | None = None, saved: bool = False
) -> Plan:
    return Plan(
        requested=tuple(change.id for change in changes),
        changes=changes,
        environment_fingerprint=environment,
        python=Path("/fake/bin/python"),
        created=MOMENT,
        undoes=undoes,
        from_save_point=saved,
    )


def change_of(name: str, before: str | None, after: str | None, **more: Any) -> Change:
    return Change(
        id=canonicalize_name(name),
        name=name,
        before=None if before is None else Version(before),
        after=None if after is None else Version(after),
        **more,
    )


class Kit(Protocol):
    """The demo environment, its index, and the changes that tests make to both."""

    @property
    def backend(self) -> Backend:
        """The backend under test."""

    def publish(self, *wheels: BuiltWheel) -> None:
        """Add releases to the index."""

    def go_down(self) -> None:
        """Make the index unavailable."""

    def tree(self) -> object:
        """Return all files for a comparison."""

    def edit(self, path: str, content: bytes | None) -> None:
        """Write a file of site-packages, or delete it."""


class FakeEnvironment:
    """Distributions on the fake disk, where RECORD holds all facts of each."""

    def __init__(self, disk: Disk, prefix: Path = Path("/fake")) -> None:
        self.disk = disk
        self.refused: str | None = None
        self.is_only_read = False
        self.site = prefix / "lib"
        self._holder: str | None = None
        self.interpreter = Interpreter(
            python=prefix / "bin/python",
            version="3.11.7",
            prefix=prefix,
            base_prefix=Path("/usr"),
            scheme=dict.fromkeys(("purelib", "platlib"), self.site),
            search=(self.site,),
            markers={name: str(value) for name, value in default_environment().items()},
            tags=("py3-none-any",),
        )

    def distributions(self) -> Mapping[NormalizedName, Distribution | Unreadable]:
        read = [self._read(path) for path in self.disk if _is_record(path, self.site)]
        return {
            distribution.id: distribution
            for distribution in sorted(read, key=lambda distribution: distribution.id)
        }

    def read_only_reason(self) -> str | None:
        return self.refused

    def protected_reason(self) -> str | None:
        return None if self.is_only_read else self.refused

    def hidden_reason(self) -> str | None:
        return None

    def foreign_owner(self) -> str | None:
        return None

    def other_writers(self) -> str | None:
        return None

    def fingerprints(self) -> Mapping[str, str]:
        return {"its interpreter": self.interpreter.version}

    @contextmanager
    def locked(self, holder: str) -> Iterator[None]:
        if self._holder is not None:
            raise EnvironmentBusy(self._holder)
        self._holder = holder
        try:
            yield
        finally:
            self._holder = None

    def holder(self) -> str | None:
        return self._holder

    def _read(self, path: Path) -> Distribution | Unreadable:
        try:
            facts = json.loads(self.disk[path])
            return Distribution(
                name=facts["name"],
                version=Version(facts["version"]),
                path=path.parent,
                installed=MOMENT + timedelta(seconds=facts["installed"]),
                requires=tuple(facts["requires"]),
                requested=facts["requested"],
            )
        except (KeyError, ValueError) as error:
            name = canonicalize_name(path.parent.name.partition("-")[0])
            return Unreadable(id=name, path=path.parent, reason=str(error))


class FakeRecords:
    """The RECORD files of the fake environment, and of a stage on the same disk."""

    def __init__(self, environment: FakeEnvironment) -> None:
        self._environment = environment
        self._disk = environment.disk

    def touched_paths(self, plan: Plan, stage: Path | None) -> frozenset[Path]:
        site, paths = self._environment.site, set[Path]()
        for change in plan.changes:
            if change.before is not None:
                paths |= self._files(change.id, site)
            if change.after is not None and stage is not None:
                staged = self._files(change.id, stage / "lib")
                paths |= {site / path.relative_to(stage / "lib") for path in staged}
        return frozenset(paths)

    def new_folders(self, stage: Path) -> frozenset[Path]:
        return frozenset()

    def shared_paths(self, plan: Plan, paths: Collection[Path]) -> frozenset[Path]:
        changed = {change.id for change in plan.changes}
        others = [name for name in self._environment.distributions() if name not in changed]
        site = self._environment.site
        return frozenset(paths) & {path for name in others for path in self._owned(name, site)}

    def unowned_paths(self, plan: Plan, paths: Collection[Path]) -> frozenset[Path]:
        site = self._environment.site
        names = self._environment.distributions()
        owned = {path for name in names for path in self._owned(name, site)}
        owned |= {distribution.path / "RECORD" for distribution in names.values()}
        return frozenset(path for path in paths if path in self._disk and path not in owned)

    def raise_if_owned(self, plan: Plan, replaced: Collection[Path]) -> None:
        if self.shared_paths(plan, replaced):
            raise EnvironmentRefused(self._environment.interpreter.python, "it is another's file")

    def changes_since(
        self, plan: Plan, saved: Collection[Path], changed: Collection[Path]
    ) -> tuple[str, ...]:
        present = [change.id for change in plan.changes if change.before is not None]
        site = self._environment.site
        files = {path for name in present for path in self._files(name, site)}
        foreign = {*changed} - self.shared_paths(plan, changed) | (files - {*saved})
        return tuple(f"{path.name!a} was changed" for path in sorted(foreign))

    def edited_files(self, ids: Collection[NormalizedName]) -> Mapping[Path, Path | None]:
        return {}

    def modules(
        self, ids: Collection[NormalizedName], stage: Path | None = None
    ) -> Mapping[NormalizedName, tuple[str, ...]]:
        modules = {}
        for name in ids:
            for site in ([stage / "lib"] if stage is not None else []) + [self._environment.site]:
                if (record := self._record(name, site)) is not None:
                    modules[name] = tuple(sorted(filter(None, map(_module, self._rows(record)))))
                    break
        return modules

    def provided(
        self,
        modules: Collection[str],
        ids: Collection[NormalizedName],
        stage: Path | None = None,
    ) -> frozenset[str]:
        top_level = {name for names in self.modules(ids, stage).values() for name in names}
        return frozenset(name for name in modules if name.partition(".")[0] in top_level)

    def unchangeable_reasons(
        self, ids: Collection[NormalizedName], leaving: Collection[NormalizedName] = ()
    ) -> Mapping[NormalizedName, str]:
        reasons = {}
        for name in ids:
            try:
                self._files(name, self._environment.site)
            except EnvironmentRefused as error:
                reasons[name] = error.reason
        return reasons

    def fingerprints(
        self, ids: Collection[NormalizedName], stage: Path | None = None
    ) -> Mapping[NormalizedName, str]:
        fingerprints = {}
        site = stage / "lib" if stage is not None else self._environment.site
        for name in ids:
            record = self._record(name, site)
            rows = self._rows(record) if record is not None else {}
            files = [self._disk.get(site / row, b"-") for row in rows]
            fingerprints[name] = _sha256(b"\n".join(files))
        return fingerprints

    def sizes(self, ids: Collection[NormalizedName]) -> Mapping[NormalizedName, int]:
        sizes = {}
        for name in ids:
            record = self._record(name, self._environment.site)
            if record is not None:
                files = (self._environment.site / row for row in self._rows(record))
                sizes[name] = sum(len(self._disk.get(file, b"")) for file in files)
        return sizes

    def startup_files(
        self, ids: Collection[NormalizedName], stage: Path | None = None
    ) -> Mapping[NormalizedName, tuple[str, ...]]:
        return {}

    def staged(self, stage: Path) -> Mapping[NormalizedName, Distribution | Unreadable]:
        return FakeEnvironment(self._disk, stage).distributions()

    def unhashed(
        self, ids: Collection[NormalizedName], stage: Path
    ) -> Mapping[NormalizedName, tuple[str, ...]]:
        return {}

    def damage(
        self,
        plan: Plan,
        others: Mapping[NormalizedName, Collection[Path]] | None = None,
        stage: Path | None = None,
    ) -> tuple[str, ...]:
        paths = {path: name for name, paths in (others or {}).items() for path in paths}
        problems = [
            f"{name}: {path} is gone" for path, name in paths.items() if path not in self._disk
        ]
        for change in plan.changes:
            record = self._record(change.id, self._environment.site)
            for row, sha256 in self._rows(record).items() if record and change.after else ():
                content = self._disk.get(self._environment.site / row)
                if content is None or _sha256(content) != sha256:
                    problems.append(f"{change.id}: {row} differs from its hash in RECORD")
        return tuple(problems)

    def _files(self, name: NormalizedName, site: Path) -> set[Path]:
        record = self._record(name, site)
        rows = self._rows(record) if record is not None else {}
        if record is None or not rows or any(_is_hostile(row) for row in rows):
            python = self._environment.interpreter.python
            raise EnvironmentRefused(python, f"the RECORD of {name} is missing or hostile")
        return {record, *(site / row for row in rows)}

    def _owned(self, name: NormalizedName, site: Path) -> set[Path]:
        record = self._record(name, site)
        return {site / row for row in self._rows(record)} if record is not None else set()

    def _record(self, name: NormalizedName, site: Path) -> Path | None:
        named = (path for path in self._disk if _is_record(path, site))
        return next((p for p in named if p.parent.name.startswith(f"{name}-")), None)

    def _rows(self, record: Path) -> dict[str, str]:
        try:
            rows: dict[str, str] = json.loads(self._disk[record])["files"]
        except (KeyError, ValueError):
            return {}
        return rows


class FakeBystanders:
    """A fake that finds no affected distributions and no lost commands."""

    def __init__(self, environment: FakeEnvironment) -> None:
        self._environment = environment

    def sharing_folders(
        self, plan: Plan, stage: Path | None
    ) -> Mapping[NormalizedName, frozenset[Path]]:
        return {}

    def lost_commands(
        self, plan: Plan, stage: Path | None
    ) -> Mapping[str, tuple[NormalizedName, ...]]:
        return {}


class FakeImportChecker:
    """A module imports unless it is missing or one of its files starts a line with `raise`."""

    def __init__(self, environment: FakeEnvironment) -> None:
        self._environment = environment
        self.no_kernel: str | None = None
        self.kernel_checks = 0

    def kernel(
        self,
        report: Report = no_report,
        *,
        staged: Path | None = None,
        masked: Collection[Path] = (),
    ) -> str | None:
        self.kernel_checks += 1
        return self.no_kernel

    def keep_bytecode(self, stage: Path) -> None:
        """Compile nothing."""

    def check(
        self,
        modules: Sequence[str],
        report: Report = no_report,
        *,
        optional: Sequence[str] = (),
        staged: Path | None = None,
        masked: Collection[Path] = (),
        watched: Collection[Path] = (),
    ) -> ImportCheck:
        changing = staged is not None or masked
        report(Event(stage=Stage.CHECKING if changing else Stage.VERIFYING))
        sites = ([staged / "lib"] if staged is not None else []) + [self._environment.site]
        errors = {module: self._error(module, sites) for module in (*modules, *optional)}
        known = {m: error for m, error in errors.items() if error is not None and m != "sys"}
        return ImportCheck(errors=known)

    def _error(self, module: str, sites: Sequence[Path]) -> str | None:
        disk = self._environment.disk
        for site in sites:
            sources = [
                text
                for path, text in disk.items()
                if path == site / f"{module}.py" or path.is_relative_to(site / module)
            ]
            if sources:
                raises = any(line.startswith(b"raise ") for t in sources for line in t.splitlines())
                return "ImportError: it raises" if raises else None
        return f"ModuleNotFoundError: No module named '{module}'"


@dataclass
class Kept:
    """The content of a fake save point; `stuck` paths cannot be restored."""

    rows: dict[Path, bytes | None] = field(default_factory=dict)
    stuck: set[Path] = field(default_factory=set)
    damaged: bool = False
    result: dict[Path, bytes | None] | None = None


class FakeSavePoint:
    """The old contents of some paths of the fake disk."""

    def __init__(self, disk: Disk, all_kept: dict[str, Kept], transaction_id: str) -> None:
        self._disk = disk
        self._all = all_kept
        self._id = transaction_id

    def prehash(self, paths: Collection[Path]) -> None:
        pass

    def save(
        self,
        paths: Collection[Path],
        tick: Callable[[], None] = lambda: None,
        *,
        folders: Collection[Path] = (),
        outside: Mapping[Path, str] = MappingProxyType({}),
    ) -> int:
        tick()
        rows = {path: self._disk.get(path) for path in paths}
        self._all[self._id] = Kept(rows)
        return sum(len(content) for content in rows.values() if content is not None)

    def roll_back(self, only: Collection[str] = ()) -> tuple[Difference, ...]:
        return self.restore()

    def restore(self) -> tuple[Difference, ...]:
        kept, failed = self._all[self._id], list[Difference]()
        for path, content in kept.rows.items():
            if path in kept.stuck or (kept.damaged and content is not None):
                failed.append(Difference(str(path), "it is stuck"))
            elif content is None:
                self._disk.pop(path, None)
            else:
                self._disk[path] = content
        return tuple(failed)

    def sync(self) -> None:
        pass

    def remove(self, paths: Collection[Path]) -> tuple[Difference, ...]:
        for path in paths:
            self._disk.pop(path, None)
        return ()

    def record_result(self) -> None:
        kept = self._all[self._id]
        kept.result = {path: self._disk.get(path) for path in kept.rows}

    def changed(self) -> frozenset[Path]:
        kept = self._all[self._id]
        present = {path: self._disk[path] for path in kept.result or () if path in self._disk}
        known = (kept.result or {}, kept.rows)
        return frozenset(
            path
            for path, content in present.items()
            if all(states[path] != content for states in known)
        )

    def is_kept(self) -> bool:
        return self._id in self._all

    def damage(self, *, thorough: bool = True) -> tuple[str, ...]:
        return ("its copies are damaged",) if self._all[self._id].damaged else ()

    def put_back(self, paths: Collection[Path]) -> tuple[str, ...]:
        kept, failed = self._all[self._id], []
        for path in paths:
            content = kept.rows.get(path)
            if path in self._disk or content is None:
                continue
            if path in kept.stuck or kept.damaged:
                failed.append(f"{path}: it is stuck")
            else:
                self._disk[path] = content
        return tuple(failed)

    def keep_beside(self, copies: Mapping[Path, Path]) -> tuple[str, ...]:
        rows = self._all[self._id].rows
        for path, target in copies.items():
            content = rows[path]
            if content is not None and self._disk.get(path) != content:
                self._disk[target] = content
        return ()

    def differing(self) -> frozenset[Path]:
        rows = self._all[self._id].rows.items()
        known = {path: content for path, content in rows if content is not None}
        present = {path for path in known if path in self._disk}
        return frozenset(path for path in present if self._disk[path] != known[path])

    def paths(self) -> frozenset[Path]:
        return frozenset(self._all[self._id].rows)

    def folders(self) -> frozenset[Path]:
        return frozenset()

    def is_intact(self) -> bool:
        return self._id in self._all and not self._all[self._id].damaged

    def discard(self) -> None:
        self._all.pop(self._id, None)


_ENDS = {
    "COMMIT": Outcome.COMMITTED,
    "ROLLED_BACK": Outcome.ROLLED_BACK,
    "ABORTED": Outcome.ABORTED,
    "INCOMPLETE": Outcome.INCOMPLETE,
}


class FakeJournal:
    """Transactions in memory."""

    def __init__(self, place: Path = Path("/fake/.pkgwidgets")) -> None:
        self.data_folder = place
        self._plans: dict[str, Plan] = {}
        self._lines: dict[str, list[tuple[str, str | None]]] = {}
        self._failures: dict[str, str] = {}
        self._dismissed: dict[str, list[NormalizedName]] = {}
        self._incomplete: dict[str, tuple[str, ...]] = {}

    def start(self, plan: Plan) -> Transaction:
        transaction_id = f"{len(self._plans):04}"
        self._plans[transaction_id] = plan
        self._lines[transaction_id] = [("PLAN", None)]
        return self._transaction(transaction_id)

    def start_again(self, transaction: Transaction) -> None:
        self._plans[transaction.id] = transaction.plan
        self._lines[transaction.id] = [("PLAN", None)]

    def record(self, transaction: str, step: str, **facts: str | int | None) -> None:
        error = facts.get("error")
        if isinstance(paths := facts.get("paths"), str):
            self._incomplete[transaction] = tuple(json.loads(paths))
        if facts.get("failure") is not None:
            self._failures[transaction] = str(facts["failure"])
        if (dismissed := facts.get("dismissed")) is not None:
            self._dismissed.setdefault(transaction, []).append(canonicalize_name(str(dismissed)))
        self._lines[transaction].append((step, None if error is None else str(error)))

    def transactions(self) -> Sequence[Transaction]:
        return tuple(self._transaction(transaction_id) for transaction_id in self._plans)

    def transaction(self, transaction_id: str) -> Transaction | None:
        return self._transaction(transaction_id) if transaction_id in self._plans else None

    def newest_id(self) -> str:
        return max(self._plans, default="")

    def steps(self, transaction: str) -> tuple[str, ...]:
        return tuple(step for step, _ in self._lines[transaction])

    def folder(self, transaction: str) -> Path:
        return self.data_folder / "txn" / transaction

    def unfinished(self) -> tuple[str, ...]:
        open = (Outcome.STARTED, Outcome.INCOMPLETE)
        return tuple(entry.id for entry in self.transactions() if entry.outcome in open)

    def incomplete_paths(self, transaction: str) -> tuple[str, ...]:
        return self._incomplete.get(transaction, ())

    def has_records(self, transaction: str) -> bool:
        return transaction in self._lines

    def unfinished_elsewhere(self) -> PkgwidgetsError | None:
        return None

    def delegated(self, transaction: str) -> bool:
        return False

    def clean_up(self, transaction: str) -> None:
        pass

    def _transaction(self, transaction_id: str) -> Transaction:
        ends = [
            (_ENDS[step], error) for step, error in self._lines[transaction_id] if step in _ENDS
        ]
        outcome, error = ends[-1] if ends else (Outcome.STARTED, None)
        started = MOMENT + timedelta(minutes=int(transaction_id))
        return Transaction(
            id=transaction_id,
            plan=self._plans[transaction_id],
            started=started,
            finished=started + timedelta(seconds=1) if ends else None,
            outcome=outcome,
            error=error,
            failure=self._failures.get(transaction_id),
            dismissed=tuple(self._dismissed.get(transaction_id, ())),
        )


class FakeWorker:
    """Applies plans in a thread; like the real worker, it does not make the caller wait."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._events: dict[str, list[Event]] = {}
        self._cancelled: set[str] = set()
        self.threads: list[Thread] = []

    def start(self, plan: Plan, requested_by: str = "") -> str:
        first_event: Queue[str | BaseException] = Queue()

        def report(event: Event) -> None:
            transaction_id = event.transaction or ""
            if transaction_id not in self._events:
                self._events[transaction_id] = []
                first_event.put(transaction_id)
            self._events[transaction_id].append(event)
            if transaction_id in self._cancelled:
                raise Cancelled(transaction_id)

        def work() -> None:
            try:
                apply.apply_plan(self._backend, plan, report, by="a thread")
            except BaseException as error:
                first_event.put(error)

        self.threads.append(Thread(target=work, daemon=True))
        self.threads[-1].start()
        answer = first_event.get()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def events(self, transaction: str, seen: int = 0) -> tuple[Sequence[Event], int]:
        known = self._events.get(transaction, [])
        return tuple(known[seen:]), len(known)

    def cancel(self, transaction: str) -> None:
        self._cancelled.add(transaction)


class FakeIndex:
    """Wheels by file name; projects in `failures` have an error as result."""

    def __init__(self, wheels: Collection[BuiltWheel] = ()) -> None:
        self.wheels = {wheel.filename: wheel for wheel in wheels}
        self.failures: dict[str, PkgwidgetsError] = {}
        self.down = False
        self.url = "http://fake.invalid/simple/"
        self.requests: list[NormalizedName] = []

    def releases_of(
        self, query: IndexQuery, report: Report = no_report
    ) -> Mapping[NormalizedName, Sequence[Release] | PkgwidgetsError]:
        answers: dict[NormalizedName, Sequence[Release] | PkgwidgetsError] = {}
        for name in query.names if not query.cached else ():  # it has no cache
            self.requests.append(name)
            answers[name] = _down_to(self._answer(name), partial(query.stop_at, name))
            report(
                ProjectAnswered(
                    stage=Stage.ASKING,
                    id=name,
                    answer=answers[name],
                    done=len(answers),
                    total=len(query.names),
                )
            )
        return answers

    def _answer(self, name: NormalizedName) -> Sequence[Release] | PkgwidgetsError:
        if self.down:
            return IndexUnavailable(self.url, "it is down")
        if name in self.failures:
            return self.failures[name]
        releases = [_release(wheel) for wheel in self.wheels.values() if wheel.id == name]
        releases.sort(key=lambda release: release.version, reverse=True)
        return releases or ProjectNotFound(name, self.url)


def _specifiers(requirements: Collection[str]) -> dict[NormalizedName, SpecifierSet]:
    specifiers: dict[NormalizedName, SpecifierSet] = {}
    for requirement in map(Requirement, requirements):
        name = canonicalize_name(requirement.name)
        specifiers[name] = specifiers.get(name, SpecifierSet()) & requirement.specifier
    return specifiers


class FakeInstaller:
    """Resolves by trying all combinations; can fail, be interrupted or install too little.

    `fails_before` and `interrupted_before` count the changes of one installation from 0.
    """

    def __init__(self, environment: FakeEnvironment, index: FakeIndex) -> None:
        self._environment = environment
        self._disk = environment.disk
        self._index = index
        self._fetched: dict[str, BuiltWheel] = {}
        self._clock = 0
        self.fails_before: int | None = None
        self.interrupted_before: int | None = None
        self.lies = False

    def resolve(self, question: ResolveRequest) -> Mapping[NormalizedName, Version | None]:
        self._raise_if_down()
        metadata = {entry.id: entry.requires for entry in question.metadata}
        installed = {
            name: replace(distribution, requires=metadata.get(name, distribution.requires))
            for name, distribution in self._environment.distributions().items()
            if isinstance(distribution, Distribution)
        }
        configured = [limit.requirement for limit in question.configured.constraints]
        keep = _specifiers((*question.keep, *question.constraints, *configured))
        requirements = sorted(
            (
                requirement
                for requirement in map(Requirement, question.requirements)
                if canonicalize_name(requirement.name) not in question.ignored
            ),
            key=lambda r: not r.specifier,
        )
        free = {
            name: distribution
            for name, distribution in installed.items()
            if name not in question.upgrade
        }
        solution = self._solve(requirements, {}, keep, free)
        if solution is None:
            message = f"{', '.join(question.upgrade or question.requirements)} cannot be had."
            decisive = [
                f"{name}{keep[name]}"
                for name in keep
                if self._solve(requirements, {}, {i: keep[i] for i in keep if i != name}, free)
                is not None
            ]
            if decisive:
                message = f"{message[:-1]} with {', '.join(decisive)}."
            blockers = question.kept_names(message)
            raise PlanImpossible(question.upgrade or question.requirements, message, blockers)
        return {
            name: version
            for name, (version, _) in solution.items()
            if name not in installed or version != installed[name].version
        }

    def dependencies(
        self,
        requirement: str,
        *,
        constraints: Sequence[str] = (),
        ignored: Collection[NormalizedName] = (),
        configured: Limits = NO_LIMITS,
    ) -> frozenset[NormalizedName]:
        self._raise_if_down()
        parsed = Requirement(requirement)
        solution = self._solve([parsed], {}, _specifiers(constraints), {})
        if solution is None:
            raise PlanImpossible((requirement,), f"{requirement} cannot be had.")
        return frozenset(solution) - {canonicalize_name(parsed.name), *ignored}

    def stage(self, plan: Plan, folder: Path, report: Report) -> None:
        report(Event(stage=Stage.FETCHING))
        self._raise_if_down()
        for change in plan.changes:
            if change.after is not None:
                wheel = self._wheel(change)
                if change.hashes and wheel.sha256 not in change.hashes:
                    raise InstallFailed("", ("fake",), 1, f"Hash mismatch for {change.id}")
                self._fetched[f"{change.id}=={change.after}"] = wheel
                self._unpack(wheel, folder / "lib", requested=True)

    def install(self, plan: Plan, report: Report) -> None:
        for number, change in enumerate(plan.changes):
            report(Event(stage=Stage.INSTALLING))
            if number == self.fails_before:
                raise InstallFailed("", ("fake",), 2, "it failed half way")
            if number == self.interrupted_before:
                raise KeyboardInterrupt
            if self.lies and number == len(plan.changes) - 1:
                return
            wheel = self._fetched.get(f"{change.id}=={change.after}")
            if change.after is not None and wheel is None:
                raise InstallFailed("", ("fake",), 1, f"{change.id} was not fetched")
            self._remove(change.id)
            if wheel is not None:
                self._unpack(wheel, self._environment.site, requested=change.requested_after)

    def put(self, wheel: BuiltWheel, *, requested: bool) -> None:
        """Install a wheel without a plan."""
        self._unpack(wheel, self._environment.site, requested=requested)

    def _solve(
        self,
        todo: Sequence[Requirement],
        chosen: dict[NormalizedName, tuple[Version, tuple[str, ...]]],
        keep: Mapping[NormalizedName, SpecifierSet],
        free: Mapping[NormalizedName, Distribution],
    ) -> dict[NormalizedName, tuple[Version, tuple[str, ...]]] | None:
        if not todo:
            return chosen
        first, *rest = todo
        name = canonicalize_name(first.name)
        if name in chosen:
            fits = first.specifier.contains(chosen[name][0], prereleases=True)
            return self._solve(rest, chosen, keep, free) if fits else None
        for version, requires in self._candidates(name, first.specifier, free.get(name)):
            allowed = keep.get(name, SpecifierSet()).contains(version, prereleases=True)
            if allowed and first.specifier.contains(version, prereleases=True):
                more = [*rest, *map(Requirement, requires)]
                solution = self._solve(more, {**chosen, name: (version, requires)}, keep, free)
                if solution is not None:
                    return solution
        return None

    def _candidates(
        self, name: NormalizedName, specifiers: SpecifierSet, installed: Distribution | None
    ) -> Iterator[tuple[Version, tuple[str, ...]]]:
        if installed is not None:
            yield installed.version, installed.requires
        exact = {specifier.version for specifier in specifiers if specifier.operator == "=="}
        wheels = [wheel for wheel in self._index.wheels.values() if wheel.id == name]
        for wheel in sorted(wheels, key=lambda w: Version(w.version), reverse=True):
            fits = SpecifierSet(wheel.requires_python or "").contains("3.11.7")
            final = wheel.yanked is None and not Version(wheel.version).is_prerelease
            if fits and (final or wheel.version in exact):
                yield Version(wheel.version), wheel.requires

    def _wheel(self, change: Change) -> BuiltWheel:
        wheels = self._index.wheels.values()
        return next(w for w in wheels if w.id == change.id and Version(w.version) == change.after)

    def _unpack(self, wheel: BuiltWheel, site: Path, *, requested: bool) -> None:
        files = {path: content for path, content in wheel.files.items() if "{" not in path}
        encoded = {p: c.encode() if isinstance(c, str) else c for p, c in files.items()}
        self._disk.update({site / path: content for path, content in encoded.items()})
        self._clock += 1
        facts = {
            "name": wheel.name,
            "version": wheel.version,
            "requires": wheel.requires,
            "requested": requested,
            "installed": self._clock,
            "files": {path: _sha256(content) for path, content in encoded.items()},
        }
        record = site / f"{wheel.id}-{wheel.version}.dist-info" / "RECORD"
        self._disk[record] = json.dumps(facts).encode()

    def _remove(self, name: NormalizedName) -> None:
        for distribution in list(self._environment.distributions().values()):
            if distribution.id == name:
                record = distribution.path / "RECORD"
                for path in json.loads(self._disk.pop(record))["files"]:
                    self._disk.pop(self._environment.site / path, None)

    def _raise_if_down(self) -> None:
        if self._index.down:
            raise ResolutionFailed("the index is down")


class FakeKit:
    """The demo environment without a disk, a process or a socket; or another environment."""

    def __init__(
        self,
        environment: FakeEnvironment | None = None,
        wheels: Collection[BuiltWheel] = catalog.WHEELS,
        installed: Collection[str] = catalog.INSTALLED,
    ) -> None:
        self.environment = environment or FakeEnvironment({})
        self.disk = self.environment.disk
        self.kept: dict[str, Kept] = {}
        self.index = FakeIndex(wheels)
        self.installer = FakeInstaller(self.environment, self.index)
        self.journal = FakeJournal()
        self.import_checker = FakeImportChecker(self.environment)
        self.backend = Backend(
            environment=self.environment,
            records=FakeRecords(self.environment),
            bystanders=FakeBystanders(self.environment),
            import_checker=self.import_checker,
            index=self.index,
            installer=self.installer,
            journal=self.journal,
            save_point=lambda transaction_id: FakeSavePoint(self.disk, self.kept, transaction_id),
            preparations=FakePreparations(self.disk, self.environment.interpreter.prefix),
        )
        released = {f"{wheel.name}=={wheel.version}": wheel for wheel in wheels}
        for pin in installed:
            wheel = released[pin]
            self.installer.put(wheel, requested=wheel.id not in catalog.DEPENDENCIES)

    def publish(self, *wheels: BuiltWheel) -> None:
        self.index.wheels |= {wheel.filename: wheel for wheel in wheels}

    def go_down(self) -> None:
        self.index.down = True

    def tree(self) -> object:
        place = self.journal.folder("").parent
        return {p: content for p, content in self.disk.items() if not p.is_relative_to(place)}

    def edit(self, path: str, content: bytes | None) -> None:
        if content is None:
            del self.disk[self.environment.site / path]
        else:
            self.disk[self.environment.site / path] = content


def _down_to(
    answer: Sequence[Release] | PkgwidgetsError, stop: Callable[[Release], bool]
) -> Sequence[Release] | PkgwidgetsError:
    if isinstance(answer, PkgwidgetsError):
        return answer
    last = next((number for number, release in enumerate(answer) if stop(release)), len(answer))
    return answer[: last + 1]


def _release(wheel: BuiltWheel) -> Release:
    return Release(
        version=Version(wheel.version),
        yanked=wheel.yanked is not None,
        uploaded=wheel.uploaded,
        wheels=(
            Wheel(
                filename=wheel.filename,
                sha256=wheel.sha256,
                size=len(wheel.data),
                requires_python=SpecifierSet(wheel.requires_python or ""),
            ),
        ),
    )


def _is_record(path: Path, site: Path) -> bool:
    return path.name == "RECORD" and path.parent.parent == site


def _is_hostile(row: str) -> bool:
    return ".." in PurePosixPath(row).parts or PurePosixPath(row).is_absolute()


def _module(row: str) -> str:
    first, _, rest = row.partition("/")
    if not rest:
        return first.removesuffix(".py") if first.endswith(".py") else ""
    return first if rest == "__init__.py" else ""


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
