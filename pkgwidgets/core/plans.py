"""A plan: the exact changes to one environment, decided and not applied."""

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
from .hold_changes import HoldChange
from .html_repr import HtmlRepr
from .kernels import Kernel, Restart
from .projects import ProjectChange
from .text import join_names
from .versions import version_text

AllowPolicy = Literal["self", "dependencies", "all"]
"""Which other packages a plan may change: none, dependencies of the requested, or all."""
StepLimit = Literal["patch", "minor", "major"]
"""The biggest step between versions that an upgrade may take."""
PART_OF_ALL = "part of Upgrade all"
"""How the reason of a change begins in a plan for which the user named no package."""


class ChangeKind(StrEnum):
    """What a change does to one package."""

    INSTALL = "install"
    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    REMOVE = "remove"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One package, before -> after; `before` is None for an install, `after` for an uninstall.

    `id` is the normalized name (PEP 503), and versions follow PEP 440. `wheel` and `sha256` are of
    the expected file, and `size` is its bytes. `hashes` are those of every compatible wheel of that
    version, any of which the installer may take.

    >>> (change,) = service.plan_upgrade("seedshelf").changes
    >>> change.name, str(change.before), str(change.after), change.kind.value
    ('seedshelf', '1.4.1', '1.4.2', 'upgrade')
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
    """Whether REQUESTED (PEP 376) exists afterwards: an upgraded dependency stays one."""
    reason: str = ""
    """Why the plan has this change if the user did not name it: `needed by pandas`."""
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
    """A package whose latest release is not in the plan, and why.

    `kept_version` is its version after the plan. `how_to_unblock` is the version that
    `allow="all"` gives and the other changes that come with it; "" if that would not help.

    >>> (held_back,) = service.plan_upgrade("raintable").held_back
    >>> held_back.name, str(held_back.kept_version), str(held_back.latest)
    ('raintable', '2.4.0', '3.1.0')
    """

    id: NormalizedName
    name: str
    kept_version: Version
    latest: Version | None
    reason: str
    how_to_unblock: str = ""

    stays = renamed_attribute("stays", "kept_version")
    unlock = renamed_attribute("unlock", "how_to_unblock")

    def explain(self, allowing: str) -> str:
        """Return what is held back and why; `allowing` names what would unblock it."""
        missed = f", not {self.latest}" if self.latest is not None else ""
        text = f"{self.name} {self.kept_version}{missed}: {self.reason}"
        return f"{text}; {allowing}: {self.how_to_unblock}" if self.how_to_unblock else text

    def __str__(self) -> str:
        return self.explain('with allow="all"')


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan(HtmlRepr):
    """The exact changes to one environment, decided and not applied. Falsy without changes.

    `environment_fingerprint` is that of the installed set that the plan was made for; it is stale
    for any other. `undoes` is the id of the transaction that it undoes. `from_save_point` tells
    that the undo restores the old files from the save point. `created` is in UTC.

    >>> plan = service.plan_upgrade("seedshelf")
    >>> bool(plan), plan.requested, plan.pins, plan.held_back
    (True, ('seedshelf',), ('seedshelf==1.4.2',), ())
    >>> plan.commands[0].partition("install")[0], plan.download_size is None
    ('uv pip ', False)
    """

    requested: tuple[str, ...]
    changes: tuple[Change, ...]
    held_back: tuple[HeldBack, ...] = ()
    environment_fingerprint: str
    python: Path
    created: datetime
    allow: AllowPolicy = "dependencies"
    commands: tuple[str, ...] = ()
    """The shell commands that would make the same changes."""
    restart: Restart | None = None
    kernels: tuple[Kernel, ...] = ()
    """The other visible kernels that run on the environment."""
    undoes: str | None = None
    from_save_point: bool = False
    notes: tuple[str, ...] = ()
    """Sentences of its maker: how reliable the plan is, or why it has no changes."""
    holds: tuple[HoldChange, ...] = ()
    """The holds that it sets or removes; then it changes no package."""
    project: ProjectChange | None = None
    """What it changes in the files of the project that the environment belongs to, too."""
    id: str = field(init=False)

    environment = renamed_attribute("environment", "environment_fingerprint")

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", self._hash_changes())

    def _hash_changes(self) -> str:
        """Hash the changes, not their explanations: the same changes have the same id."""
        exact = [
            [
                c.id,
                version_text(c.before),
                version_text(c.after),
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
        if self.holds:
            whole.append([[hold.before, hold.after] for hold in self.holds])
        if self.project is not None:
            whole.append([[str(f.path), f.before, f.after] for f in self.project.files])
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()[:16]

    def __bool__(self) -> bool:
        return bool(self.changes or self.holds or self.project)

    @property
    def change_texts(self) -> tuple[str, ...]:
        """Its changes of packages, of holds and of a project, one text each."""
        project = () if self.project is None else (self.project,)
        return tuple(map(str, (*self.changes, *self.holds, *project)))

    @property
    def changed_names(self) -> tuple[str, ...]:
        """The names of the packages and holds that it changes; without any, its project."""
        names = (*(c.name for c in self.changes), *(hold.name for hold in self.holds))
        return names or self.change_texts

    @property
    def pins(self) -> tuple[str, ...]:
        """`name==version` of everything that the plan installs."""
        return tuple(f"{c.id}=={c.after}" for c in self.changes if c.after is not None)

    @property
    def change_warnings(self) -> tuple[str, ...]:
        """What the user should know about the changes before they are applied."""
        installed = [c for c in self.changes if c.after is not None and not self.from_save_point]
        unverified = tuple(c.name for c in installed if not c.hashes)
        texts = (
            [f"The index gives no hash of {join_names(unverified)}, so the files are not verified"]
            if unverified
            else []
        )
        return (*texts, *self.notes)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know before the plan is applied, other kernels included."""
        shared = [self._shared_with(kernel) for kernel in self.kernels if self.changes]
        return (*self.change_warnings, *shared)

    def _shared_with(self, kernel: Kernel) -> str:
        loaded = [c for c in self.changes if c.before is not None and c.id in kernel.loaded]
        names = tuple(c.name for c in loaded)
        has = f". It has {join_names(names)} loaded, so restart it too" if names else ""
        return f"Another kernel uses this environment: {kernel}{has}"

    @property
    def download_size(self) -> int | None:
        """Bytes to fetch at most (a cache may hold some); None if the index gives no sizes."""
        if self.from_save_point:
            return 0
        sizes = [c.size for c in self.changes if c.after is not None]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    def __str__(self) -> str:
        parts = [", ".join(self.change_texts) or "nothing to change"]
        parts += [str(h) for h in self.held_back]
        if self.changes and self.restart is not None and self.restart.needed:
            parts.append(str(self.restart))
        return ". ".join(["; ".join(parts), *self.warnings])

    def __repr__(self) -> str:
        return f"Plan({self})"
