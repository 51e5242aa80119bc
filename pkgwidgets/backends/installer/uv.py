"""uv as the installer: its command lines and the reading of its answers (uv ≥ 0.13)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import uv
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pkgwidgets.backends.config import uv_config
from pkgwidgets.backends.config.index_settings import SourceFactory
from pkgwidgets.backends.environment import record
from pkgwidgets.backends.processes import process, temp_dirs
from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.errors import (
    InstallerUnavailable,
    InstallFailed,
    PkgwidgetsError,
    PlanImpossible,
    ResolutionFailed,
)
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Report, ResolveRequest
from pkgwidgets.core.plans import ChangeKind, Plan
from pkgwidgets.core.redaction import redact

_SCHEMA = "preview"
"""The version of uv's JSON that was read when this was written; any other is refused."""
_WHEELS_ONLY = ("--only-binary", ":all:")
_NO_SOLUTION = 1
"""uv's exit code when it understood and there is no answer; 2 is a failure of something else."""
_UV_SECONDS = 600.0
_MAX_OUTPUT_CHARACTERS = 4000
"""Characters that are kept of what uv says."""


@lru_cache(maxsize=1)
def find_uv() -> Path:
    """Return the uv that came with us, else the one on the path; raises `InstallerUnavailable`."""
    tried = ["the uv package", "PATH"]
    with suppress(FileNotFoundError):
        return Path(uv.find_uv_bin())
    found = shutil.which("uv")
    if found is None:
        raise InstallerUnavailable(tuple(tried))
    return Path(found)


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

    def resolve(self, question: ResolveRequest) -> Mapping[NormalizedName, Version | None]:
        """Return the new version of each name that would change; nothing is changed.

        Everything installed is named as a requirement, because uv protects only what it is told
        of. Raises `PlanImpossible` with uv's explanation, `ResolutionFailed` if it found none.
        """
        with _files(requirements=question.requirements, keep=question.keep) as files:
            argv = ["install", "--dry-run", *_WHEELS_ONLY, *self._target()]
            argv += ["-r", str(files["requirements"]), "-c", str(files["keep"])]
            for id in question.upgrade:
                argv += ["--upgrade-package", id]
            done = self._run([*argv, "--output-format", "json"])
        if done.returncode == _NO_SOLUTION:
            wanted = question.upgrade or question.requirements
            said = self._said(done)
            raise PlanImpossible(wanted, said, question.kept_names(said))
        if done.returncode != 0:
            raise ResolutionFailed(self._said(done))
        return _changes(done)

    def dependencies(self, requirement: str) -> frozenset[NormalizedName]:
        """Return everything that a requirement would bring, itself left out."""
        argv = ["compile", "--quiet", "--no-header", "--no-annotate", *_WHEELS_ONLY]
        done = self._run([*argv, *self._target(), "-"], stdin=requirement)
        if done.returncode == _NO_SOLUTION:
            raise PlanImpossible((requirement,), self._said(done))
        if done.returncode != 0:
            raise ResolutionFailed(self._said(done))
        lines = (line.strip() for line in done.stdout.splitlines())
        found = {canonicalize_name(Requirement(line).name) for line in lines if line}
        return frozenset(found - {canonicalize_name(Requirement(requirement).name)})

    def stage(self, plan: Plan, folder: Path, report: Report) -> None:
        """Fetch and unpack what the plan installs under `folder`, laid out like the prefix.

        As a prefix and not as a target folder: so the paths in the staged RECORDs are those that
        the real ones will have, scripts and data files included.
        """
        if not plan.pins:
            return
        with _files(pins=_pinned(plan)) as files:
            argv = ["install", "--prefix", str(folder), "--no-deps", *_WHEELS_ONLY]
            argv += [*_hashes_required(plan), *self._target()]
            done = self._run([*argv, "-r", str(files["pins"])], _waiting(Stage.FETCHING, report))
        report(Event(stage=Stage.FETCHING, log=self._in_full(done)))
        if done.returncode != 0:
            raise self._failed(done)

    def install(self, plan: Plan, report: Report) -> None:
        """Carry the plan out in the environment, without the network."""
        gone = [c.id for c in plan.changes if c.kind is ChangeKind.REMOVE]
        if gone:
            self._change(["uninstall", *self._target(), *gone], report)
        if plan.pins:
            with _files(pins=_pinned(plan)) as files:
                argv = ["install", "--offline", "--no-deps", *_WHEELS_ONLY]
                argv += [*_hashes_required(plan), *self._target()]
                self._change([*argv, "-r", str(files["pins"])], report)
        self._unmark({change.id for change in plan.changes if not change.requested_after})

    def _unmark(self, ids: Collection[NormalizedName]) -> None:
        """Mend that uv marks all it is told to install as requested, dependencies too."""
        scheme = self._interpreter.scheme
        for folder in {scheme["purelib"], scheme["platlib"]}:
            for dist_info in folder.glob("*.dist-info"):
                if canonicalize_name(dist_info.name.partition("-")[0]) in ids:
                    record.remove_requested(dist_info)

    def _change(self, argv: Sequence[str], report: Report) -> None:
        done = self._run(argv, _waiting(Stage.INSTALLING, report))
        report(Event(stage=Stage.INSTALLING, log=self._in_full(done)))
        if done.returncode != 0:
            raise self._failed(done)

    def _run(
        self, argv: Sequence[str], tick: Callable[[], None] = lambda: None, stdin: str = ""
    ) -> process.CompletedProcess:
        """Run one of uv's `pip` commands; a removal needs no index, so nobody asks for one."""
        sources = self._sources() if argv[0] != "uninstall" else None
        more = () if sources is None else uv_config.uv_options(sources)
        descriptor = self._lock_descriptor()
        return process.run(
            [str(find_uv()), "pip", argv[0], "--no-config", *more, *argv[1:]],
            stdin=stdin,
            environment=uv_config.uv_environment(sources),
            timeout=_UV_SECONDS,
            tick=tick,
            keep=() if descriptor is None else (descriptor,),
        )

    def _target(self) -> tuple[str, str]:
        return "--python", str(self._interpreter.python)

    def _failed(self, done: process.CompletedProcess) -> PkgwidgetsError:
        code = -1 if done.returncode is None else done.returncode
        return InstallFailed("", done.argv, code, self._said(done))

    def _said(self, done: process.CompletedProcess) -> str:
        """Return uv's explanation, for people: short, and without what is secret."""
        if done.returncode is None:
            return f"it did not finish within {_UV_SECONDS:.0f} seconds"
        return redact(_explanation(done), self._secrets(done))[:_MAX_OUTPUT_CHARACTERS]

    def _in_full(self, done: process.CompletedProcess) -> str:
        """Return uv's command and all that it said, without what is secret."""
        said = f"$ {' '.join(done.argv)}\n{done.stdout}{done.stderr}"
        return redact(said, self._secrets(done))

    def _secrets(self, done: process.CompletedProcess) -> Collection[str]:
        return self._sources().secrets if done.argv[2] != "uninstall" else ()


