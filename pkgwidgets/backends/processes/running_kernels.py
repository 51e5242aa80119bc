"""Find the running kernels of one environment by their processes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from packaging.utils import NormalizedName

from pkgwidgets.core import kernel_commands
from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.interfaces import FileOwners
from pkgwidgets.core.kernels import Kernel

from . import kernel_processes, process_info


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
        commands = {
            process: process_info.command_line(process) for process in process_info.process_ids()
        }
        own_connection = kernel_commands.connection_file(commands.pop(os.getpid(), ()))
        processes_of: dict[tuple[str, int], list[int]] = {}
        for process_id, command in commands.items():
            connection = kernel_commands.connection_file(command)
            if connection:
                processes_of.setdefault((connection, 0), []).append(process_id)
            elif connection is not None:
                oldest = _oldest_fork(process_id, commands)
                processes_of.setdefault(("", oldest), []).append(process_id)
        kernels = (
            self._find_kernel(connection, processes)
            for (connection, oldest), processes in processes_of.items()
            if (not connection or connection != own_connection) and oldest != os.getpid()
        )
        return tuple(sorted(filter(None, kernels), key=lambda kernel: kernel.process))

    def loaded_by(self, process: int, connection_file: str) -> tuple[NormalizedName, ...]:
        """Return the distributions whose libraries a kernel has mapped, sorted by name."""
        return self._loaded_projects(
            map(
                process_info.mapped_libraries,
                kernel_processes.kernel_processes(process, connection_file),
            )
        )

    def _find_kernel(self, connection: str, processes: Sequence[int]) -> Kernel | None:
        """Return the kernel of a connection file and its processes: a wrapper and what it forks."""
        libraries = {process: process_info.mapped_libraries(process) for process in processes}
        kernel = kernel_processes.find_kernel_process(processes, connection)
        matching = [
            process
            for process in (processes if kernel is None else (kernel,))
            if self._is_in_environment(process, libraries[process])
        ]
        if not matching:
            return None
        return Kernel(
            process=matching[0],
            connection_file=connection,
            notebook=Path(kernel_processes.notebook_of(matching[0])).name,
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
        variables = process_info.environment(process)
        program = shutil.which(command[0], path=variables.get("PATH")) if command else None
        if program and Path(program).is_absolute() and self._is_environment_python(Path(program)):
            return True
        roots = {self._interpreter.scheme[name] for name in ("purelib", "platlib")}
        folders = tuple(os.path.realpath(root) + os.sep for root in roots)
        return any(path.startswith(folders) for path in libraries)

    def _is_environment_python(self, python: Path) -> bool:
        prefix = self._interpreter.prefix
        if (python.parent.parent / "pyvenv.cfg").exists():  # PEP 405
            return python.parent.parent.resolve() == prefix.resolve()
        return python.resolve().parent.parent == prefix.resolve()


def _oldest_fork(process: int, commands: Mapping[int, tuple[str, ...]]) -> int:
    """Return the process itself, or the ancestor that forked it and so has the same command."""
    command, parent = commands[process], process_info.parent(process)
    while parent is not None and process_info.command_line(parent) == command:
        process, parent = parent, process_info.parent(parent)
    return process
