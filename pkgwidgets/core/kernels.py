"""What a change means for running kernels, and what is seen of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.utils import NormalizedName

from .text import join_names


@dataclass(frozen=True, kw_only=True, slots=True)
class Restart:
    """Whether the kernel must restart to use what a plan installs; `loaded` names why.

    `required` are those of them without which nothing works right: the kernel runs on them, or
    they have libraries that no process can replace. `reasons` is a clause for each, and empty
    where it is only seen from outside what a kernel has loaded.
    """

    needed: bool
    loaded: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def verdict(self) -> Literal["not needed", "advised", "required"]:
        """Required, or only advised: of pure Python the old version goes on running."""
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
    """Another kernel on the same environment; `notebook` is "" where nothing tells.

    `loaded` are the distributions of which it has libraries mapped: what else it has imported is
    not seen from outside.
    """

    process: int
    connection_file: str
    notebook: str = ""
    loaded: tuple[NormalizedName, ...] = ()

    def __str__(self) -> str:
        return f"{self.notebook or Path(self.connection_file).stem} (process {self.process})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """A variable of the user's; `size` is in bytes, about, and None where looking is not cheap."""

    name: str
    kind: str
    size: int | None


def _is_or_are(names: tuple[str, ...]) -> str:
    return "is" if len(names) == 1 else "are"
