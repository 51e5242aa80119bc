"""The kernels of this machine that run on one environment, as their processes show."""

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

_CONNECTION = re.compile(r"(?:^|=)([^=]*kernel[^/=]*\.json)$")
"""The word of a kernel's command that names its connection file."""
_NOTEBOOK = "JPY_SESSION_NAME"
"""The variable in which a notebook server tells a kernel which notebook it is for."""


class RunningKernels:
    """The kernels on one environment, but for the one that this process is.

    Nothing is seen where the system shows no processes, and of another user's only the command.
    """

    def __init__(self, interpreter: Interpreter, claims: FileOwners) -> None:
        self._interpreter = interpreter
        self._claims = claims

    def running(self) -> tuple[Kernel, ...]:
        """Return them in the order of their processes, with the libraries that they have mapped."""
        own = _connection(os.getpid())
        processes: dict[str, list[int]] = {}
        for process in process_info.process_ids():
            connection = _connection(process)
            if connection and connection != own:
                processes.setdefault(connection, []).append(process)
        found = (self._kernel(connection, each) for connection, each in processes.items())
        return tuple(sorted(filter(None, found), key=lambda kernel: kernel.process))

    def loaded_by(self, process: int, connection_file: str) -> tuple[NormalizedName, ...]:
        """Return the distributions of which a kernel has libraries mapped, in order of names."""
        return self._loaded(
            map(process_info.mapped_libraries, kernel_processes(process, connection_file))
        )

    def _kernel(self, connection: str, processes: Sequence[int]) -> Kernel | None:
        """Return the kernel that goes by a connection file: also a wrapper, and what it forks."""
        mapped = {each: process_info.mapped_libraries(each) for each in processes}
        here = [each for each in processes if self._runs_here(each, mapped[each])]
        if not here:
            return None
        return Kernel(
            process=here[0],
            connection_file=connection,
            notebook=Path(process_info.environment(here[0]).get(_NOTEBOOK, "")).name,
            loaded=self._loaded(mapped.values()),
        )

    def _loaded(self, mapped: Iterable[frozenset[str]]) -> tuple[NormalizedName, ...]:
        owners = self._claims.owners(frozenset[str]().union(*mapped))
        return tuple(sorted({id for ids in owners.values() for id in ids}))

    def _runs_here(self, process: int, mapped: frozenset[str]) -> bool:
        """Tell by what it was started with, and by its libraries: a wrapper hides that."""
        words = process_info.command_line(process)
        if words and Path(words[0]).is_absolute() and self._is_ours(Path(words[0])):
            return True
        roots = {self._interpreter.scheme[name] for name in ("purelib", "platlib")}
        folders = tuple(os.path.realpath(root) + os.sep for root in roots)
        return any(path.startswith(folders) for path in mapped)

    def _is_ours(self, python: Path) -> bool:
        prefix = self._interpreter.prefix
        if (python.parent.parent / "pyvenv.cfg").exists():  # PEP 405
            return python.parent.parent.resolve() == prefix.resolve()
        return python.resolve().parent.parent == prefix.resolve()


def kernel_processes(process: int, connection_file: str) -> tuple[int, ...]:
    """Return the processes of a kernel that was started as one: children of a wrapper are it, too.

    They are those that were given its connection file.
    """
    return tuple(
        each
        for each in (process, *process_info.descendants(process))
        if any(connection_file in word for word in process_info.command_line(each))
    )


def _connection(process: int) -> str:
    """Return the connection file that a process was started with, "" if it is no kernel."""
    for word in process_info.command_line(process)[1:]:
        found = _CONNECTION.search(word)
        if found:
            return found[1]
    return ""
