"""The kernels of this machine that run on one environment, as their processes show (proc(5))."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.interfaces import FileOwners
from pkgwidgets.core.kernels import Kernel

_PROCESSES = Path("/proc")
_CONNECTION = re.compile(r"(?:^|=)([^=]*kernel[^/=]*\.json)$")
"""The word of a kernel's command that names its connection file."""
_LIBRARY = re.compile(r"\.so(\.[0-9.]+)?$")
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
        found: dict[str, Kernel] = {}
        for process in _processes():
            connection = _connection(process)
            # A wrapper, and what a kernel forks, go by the same file.
            if connection and connection != own and connection not in found:
                mapped = _mapped_libraries(process)
                if self._runs_here(process, mapped):
                    found[connection] = self._kernel(process, connection, mapped)
        return tuple(found.values())

    def _kernel(self, process: int, connection: str, mapped: frozenset[str]) -> Kernel:
        variables = dict(each.partition("=")[::2] for each in _process_words(process, "environ"))
        owners = self._claims.owners(mapped)
        return Kernel(
            process=process,
            connection_file=connection,
            notebook=Path(variables.get(_NOTEBOOK, "")).name,
            loaded=tuple(sorted({id for ids in owners.values() for id in ids})),
        )

    def _runs_here(self, process: int, mapped: frozenset[str]) -> bool:
        """Tell by what it was started with, and by its libraries: a wrapper hides that."""
        words = _process_words(process, "cmdline")
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


def _processes() -> list[int]:
    try:
        return sorted(int(each.name) for each in _PROCESSES.iterdir() if each.name.isdecimal())
    except OSError:
        return []


def _connection(process: int) -> str:
    """Return the connection file that a process was started with, "" if it is no kernel."""
    for word in _process_words(process, "cmdline")[1:]:
        found = _CONNECTION.search(word)
        if found:
            return found[1]
    return ""


def _process_words(process: int, file: str) -> list[str]:
    """Read what the system says of a process in words; nothing of what is over, or not ours."""
    try:
        said = (_PROCESSES / str(process) / file).read_bytes()
    except OSError:
        return []
    return [os.fsdecode(word) for word in said.split(b"\0") if word]


def _mapped_libraries(process: int) -> frozenset[str]:
    return frozenset(_libraries(process))


def _libraries(process: int) -> Iterator[str]:
    try:
        lines = (_PROCESSES / str(process) / "maps").read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        if b".so" in line:
            path = os.fsdecode(line.split(None, 5)[5]).removesuffix(" (deleted)")
            if _LIBRARY.search(path):
                yield path
