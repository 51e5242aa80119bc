"""The exact changes to one environment, decided and not done."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

from packaging.utils import NormalizedName
from packaging.version import Version

from .deprecation import renamed_attribute
from .html_repr import HtmlRepr
from .kernels import Kernel, Restart
from .text import join_names

AllowPolicy = Literal["self", "dependencies", "all"]
"""What else a plan may move: nothing, what the named depend on, or everything."""


class ChangeKind(StrEnum):
    """What a change does to one name."""

    INSTALL = "install"
    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    REMOVE = "remove"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One name, before -> after; `before` is None for an install, `after` for a removal.

    `wheel` and `sha256` name the file that is expected, `size` its bytes; `hashes` are those of
    every wheel of that version that fits, any of which the installer may take.
    """

    id: NormalizedName
    name: str
    before: Version | None = None
    after: Version | None = None
    wheel: str | None = None
    sha256: str | None = None
    size: int | None = None
    hashes: tuple[str, ...] = ()
    requested: bool = False
    requested_after: bool = True
    """Whether REQUESTED (PEP 376) is there afterwards: an upgraded dependency stays one."""
    reason: str = ""
    """Who needs a side effect: `pandas needs it`."""
    startup_files: tuple[str, ...] = ()
    """Files of the installed version that run code at every start of Python."""

    marked = renamed_attribute("marked", "requested_after")
    because = renamed_attribute("because", "reason")
    starts = renamed_attribute("starts", "startup_files")

    @property
    def kind(self) -> ChangeKind:
        """Install, upgrade, downgrade or remove."""
        if self.before is None:
            return ChangeKind.INSTALL
        if self.after is None:
            return ChangeKind.REMOVE
        return ChangeKind.UPGRADE if self.after > self.before else ChangeKind.DOWNGRADE

    def __str__(self) -> str:
        match self.kind:
            case ChangeKind.INSTALL:
                return f"{self.name} {self.after} (new)"
            case ChangeKind.REMOVE:
                return f"{self.name} {self.before} (removed)"
            case _:
                return f"{self.name} {self.before} → {self.after}"


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldBack:
    """A name whose newest eligible release is not in the plan, and why.

    `stays` is the version it has after the plan. `unlock` says what allowing all would do (reach
    which version, move what), and is empty if it would not help.
    """

    id: NormalizedName
    name: str
    kept_version: Version
    latest: Version | None
    reason: str
    how_to_unblock: str = ""

    stays = renamed_attribute("stays", "kept_version")
    unlock = renamed_attribute("unlock", "how_to_unblock")

    def __str__(self) -> str:
        missed = f", not {self.latest}" if self.latest is not None else ""
        text = f"{self.name} {self.kept_version}{missed}: {self.reason}"
        return f"{text}; allowing all would {self.how_to_unblock}" if self.how_to_unblock else text


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan(HtmlRepr):
    """The exact changes to one environment, decided and not done. Falsy when nothing changes.

    `environment_fingerprint` is that of the installed set that it was made for; with any other
    it is refused as stale. `undoes` names the transaction that it takes back, and `from_save_point`
    tells that the old files are still there for that.
    """

    requested: tuple[str, ...]
    changes: tuple[Change, ...]
    held_back: tuple[HeldBack, ...] = ()
    environment_fingerprint: str
    python: Path
    created: datetime
    allow: AllowPolicy = "dependencies"
    commands: tuple[str, ...] = ()
    """What would do the same in a terminal."""
    restart: Restart | None = None
    kernels: tuple[Kernel, ...] = ()
    """The other kernels that run on the environment, as far as they are seen."""
    undoes: str | None = None
    from_save_point: bool = False
    notes: tuple[str, ...] = ()
    """What was found while it was made, and says how far it is to be relied on."""
    id: str = field(init=False)

    environment = renamed_attribute("environment", "environment_fingerprint")

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", self._hash_changes())

    def _hash_changes(self) -> str:
        """Hash what is done, not how it is explained: the same changes have the same id."""
        exact = [
            [
                c.id,
                _optional_text(c.before),
                _optional_text(c.after),
                c.wheel,
                c.sha256,
                list(c.hashes),
                c.requested_after,
            ]
            for c in self.changes
        ]
        whole = [
            self.environment_fingerprint,
            str(self.python),
            self.undoes,
            self.from_save_point,
            exact,
        ]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()[:16]

    def __bool__(self) -> bool:
        return bool(self.changes)

    @property
    def pins(self) -> tuple[str, ...]:
        """`name==version` of everything that is installed by this plan."""
        return tuple(f"{c.id}=={c.after}" for c in self.changes if c.after is not None)

    @property
    def cautions(self) -> tuple[str, ...]:
        """Say what of its changes their reader should know before they are made."""
        new = [c for c in self.changes if c.after is not None and not self.from_save_point]
        unverified = tuple(c.name for c in new if not c.hashes)
        cautions = (
            [f"unverified: the index gives no hash of {join_names(unverified)}"]
            if unverified
            else []
        )
        cautions += [
            f"{c.name} runs code at every start: {join_names(c.startup_files)}"
            for c in new
            if c.startup_files
        ]
        return (*cautions, *self.notes)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Say what its reader should know before it is applied, of other kernels too."""
        shared = [self._shared_with(kernel) for kernel in self.kernels if self.changes]
        return (*self.cautions, *shared)

    def _shared_with(self, kernel: Kernel) -> str:
        old = [c for c in self.changes if c.before is not None and c.id in kernel.loaded]
        names = tuple(c.name for c in old)
        has = f" and has {join_names(names)} loaded: restart it, too" if names else ", too"
        return f"{kernel} runs on this environment{has}"

    @property
    def download_size(self) -> int | None:
        """Bytes to fetch at most (a cache may hold some); None where the index gives no sizes."""
        if self.from_save_point:
            return 0
        sizes = [c.size for c in self.changes if c.after is not None]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    def __str__(self) -> str:
        parts = [", ".join(map(str, self.changes)) or "nothing to change"]
        parts += [str(h) for h in self.held_back]
        parts += self.warnings
        if self.changes and self.restart is not None and self.restart.needed:
            parts.append(str(self.restart))
        return "; ".join(parts)

    def __repr__(self) -> str:
        return f"Plan({self})"


def _optional_text(version: Version | None) -> str | None:
    return None if version is None else str(version)
