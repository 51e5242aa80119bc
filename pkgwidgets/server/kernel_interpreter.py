"""Find the Python of a kernel: from Jupyter and the system, never from the client."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from pkgwidgets.connect import (
    folder_of_process,
    interpreter_of_command,
    interpreter_of_process,
)
from pkgwidgets.core.errors import EnvironmentRefused

_SERVER_PYTHON_NAMES = frozenset(
    {"python", f"python{sys.version_info[0]}", "python{}.{}".format(*sys.version_info)}
)
"""Commands for which Jupyter starts the server's own Python."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LaunchCommand:
    """How a kernel is started: its command, and the variables added to the server's."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: Any) -> LaunchCommand:
        """Read a kernel specification as Jupyter does.

        Raises `EnvironmentRefused` if it is for another language than Python.
        """
        if str(spec.language).lower() not in ("python", ""):
            reason = f"{spec.display_name} is not a Python kernel"
            raise EnvironmentRefused(Path(), reason, usable=False)
        placeholders = {"resource_dir": str(spec.resource_dir)}
        argv = tuple(_fill_placeholders(word, placeholders) for word in spec.argv)
        variables = {name: Template(str(value)) for name, value in spec.env.items()}
        return cls(
            argv=argv,
            environment={
                name: text.safe_substitute(os.environ) for name, text in variables.items()
            },
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningKernel:
    """A running kernel: how it was started, and its process id if it runs on this machine."""

    id: str
    name: str
    launch: LaunchCommand | None
    process: int | None = None
    connection_file: str = ""
    notebook: str | None = None


def interpreter_of_launch(launch: LaunchCommand) -> Path:
    """Return the interpreter that a command starts, also through wrappers such as `env`.

    Raises `EnvironmentRefused` if it cannot be determined.
    """
    if launch.argv[:1] and launch.argv[0] in _SERVER_PYTHON_NAMES:
        return Path(sys.executable)
    return interpreter_of_command(launch.argv, launch.environment)


def interpreter_of_kernel(kernel: RunningKernel) -> Path:
    """Return the interpreter of a running kernel: from its command, else from its process.

    Raises `EnvironmentRefused` if neither shows it.
    """
    try:
        if kernel.launch is None:
            reason = f"Cannot determine how the kernel {kernel.id} was started"
            raise EnvironmentRefused(Path(), reason, usable=False)
        return interpreter_of_launch(kernel.launch)
    except EnvironmentRefused:
        if kernel.process is not None:
            with suppress(EnvironmentRefused):
                return interpreter_of_process(kernel.process, kernel.connection_file)
        raise


def folder_of_kernel(kernel: RunningKernel) -> Path | None:
    """Return the folder of a running kernel, whose configuration counts; None if unknown."""
    return None if kernel.process is None else folder_of_process(kernel.process)


def _fill_placeholders(word: str, placeholders: Mapping[str, str]) -> str:
    for name, value in placeholders.items():
        word = word.replace(f"{{{name}}}", value)
    return word
