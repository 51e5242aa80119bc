"""uv as the installer: build its command lines and read its answers (uv ≥ 0.13)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import uv
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pkgwidgets.backends.config import uv_config
from pkgwidgets.backends.config.index_selection import SourceFactory
from pkgwidgets.backends.environment import record
from pkgwidgets.backends.environment.dist_info import DistInfoReader
from pkgwidgets.backends.processes import process, temp_dirs
from pkgwidgets.backends.processes.account import OWN_ACCOUNT, Account
from pkgwidgets.backends.store import filesystem, forks, ownership
from pkgwidgets.backends.store.journal_file import as_disk_failed
from pkgwidgets.core.environment import Distribution, Interpreter
from pkgwidgets.core.errors import (
    InstallerUnavailable,
    InstallFailed,
    PkgwidgetsError,
    PlanImpossible,
    ResolutionFailed,
)
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.installed_metadata import InstalledMetadata
from pkgwidgets.core.interfaces import Report, ResolveRequest
from pkgwidgets.core.limits import NO_LIMITS, DeclaredMetadata, Limits
from pkgwidgets.core.plans import ChangeKind, Plan
from pkgwidgets.core.redaction import redact

from . import stage_layout, uv_account, uv_failures
from .limits_file import config_text

_SCHEMA = "preview"
"""The schema version of uv's JSON that this module reads; any other is refused."""
_WHEELS_ONLY = ("--only-binary", ":all:")
_UV_SECONDS = 600.0
_MAX_OUTPUT_CHARACTERS = 4000
"""The longest explanation of uv that is kept."""


@lru_cache(maxsize=1)
def find_uv() -> Path:
    """Return the uv of the `uv` package, else the one on PATH; raise `InstallerUnavailable`."""
    tried = ["the uv package", "PATH"]
    with suppress(FileNotFoundError):
        return Path(uv.find_uv_bin())
    path_uv = shutil.which("uv")
    if path_uv is None:
        raise InstallerUnavailable(tuple(tried))
    return Path(path_uv)


