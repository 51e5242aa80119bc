"""Running kernels, and what a change means for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.utils import NormalizedName

from .text import join_names


@dataclass(frozen=True, kw_only=True, slots=True)
class Restart:
    """Whether the kernel must restart to use what a plan installs.

    `loaded` are the changed packages that it has loaded. `required` are those that require a
    restart: the kernel runs on them, or they have libraries that no process can replace. `reasons`
    has a clause for each loaded package, and is empty if the kernel is seen only from outside.

    >>> service.plan_upgrade("seedshelf").restart.verdict
    'not needed'
    """

    needed: bool
    loaded: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def verdict(self) -> Literal["not needed", "advised", "required"]:
        """Required, or only advised: pure Python code goes on in its old version."""
        if not self.needed:
            return "not needed"
        return "required" if self.required or not self.reasons else "advised"

    def __str__(self) -> str:
        if not self.needed:
            return "no restart needed"
        if self.reasons:
            return f"restart {self.verdict}: {'; '.join(self.reasons)}"
        return f"restart needed: {join_names(self.loaded)} {_is_or_are(self.loaded)} loaded"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kernel:
    """Another kernel on the same environment; `notebook` is "" if unknown.

    It may also be one that executes a notebook without a server, or an engine of ipyparallel, whose
    `connection_file` is "". `process` is its process id. `loaded` are the distributions of which it
    has libraries mapped; other imports are not visible from outside.

    >>> service.plan_upgrade("seedshelf").kernels
    ()
    """

    process: int
    connection_file: str
    notebook: str = ""
    loaded: tuple[NormalizedName, ...] = ()

    def __str__(self) -> str:
        name = self.notebook or Path(self.connection_file).stem or "kernel"
        return f"{name} (process {self.process})"


@dataclass(frozen=True, kw_only=True, slots=True)
class WritableKernel:
    """A kernel that Jupyter offers, whose environment this user may change."""

    name: str
    python: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """A variable of the user; `size` is in bytes, estimated, and None if costly to determine.

    >>> [variable.name for variable in service.list_variables()]  # outside of a kernel
    []
    """

    name: str
    kind: str
    size: int | None


def _is_or_are(names: tuple[str, ...]) -> str:
    return "is" if len(names) == 1 else "are"
