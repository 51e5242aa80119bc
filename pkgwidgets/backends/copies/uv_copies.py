"""Make an environment with exact versions by uv: from its cache, the files here, or the index."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from pkgwidgets.backends.config import uv_config
from pkgwidgets.backends.config.index_selection import SourceFactory
from pkgwidgets.backends.installer.uv import find_uv
from pkgwidgets.backends.processes import process, temp_dirs
from pkgwidgets.core.copies import CopyPlan
from pkgwidgets.core.environment import Distribution, Interpreter
from pkgwidgets.core.errors import CopyFailed, EnvironmentRefused
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.redaction import redact

from .repacked_wheels import repack

Inheritable = Callable[[], AbstractContextManager[tuple[int, ...]]]
"""Descriptors that uv inherits: it holds the lock of the copies while it runs."""
_UV_SECONDS = 1800.0
_MAX_OUTPUT_CHARACTERS = 2000
_DAMAGED = re.compile(r"Failed to install: ([\w.]+)-\S+\.whl")


class UvCopies:
    """Runs uv for copies of one environment."""

    def __init__(self, source: Interpreter, sources: SourceFactory, keep: Inheritable) -> None:
        self._source = source
        self._sources = sources
        self._keep = keep

    def find_python(self, version: str) -> Path:
        """Return the Python of this machine that a version or a path names; nothing is fetched.

        Raises `EnvironmentRefused`.
        """
        argv = ["python", "find", "--no-project", "--system", "--", version]
        completed = self._run(argv, lambda: None)
        if completed.returncode != 0:
            raise EnvironmentRefused(Path(version), f"There is no Python {version} on this machine")
        return Path(completed.stdout.strip())

    def make(self, plan: CopyPlan, report: Report) -> None:
        """Make the environment, empty. Raises `CopyFailed`."""
        argv = ["venv", "--no-project", "--quiet", "--python", str(plan.python), str(plan.folder)]
        self._check(plan, self._run(argv, lambda: report(Event(stage=Stage.INSTALLING))))

    def install(
        self,
        plan: CopyPlan,
        installed: Mapping[NormalizedName, Distribution],
        report: Report,
    ) -> None:
        """Install the packages of a plan, all in one run. Raises `CopyFailed`."""
        with temp_dirs.temporary_folder("pkgwidgets-copy-") as folder:
            pins = []
            for package in plan.packages:
                pin = f"{package.id}=={package.version}"
                if not package.from_index:
                    try:
                        wheel = repack(installed[package.id], self._source, folder)
                    except (OSError, ValueError, KeyError) as error:
                        reason = f"the files of {package} cannot be copied: {error}"
                        raise CopyFailed(plan.name, (reason,)) from error
                    pin = f"{package.id} @ {wheel.as_uri()}"
                pins.append(pin)
            pin_file = folder / "pins.txt"
            pin_file.write_text("\n".join(pins) + "\n", encoding="utf-8")
            argv = ["pip", "install", "--no-deps", "--only-binary", ":all:", "--quiet"]
            argv += [*uv_config.uv_options(self._sources())]
            argv += ["--python", str(plan.folder / "bin" / "python")]
            self._check(plan, self._install(plan, argv, pin_file, report))

    def _install(
        self, plan: CopyPlan, argv: list[str], pin_file: Path, report: Report
    ) -> process.CompletedProcess:
        """Install the pins; what is damaged in uv's cache is fetched, without the cache.

        An edit of an installed file damages it: uv links the files of environments to its cache.
        """

        def run(*options: str) -> process.CompletedProcess:
            return self._run([*argv, *options], lambda: report(Event(stage=Stage.FETCHING)))

        pins = {package.id: package for package in plan.packages if package.from_index}
        while (completed := run("-r", str(pin_file))).returncode != 0:
            match = _DAMAGED.search(completed.stderr)
            package = None if match is None else pins.pop(canonicalize_name(match[1]), None)
            if package is None:
                return completed
            alone = run("--no-cache", f"{package.id}=={package.version}")
            if alone.returncode != 0:
                return completed
        return completed

    def _run(self, argv: list[str], tick: Callable[[], None]) -> process.CompletedProcess:
        environment = uv_config.uv_environment(self._sources())
        environment["UV_PYTHON_DOWNLOADS"] = "never"
        with self._keep() as keep:
            return process.run(
                [str(find_uv()), *argv],
                environment=environment,
                timeout=_UV_SECONDS,
                tick=tick,
                keep=keep,
            )

    def _check(self, plan: CopyPlan, completed: process.CompletedProcess) -> None:
        if completed.returncode == 0:
            return
        output = redact(completed.stderr.strip(), self._sources().secrets)
        text = " ".join(output.split())[-_MAX_OUTPUT_CHARACTERS:]
        raise CopyFailed(plan.name, (f"uv failed: {text or 'it printed no error message'}",))
