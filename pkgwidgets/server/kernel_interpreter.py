"""Which Python a kernel runs, and what it has loaded: never from what a client says of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from packaging.utils import canonicalize_name

from pkgwidgets.connect import interpreter_of_command
from pkgwidgets.core.errors import EnvironmentRefused
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.restart import restart_verdict

_SERVER_PYTHON_NAMES = frozenset(
    {"python", f"python{sys.version_info[0]}", "python{}.{}".format(*sys.version_info)}
)
"""Words that Jupyter starts with the server's own Python."""
_ALWAYS_LOADED = frozenset({
    "comm", "ipykernel", "ipython", "jupyter-client", "jupyter-core", "pyzmq", "tornado",
    "traitlets",
})  # fmt: skip
"""What every kernel has loaded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LaunchCommand:
    """How a kernel is started: its command, and the variables that it gets beside the server's."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: Any) -> LaunchCommand:
        """Read a kernel specification as Jupyter does."""
        if str(spec.language).lower() not in ("python", ""):
            reason = f"{spec.display_name} is no kernel for Python"
            raise EnvironmentRefused(Path(), reason, usable=False)
        names = {"resource_dir": str(spec.resource_dir)}
        argv = tuple(_filled(word, names) for word in spec.argv)
        variables = {name: Template(str(value)) for name, value in spec.env.items()}
        return cls(
            argv=argv,
            environment={
                name: text.safe_substitute(os.environ) for name, text in variables.items()
            },
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningKernel:
    """A kernel that runs: how it was started, and as which process if that is on this machine."""

    id: str
    name: str
    launch: LaunchCommand | None
    process: int | None = None
    connection_file: str = ""
    notebook: str | None = None


def interpreter_of_launch(launch: LaunchCommand) -> Path:
    """Return the interpreter that a command starts, whatever stands before it.

    Raises `EnvironmentRefused` if that cannot be told.
    """
    if launch.argv[:1] and launch.argv[0] in _SERVER_PYTHON_NAMES:
        return Path(sys.executable)
    return interpreter_of_command(launch.argv, launch.environment)


def interpreter_of_kernel(kernel: RunningKernel) -> Path:
    """Return the interpreter of a running kernel: as it was started, else as its process says.

    Raises `EnvironmentRefused` if neither tells.
    """
    try:
        if kernel.launch is None:
            reason = f"Nothing says how the kernel {kernel.id} was started"
            raise EnvironmentRefused(Path(), reason, usable=False)
        return interpreter_of_launch(kernel.launch)
    except EnvironmentRefused:
        for process in _processes(kernel):
            argv, variables = _words(process, "cmdline"), _words(process, "environ")
            known = dict(each.partition("=")[::2] for each in variables)
            with suppress(EnvironmentRefused):
                return interpreter_of_command(argv, {"PATH": known.get("PATH", os.defpath)})
        raise


def restart_verdict_json(kernel: RunningKernel, backend: Backend, plan: Plan) -> dict[str, Any]:
    """Tell whether a kernel must restart to use what a plan installs, as JSON values.

    From outside it is seen which libraries a process has mapped, not which modules it has
    imported: `needed` is None, with the reason, where that leaves it open.
    """
    old = {change.id: change.name for change in plan.changes if change.before is not None}
    if not old:
        return {"needed": False, "loaded": [], "reason": "nothing that is installed is changed"}
    owners = backend.records.owners({file for each in _processes(kernel) for file in _mapped(each)})
    verdict = restart_verdict(
        plan.changes, {*owners.values(), *map(canonicalize_name, _ALWAYS_LOADED)}
    )
    if verdict.needed:
        return {"needed": True, "loaded": list(verdict.loaded), "reason": str(verdict)}
    names = ", ".join(old.values())
    return {"needed": None, "loaded": [], "reason": f"needed if it has imported {names}"}


def _filled(word: str, names: Mapping[str, str]) -> str:
    for name, value in names.items():
        word = word.replace(f"{{{name}}}", value)
    return word


def _processes(kernel: RunningKernel) -> Iterator[int]:
    """Yield the processes of a kernel: a wrapper's children are it, too."""
    todo = [] if kernel.process is None else [kernel.process]
    while todo:
        process = todo.pop()
        if any(kernel.connection_file in word for word in _words(process, "cmdline")):
            yield process
        with suppress(OSError):
            children = Path(f"/proc/{process}/task/{process}/children").read_text("ascii")
            todo += map(int, children.split())


def _words(process: int, file: str) -> Sequence[str]:
    """Read what the system says of a process in words; nothing of another user's."""
    try:
        said = Path(f"/proc/{process}/{file}").read_bytes()
    except OSError:
        return ()
    return [os.fsdecode(word) for word in said.split(b"\0") if word]


def _mapped(process: int) -> set[str]:
    """Return the libraries that a process has mapped."""
    try:
        lines = Path(f"/proc/{process}/maps").read_bytes().splitlines()
    except OSError:
        return set()
    return {os.fsdecode(line.split(None, 5)[5]) for line in lines if line.endswith(b".so")}