@contextmanager
def _files(**contents: Sequence[str]) -> Iterator[Mapping[str, Path]]:
    """Write requirement files that uv can read, for as long as it runs."""
    with temp_dirs.temporary_folder("pkgwidgets-uv-") as folder:
        files = {name: folder / f"{name}.txt" for name in contents}
        for name, file in files.items():
            file.write_text("\n".join(contents[name]) + "\n", encoding="utf-8")
        yield files


def _pinned(plan: Plan) -> list[str]:
    lines = []
    for change in plan.changes:
        if change.after is not None:
            hashes = [f"--hash=sha256:{digest}" for digest in change.hashes]
            lines.append(" ".join([f"{change.id}=={change.after}", *hashes]))
    return lines


def _hashes_required(plan: Plan) -> tuple[str, ...]:
    """Demand hashes if the index gave one for each; those that are given count in any case."""
    known = all(change.hashes for change in plan.changes if change.after is not None)
    return ("--require-hashes",) if known else ()


def _waiting(stage: Stage, report: Report) -> Callable[[], None]:
    return lambda: report(Event(stage=stage))


def _changes(done: process.CompletedProcess) -> dict[NormalizedName, Version | None]:
    """Read `--output-format json`; fail loudly on a form that was not seen before."""
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
        if answer["schema"]["version"] != _SCHEMA:
            raise ValueError(f"schema {answer['schema']['version']}")
        after: dict[NormalizedName, Version | None] = {}
        for row in answer["changes"]:
            id = canonicalize_name(row["name"])
            if row["action"] == "installed":
                after[id] = Version(row["version"])
            elif row["action"] == "uninstalled":
                after.setdefault(id, None)
            else:
                raise ValueError(f"action {row['action']}")
    except (KeyError, TypeError, ValueError) as error:
        tried = (f"{done.argv[0]}: its answer is not the one of uv 0.13 ({error!r:.200})",)
        raise InstallerUnavailable(tried) from error
    return after


def _explanation(done: process.CompletedProcess) -> str:
    """Return what uv says after `cause:`, for people; nothing is decided by it."""
    said = done.stderr.strip()
    _, found, cause = said.partition("cause: ")
    lines = (cause if found else said).splitlines()
    kept = (line.strip().removeprefix("cause: ") for line in lines)
    return " ".join(line for line in kept if line and not line.startswith("hint:"))
