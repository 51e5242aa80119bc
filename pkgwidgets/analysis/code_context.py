"""What surrounds the code of a notebook: its files, the environment and IPython's own syntax."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Protocol


class CodeFiles(Protocol):
    """The files from which a notebook runs or imports code."""

    def read(self, path: PurePath) -> bytes | None:
        """Return the content of a file, None if there is no such file.

        Raises `ValueError`, with the reason, if it cannot be read or is too large.
        """

    def is_folder(self, path: PurePath) -> bool:
        """Tell whether there is a folder of this path."""


class NoFiles:
    """No files at all."""

    def read(self, path: PurePath) -> bytes | None:
        """Return None."""
        return None

    def is_folder(self, path: PurePath) -> bool:
        """Return False."""
        return False


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadLimits:
    """How much code next to a notebook is read; what is beyond is unknown."""

    max_files: int = 200
    max_bytes: int = 4_000_000
    max_depth: int = 20
    """How deep imports, runs and magics may be nested."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeContext:
    """What the code of a notebook sees when it runs.

    `folder` is its working folder, None if unknown; `path` are more folders of `sys.path`.
    """

    transform: Callable[[str], str] = str
    """Turns a cell into plain Python, as IPython does. Raises `SyntaxError` if it cannot."""
    files: CodeFiles = field(default_factory=NoFiles)
    folder: PurePath | None = None
    path: tuple[PurePath, ...] = ()
    has_module: Callable[[str], bool] = lambda name: True
    """Tells whether the environment has a module of this name."""
    has_name: Callable[[str], bool | None] = lambda name: None
    """Tells whether the environment has a name in full; None if that is unknown."""
    limits: ReadLimits = ReadLimits()
