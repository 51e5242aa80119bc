"""Find the running kernels of one environment by their processes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from packaging.utils import NormalizedName

from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.interfaces import FileOwners
from pkgwidgets.core.kernels import Kernel

from . import process_info

_CONNECTION_FILE = re.compile(r"(?:^|=)([^=]*kernel[^/=]*\.json)$")
"""Matches the argument of a kernel's command that names its connection file."""
_NOTEBOOK_VARIABLE = "JPY_SESSION_NAME"
"""The variable with the path of a kernel's notebook, set by Jupyter Server."""


class RunningKernels:
    """The running kernels of one environment, without that of this process.

    Where the system hides processes, there are none. Of another user's kernel only the command
    is known.
    """

    def __init__(self, interpreter: Interpreter, owners: FileOwners) -> None:
        self._interpreter = interpreter
        self._owners = owners

    def running(self) -> tuple[Kernel, ...]:
        """Return the kernels by ascending process id, with the projects that they have loaded."""
        own_connection = _find_connection_file(os.getpid())
        processes_of: dict[str, list[int]] = {}
        for process_id in process_info.process_ids():
            connection = _find_connection_file(process_id)
            if connection and connection != own_connection:
                processes_of.setdefault(connection, []).append(process_id)
        kernels = (
            self._find_kernel(connection, processes)
            for connection, processes in processes_of.items()
        )
        return tuple(sorted(filter(None, kernels), key=lambda kernel: kernel.process))

    def loaded_by(self, process: int, connection_file: str) -> tuple[NormalizedName, ...]:
        """Return the distributions whose libraries a kernel has mapped, sorted by name."""
        return self._loaded_projects(
            map(process_info.mapped_libraries, kernel_processes(process, connection_file))
        )

    def _find_kernel(self, connection: str, processes: Sequence[int]) -> Kernel | None:
        """Return the kernel of a connection file and its processes: a wrapper and what it forks."""
        libraries = {process: process_info.mapped_libraries(process) for process in processes}
        matching = [
            process for process in processes if self._is_in_environment(process, libraries[process])
        ]
        if not matching:
            return None
        return Kernel(
            process=matching[0],
            connection_file=connection,
            notebook=Path(process_info.environment(matching[0]).get(_NOTEBOOK_VARIABLE, "")).name,
            loaded=self._loaded_projects(libraries.values()),
        )

    def _loaded_projects(self, libraries: Iterable[frozenset[str]]) -> tuple[NormalizedName, ...]:
        owners = self._owners.owners(frozenset[str]().union(*libraries))
        return tuple(sorted({name for names in owners.values() for name in names}))

    def _is_in_environment(self, process: int, libraries: frozenset[str]) -> bool:
        """Tell whether a process runs in the environment, by its program or its libraries.

        The libraries are needed because a wrapper hides the program.
        """
        command = process_info.command_line(process)
        if (
            command
            and Path(command[0]).is_absolute()
            and self._is_environment_python(Path(command[0]))
        ):
            return True
        roots = {self._interpreter.scheme[name] for name in ("purelib", "platlib")}
        folders = tuple(os.path.realpath(root) + os.sep for root in roots)
        return any(path.startswith(folders) for path in libraries)

    def _is_environment_python(self, python: Path) -> bool:
        prefix = self._interpreter.prefix
        if (python.parent.parent / "pyvenv.cfg").exists():  # PEP 405
            return python.parent.parent.resolve() == prefix.resolve()
        return python.resolve().parent.parent == prefix.resolve()


def kernel_processes(process: int, connection_file: str) -> tuple[int, ...]:
    """Return the processes of a kernel: `process` and its descendants, such as those of a wrapper.

    Only processes with the connection file in their command count.
    """
    return tuple(
        candidate
        for candidate in (process, *process_info.descendants(process))
        if any(connection_file in argument for argument in process_info.command_line(candidate))
    )


def _find_connection_file(process: int) -> str:
    """Return the connection file of a process, "" if it is not a kernel."""
    for argument in process_info.command_line(process)[1:]:
        match = _CONNECTION_FILE.search(argument)
        if match:
            return match[1]
    return ""