class UvInstaller:
    """The installer of one environment."""

    def __init__(
        self,
        interpreter: Interpreter,
        sources: SourceFactory,
        lock_descriptor: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._interpreter = interpreter
        self._sources = sources
        self._lock_descriptor = lock_descriptor
        self._cache: Path | None = None
        """The private cache of the staged plan, if root works as the environment's owner."""

    def resolve(self, request: ResolveRequest) -> Mapping[NormalizedName, Version | None]:
        """Return the new version of each project that would change, None for a removal.

        Changes nothing. The request names all installed projects as requirements, because uv
        protects only those. Raises `PlanImpossible` with uv's explanation if no solution exists,
        `IndexUnavailable` for a page or file that uv cannot use, `ResolutionFailed` if uv fails.
        """
        self._check_limits(request.configured)
        with _requirement_files(
            requirements=request.requirements,
            keep=(*request.keep, *request.constraints),
            ignored=request.ignored,
            config=config_text(_with_metadata(request.configured, request.metadata)),
        ) as files:
            argv = ["install", "--dry-run", *_WHEELS_ONLY, *self._python_option()]
            argv += ["-r", str(files["requirements"]), "-c", str(files["keep"])]
            if request.ignored:
                argv += ["--excludes", str(files["ignored"])]
            for name in request.upgrade:
                argv += ["--upgrade-package", name]
            completed = self._run(
                [*argv, "--output-format", "json"], limits=(files["config"], request.configured)
            )
        if completed.returncode != 0:
            explanation = self._explain(completed)
            requested = request.upgrade or request.requirements
            raise self._resolution_error(completed, requested, request.kept_names(explanation))
        return _parse_changes(completed)

    def dependencies(
        self,
        requirement: str,
        *,
        constraints: Sequence[str] = (),
        ignored: Collection[NormalizedName] = (),
        configured: Limits = NO_LIMITS,
    ) -> frozenset[NormalizedName]:
        """Return the projects that a requirement would install, without its own.

        Raises `PlanImpossible`, `IndexUnavailable`, `ResolutionFailed`.
        """
        self._check_limits(configured)
        with _requirement_files(
            constraints=constraints, ignored=tuple(ignored), config=config_text(configured)
        ) as files:
            argv = ["compile", "--quiet", "--no-header", "--no-annotate", *_WHEELS_ONLY]
            argv += ["-c", str(files["constraints"]), "--excludes", str(files["ignored"])]
            completed = self._run(
                [*argv, *self._python_option(), "-"],
                stdin=requirement,
                limits=(files["config"], configured),
            )
        if completed.returncode != 0:
            raise self._resolution_error(completed, (requirement,))
        lines = (line.strip() for line in completed.stdout.splitlines())
        names = {canonicalize_name(Requirement(line).name) for line in lines if line}
        return frozenset(names - {canonicalize_name(Requirement(requirement).name)})

    def lock_pins(self, pins: Sequence[str]) -> str:
        """Return a `pylock.toml` (PEP 751) with all wheels of exact releases, for any platform.

        Nothing is built and no dependency is followed. Raises `PlanImpossible`,
        `IndexUnavailable`, `ResolutionFailed`.
        """
        argv = ["compile", "--quiet", "--no-header", "--format", "pylock.toml", "--universal"]
        # Without the patch version, uv refuses a release that needs a newer one: `>=3.11.5`.
        argv += ["--python-version", self._interpreter.version]
        argv += ["--no-deps", *_WHEELS_ONLY, *self._python_option(), "-"]
        completed = self._run(argv, stdin="\n".join(pins))
        if completed.returncode != 0:
            raise self._resolution_error(completed, tuple(pins))
        return completed.stdout

    def _check_limits(self, limits: Limits) -> None:
        """Raise `ResolutionFailed` if a limit could not be read: a plan might not obey it."""
        if limits.problem:
            raise ResolutionFailed(limits.problem)

    def stage(self, plan: Plan, folder: Path, report: Report) -> None:
        """Download and unpack the plan's wheels under `folder`, laid out like the prefix.

        uv's `--prefix`, unlike `--target`, gives the staged RECORD files their final paths,
        scripts and data files included. `stage_layout` moves them if this Python's layout is not
        that of virtual environments. Raises `InstallFailed`.
        """
        if not plan.pins:
            return
        if self._account.user is not None:
            self._cache = uv_account.private_cache(folder)
        with _requirement_files(pins=_pinned_lines(plan)) as files:
            argv = ["install", "--prefix", str(folder), "--no-deps", *_WHEELS_ONLY]
            argv += [*_hash_options(plan), *self._python_option()]
            completed = self._run(
                [*argv, "-r", str(files["pins"])],
                _make_ticker(Stage.FETCHING, report),
                cache_folder=self._cache,
            )
        report(Event(stage=Stage.FETCHING, log=self._full_output(completed)))
        if completed.returncode != 0:
            raise self._install_error(completed)
        with as_disk_failed(""):
            stage_layout.arrange(folder, self._interpreter.stage_moves)
            if self._account.user is not None:
                ownership.give_tree(folder)

    @property
    def _account(self) -> Account:
        """The account that changes the environment."""
        return Account.of_environment(self._interpreter.prefix)

    def install(self, plan: Plan, report: Report) -> None:
        """Apply the plan to the environment, without the network; raise `InstallFailed`.

        uv does not remove a leftover `dist-info`, which has no RECORD, so that is done first.
        """
        with as_disk_failed(""):
            self._remove_leftovers([c.id for c in plan.changes if c.before is not None])
        removed = [c.id for c in plan.changes if c.kind is ChangeKind.REMOVE]
        if removed:
            self._run_and_report(["uninstall", *self._python_option(), *removed], report)
        if plan.pins:
            with _requirement_files(self._account, pins=_pinned_lines(plan)) as files:
                argv = ["install", "--offline", "--no-deps", *_WHEELS_ONLY]
                argv += [*_hash_options(plan), *self._python_option()]
                self._run_and_report([*argv, "-r", str(files["pins"])], report)
        with as_disk_failed(""):
            self._remove_requested_marks(
                {change.id for change in plan.changes if not change.requested_after}
            )

    def _remove_leftovers(self, names: Collection[NormalizedName]) -> None:
        installed = DistInfoReader(self._interpreter).read() if names else {}
        for name in names:
            distribution = installed.get(name)
            if isinstance(distribution, Distribution):
                for leftover in distribution.leftovers:
                    filesystem.remove_tree(leftover)

    def _remove_requested_marks(self, names: Collection[NormalizedName]) -> None:
        """Remove the REQUESTED files of dependencies: uv marks all projects that it installs."""
        scheme = self._interpreter.scheme
        for folder in {scheme["purelib"], scheme["platlib"]}:
            for dist_info in folder.glob("*.dist-info"):
                if canonicalize_name(dist_info.name.partition("-")[0]) in names:
                    record.remove_requested(dist_info)

    def _run_and_report(self, argv: Sequence[str], report: Report) -> None:
        ticker, account = _make_ticker(Stage.INSTALLING, report), self._account
        completed = self._run(argv, ticker, account=account, cache_folder=self._cache)
        report(Event(stage=Stage.INSTALLING, log=self._full_output(completed)))
        if completed.returncode != 0:
            raise self._install_error(completed)

    def _run(
        self,
        argv: Sequence[str],
        tick: Callable[[], None] = lambda: None,
        stdin: str = "",
        limits: tuple[Path, Limits] | None = None,
        account: Account = OWN_ACCOUNT,
        cache_folder: Path | None = None,
    ) -> process.CompletedProcess:
        """Run a `uv pip` command; a removal needs no index, so its sources are not read.

        uv reads no configuration but the file with the limits: it may redirect an installation.
        """
        sources = self._sources() if argv[0] != "uninstall" else None
        if sources is not None and account.user is not None:
            sources = uv_account.without_secrets(sources)
        options = () if sources is None else uv_config.uv_options(sources)
        config = ("--no-config",) if limits is None else ("--config-file", str(limits[0]))
        remote_files = {} if limits is None else _remote_files(limits[1])
        cache = {} if cache_folder is None else {"UV_CACHE_DIR": str(cache_folder)}
        with (
            uv_account.runnable_by(account, find_uv()) as program,
            forks.inheritable(self._lock_descriptor()) as keep,
        ):
            return process.run(
                [str(program), "pip", argv[0], *config, *options, *argv[1:]],
                stdin=stdin,
                environment=uv_config.uv_environment(sources) | remote_files | cache,
                timeout=_UV_SECONDS,
                tick=tick,
                keep=keep,
                account=account,
            )

    def _python_option(self) -> tuple[str, str]:
        return "--python", str(self._interpreter.python)

    def _resolution_error(
        self,
        completed: process.CompletedProcess,
        requirements: tuple[str, ...],
        blockers: tuple[str, ...] = (),
    ) -> PkgwidgetsError:
        """Return what stopped a resolution; uv's exit code does not tell."""
        explanation = self._explain(completed)
        secrets = self._secrets(completed)
        index_failure = uv_failures.find_index_failure(
            completed.stderr,
            explanation.removesuffix("."),
            self._sources().shown,
            lambda url: redact(url, secrets),
        )
        if index_failure is not None:
            return index_failure
        if completed.returncode is not None and uv_failures.is_without_solution(completed.stderr):
            return PlanImpossible(requirements, explanation, blockers)
        return ResolutionFailed(explanation)

    def _install_error(self, completed: process.CompletedProcess) -> PkgwidgetsError:
        code = -1 if completed.returncode is None else completed.returncode
        secrets = self._secrets(completed)
        denied = uv_failures.find_denied_project(
            completed.stderr, lambda url: redact(url, secrets)
        )  # uv itself says that there is no such project
        reason = self._explain(completed) if denied is None else denied.sentence()
        return InstallFailed("", completed.argv, code, reason)

    def _explain(self, completed: process.CompletedProcess) -> str:
        """Return uv's explanation for the user: short, without secrets."""
        if completed.returncode is None:
            return f"it did not finish within {_UV_SECONDS:.0f} seconds"
        cause = uv_failures.extract_cause(completed.stderr)
        return redact(cause, self._secrets(completed))[:_MAX_OUTPUT_CHARACTERS]

    def _full_output(self, completed: process.CompletedProcess) -> str:
        """Return uv's command and its whole output, without secrets."""
        output = f"$ {' '.join(completed.argv)}\n{completed.stdout}{completed.stderr}"
        return redact(output, self._secrets(completed))

    def _secrets(self, completed: process.CompletedProcess) -> Collection[str]:
        return self._sources().secrets if completed.argv[2] != "uninstall" else ()


@contextmanager
def _requirement_files(
    account: Account = OWN_ACCOUNT, **contents: Sequence[str]
) -> Iterator[Mapping[str, Path]]:
    """Write temporary requirement files that the account can read; yield their paths by name."""
    with temp_dirs.temporary_folder("pkgwidgets-uv-") as folder:
        files = {name: folder / f"{name}.txt" for name in contents}
        for name, file in files.items():
            file.write_text("\n".join(contents[name]) + "\n", encoding="utf-8")
        account.give(folder)
        yield files


def _with_metadata(limits: Limits, metadata: Sequence[InstalledMetadata]) -> Limits:
    """Return the limits with metadata that uv reads instead of the installed files."""
    declared = (
        DeclaredMetadata(package=entry.id, version=str(entry.version), requires=entry.requires)
        for entry in metadata
    )
    return replace(limits, metadata=(*declared, *limits.metadata))


def _remote_files(limits: Limits) -> dict[str, str]:
    """Return the variables that name remote files to uv; their URLs may hold credentials."""
    variables: dict[str, str] = {}
    for variable, url in limits.remote_files:
        variables[variable] = f"{variables.get(variable, '')} {url}".strip()
    return variables


def _pinned_lines(plan: Plan) -> list[str]:
    lines = []
    for change in plan.changes:
        if change.after is not None:
            hashes = [f"--hash=sha256:{digest}" for digest in change.hashes]
            lines.append(" ".join([f"{change.id}=={change.after}", *hashes]))
    return lines


def _hash_options(plan: Plan) -> tuple[str, ...]:
    """Require hashes if the index gave one for each wheel; uv checks given ones in any case."""
    has_hashes = all(change.hashes for change in plan.changes if change.after is not None)
    return ("--require-hashes",) if has_hashes else ()


def _make_ticker(stage: Stage, report: Report) -> Callable[[], None]:
    return lambda: report(Event(stage=stage))


def _parse_changes(completed: process.CompletedProcess) -> dict[NormalizedName, Version | None]:
    """Read `--output-format json`; raise `InstallerUnavailable` for an unknown format."""
    try:
        answer: dict[str, Any] = json.loads(completed.stdout)
        if answer["schema"]["version"] != _SCHEMA:
            raise ValueError(f"schema {answer['schema']['version']}")
        after: dict[NormalizedName, Version | None] = {}
        for row in answer["changes"]:
            name = canonicalize_name(row["name"])
            if row["action"] == "installed":
                after[name] = Version(row["version"])
            elif row["action"] == "uninstalled":
                after.setdefault(name, None)
            else:
                raise ValueError(f"action {row['action']}")
    except (KeyError, TypeError, ValueError) as error:
        tried = (f"{completed.argv[0]}: its output is not that of uv 0.13 ({error!r:.200})",)
        raise InstallerUnavailable(tried) from error
    return after
