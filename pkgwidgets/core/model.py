"""The values that every floor speaks in: frozen, keyword-only, changed by `dataclasses.replace`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    from .errors import PkgwidgetsError

Id = NormalizedName
"""A normalised name (PEP 503), unique in one environment: `Scikit_Learn` -> `scikit-learn`."""

DIRECT_URL = "direct_url.json"
"""The file of a dist-info that says where it came from, if from no index (PEP 610)."""

Allow = Literal["self", "dependencies", "all"]
"""What else a plan may move: nothing, what the named depend on, or everything."""


class PackageStatus(StrEnum):
    """What a package is going through; computed from the journal, never stored."""

    INSTALLED = "installed"
    INSTALLING = "installing"
    UPGRADING = "upgrading"
    ERROR = "error"


class Outcome(StrEnum):
    """How a transaction ended; BROKEN is neither old nor new and blocks further changes."""

    STARTED = "started"
    COMMITTED = "committed"
    ROLLED_BACK = "rolled back"
    BROKEN = "broken"


class Origin(StrEnum):
    """Where a distribution came from; only `INDEX` is ours to change."""

    INDEX = "index"
    EDITABLE = "editable"
    URL = "url"
    VCS = "vcs"
    CONDA = "conda"
    SYSTEM = "system"


class Kind(StrEnum):
    """What a change does to one name."""

    INSTALL = "install"
    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    REMOVE = "remove"


class Bump(StrEnum):
    """The size of a step between two versions, by the first release number that differs."""

    MAJOR = "major"
    MINOR = "minor"
    PATCH = "patch"
    OTHER = "other"


class Stage(StrEnum):
    """What is being done while one waits, in the order in which it happens."""

    ASKING = "asking"
    RESOLVING = "resolving"
    FETCHING = "fetching"
    CHECKING = "checking"
    SAVING = "saving"
    INSTALLING = "installing"
    VERIFYING = "verifying"
    RESTORING = "restoring"
    DONE = "done"


@dataclass(frozen=True, kw_only=True, slots=True)
class Interpreter:
    """One Python: what decides which files fit it and where they go.

    `scheme` maps purelib, platlib, scripts and data to folders; `search` is where its
    distributions lie, in import order; `tags` are PEP 425 tags, best first; `markers` is the
    PEP 508 marker environment.
    """

    python: Path
    version: str
    prefix: Path
    base_prefix: Path
    scheme: Mapping[str, Path]
    search: tuple[Path, ...]
    markers: Mapping[str, str]
    tags: tuple[str, ...]
    externally_managed: str | None = None
    """The text of the PEP 668 marker, if there is one that applies."""
    stdlib: Path | None = None
    """Where the standard library lies, and a PEP 668 marker would."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """One installed release: its `*.dist-info` folder, read."""

    name: str
    version: Version
    path: Path
    installed: datetime
    requires: tuple[str, ...] = ()
    """`Requires-Dist`, unparsed: most are never looked at."""
    extras: tuple[str, ...] = ()
    summary: str = ""
    links: tuple[tuple[str, str], ...] = ()
    """Labels and addresses of web pages, http and https only."""
    requested: bool = False
    origin: Origin = Origin.INDEX
    location: str = ""
    """Where an editable or direct-URL distribution came from, without credentials."""
    installer: str = ""

    @property
    def id(self) -> Id:
        """The normalised name."""
        return canonicalize_name(self.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """A distribution whose metadata cannot be read: a row with status error, never an exception."""

    id: Id
    path: Path
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Wheel:
    """One wheel on an index. `size` in bytes; `sha256` and `size` are None where not given."""

    filename: str
    sha256: str | None = None
    size: int | None = None
    requires_python: SpecifierSet | None = None
    """As the index says it of this file; a release may have others (PEP 503)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """One version of a project on an index (PEP 503, 592, 700)."""

    version: Version
    yanked: bool = False
    uploaded: datetime | None = None
    wheels: tuple[Wheel, ...] = ()
    sdist: bool = False


@dataclass(frozen=True, slots=True)
class Listing(Sequence[Release]):
    """What an index said of one project: its releases, newest first, as far as they were asked for.

    `stale` says why an older answer stands in for a new one, and how old it is; "" for a new one.
    """

    releases: tuple[Release, ...]
    stale: str = ""

    @overload
    def __getitem__(self, index: int) -> Release: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Release]: ...

    def __getitem__(self, index: int | slice) -> Release | Sequence[Release]:
        return self.releases[index]

    def __len__(self) -> int:
        return len(self.releases)


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One name, before -> after; `before` is None for an install, `after` for a removal.

    `wheel` and `sha256` name the file that is expected, `size` its bytes; `hashes` are those of
    every wheel of that version that fits, any of which the installer may take.
    """

    id: Id
    name: str
    before: Version | None = None
    after: Version | None = None
    wheel: str | None = None
    sha256: str | None = None
    size: int | None = None
    hashes: tuple[str, ...] = ()
    requested: bool = False
    marked: bool = True
    """Whether REQUESTED (PEP 376) is there afterwards: an upgraded dependency stays one."""
    because: str = ""
    """Who needs a side effect: `pandas needs it`."""
    starts: tuple[str, ...] = ()
    """Files of the installed version that run code at every start of Python."""

    @property
    def kind(self) -> Kind:
        """Install, upgrade, downgrade or remove."""
        if self.before is None:
            return Kind.INSTALL
        if self.after is None:
            return Kind.REMOVE
        return Kind.UPGRADE if self.after > self.before else Kind.DOWNGRADE

    def __str__(self) -> str:
        match self.kind:
            case Kind.INSTALL:
                return f"{self.name} {self.after} (new)"
            case Kind.REMOVE:
                return f"{self.name} {self.before} (removed)"
            case _:
                return f"{self.name} {self.before} → {self.after}"


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldBack:
    """A name whose newest eligible release is not in the plan, and why.

    `stays` is the version it has after the plan. `unlock` says what allowing all would do (reach
    which version, move what), and is empty if it would not help.
    """

    id: Id
    name: str
    stays: Version
    latest: Version | None
    reason: str
    unlock: str = ""

    def __str__(self) -> str:
        missed = f", not {self.latest}" if self.latest is not None else ""
        text = f"{self.name} {self.stays}{missed}: {self.reason}"
        return f"{text}; allowing all would {self.unlock}" if self.unlock else text


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
        return f"restart needed: {_join(self.loaded)} {_is(self.loaded)} loaded"


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """A variable of the user's; `size` is in bytes, about, and None where looking is not cheap."""

    name: str
    kind: str
    size: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Kernel:
    """Another kernel on the same environment; `notebook` is "" where nothing tells.

    `loaded` are the distributions of which it has libraries mapped: what else it has imported is
    not seen from outside.
    """

    process: int
    connection_file: str
    notebook: str = ""
    loaded: tuple[Id, ...] = ()

    def __str__(self) -> str:
        return f"{self.notebook or Path(self.connection_file).stem} (process {self.process})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The exact changes to one environment, decided and not done. Falsy when nothing changes.

    `environment` is the fingerprint of the installed set that it was made for; with any other
    it is refused as stale. `undoes` names the transaction that it takes back, and `from_save_point`
    tells that the old files are still there for that.
    """

    requested: tuple[str, ...]
    changes: tuple[Change, ...]
    held_back: tuple[HeldBack, ...] = ()
    environment: str
    python: Path
    created: datetime
    allow: Allow = "dependencies"
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", self._digest())

    def _digest(self) -> str:
        """Hash what is done, not how it is explained: the same changes have the same id."""
        exact = [
            [c.id, _text(c.before), _text(c.after), c.wheel, c.sha256, list(c.hashes), c.marked]
            for c in self.changes
        ]
        whole = [self.environment, str(self.python), self.undoes, self.from_save_point, exact]
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
        said = [f"unverified: the index gives no hash of {_join(unverified)}"] if unverified else []
        said += [f"{c.name} runs code at every start: {_join(c.starts)}" for c in new if c.starts]
        return (*said, *self.notes)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Say what its reader should know before it is applied, of other kernels too."""
        shared = [self._shared_with(kernel) for kernel in self.kernels if self.changes]
        return (*self.cautions, *shared)

    def _shared_with(self, kernel: Kernel) -> str:
        old = [c for c in self.changes if c.before is not None and c.id in kernel.loaded]
        names = tuple(c.name for c in old)
        has = f" and has {_join(names)} loaded: restart it, too" if names else ", too"
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
        said = [", ".join(map(str, self.changes)) or "nothing to change"]
        said += [str(h) for h in self.held_back]
        said += self.warnings
        if self.changes and self.restart is not None and self.restart.needed:
            said.append(str(self.restart))
        return "; ".join(said)

    def __repr__(self) -> str:
        return f"Plan({self})"

    def _repr_html_(self) -> str:
        from . import html

        return html.plan(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Transaction:
    """A plan carried out or undone."""

    id: str
    plan: Plan
    started: datetime
    finished: datetime | None = None
    outcome: Outcome = Outcome.STARTED
    error: str | None = None
    failure: str | None = None
    """What failed, as JSON: the code and facts of the error that was raised."""
    user: str | None = None
    process: str | None = None
    """What kind of process asked for it: kernel, server, terminal or script."""
    saved_bytes: int | None = None
    """The size of the old files that were kept; None if it did not come to that."""
    downloaded_bytes: int | None = None
    """What was fetched, at most: a cache may have held some. None if it is not known."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """What the plan changes."""
        return self.plan.changes

    def __str__(self) -> str:
        if self.outcome is Outcome.COMMITTED:
            return str(self.plan)
        done = {
            Outcome.STARTED: "under way",
            Outcome.ROLLED_BACK: "everything is as it was",
            Outcome.BROKEN: "the environment is neither the old one nor the new one",
        }[self.outcome]
        why = f" ({self.error})" if self.error else ""
        return f"{', '.join(map(str, self.changes))}: {done}{why}"

    def __repr__(self) -> str:
        return f"Transaction({self.id or 'none'} {self.outcome}: {self})"

    def _repr_html_(self) -> str:
        from . import html

        return html.transaction(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One step of something that takes time. `done` of `total` are bytes, projects or modules."""

    stage: Stage
    text: str = ""
    transaction: str | None = None
    id: Id | None = None
    done: int | None = None
    total: int | None = None
    answer: Sequence[Release] | PkgwidgetsError | None = None
    """What the index said of `id`, just now."""
    package: PackageInfo | None = None
    """The row of `id`, with that answer."""
    log: str = ""
    """What a tool printed, to be kept; without credentials."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageInfo:
    """One package as shown: a view of its distribution, its newest releases and the journal.

    `latest_version` is the newest eligible release and `compatible_version` the newest that no
    installed package forbids; None means not asked, or unknown because of `error`.
    """

    name: str
    version: str
    latest_version: str | None = None
    compatible_version: str | None = None
    change: Bump | None = None
    blocked_by: str = ""
    released: datetime | None = None
    status: PackageStatus = PackageStatus.INSTALLED
    requested: bool = False
    loaded_version: str | None = None
    installed: datetime | None = None
    last_upgraded: datetime | None = None
    install_path: Path | None = None
    origin: Origin = Origin.INDEX
    summary: str = ""
    links: tuple[tuple[str, str], ...] = ()
    error: str | None = None

    @property
    def id(self) -> Id:
        """The normalised name."""
        return canonicalize_name(self.name)

    @property
    def update_available(self) -> bool | None:
        """Whether the latest is newer than the installed; None if it is not known."""
        if self.latest_version is None:
            return None
        return Version(self.latest_version) > Version(self.version)

    def __str__(self) -> str:
        said = [f"{self.name} {self.version}".strip()]
        if self.update_available:
            said.append(f"{self.latest_version} is available")
        elif self.latest_version is not None and not self.error:
            said.append("up to date")
        if self.blocked_by:
            said.append(f"blocked by {self.blocked_by}")
        if self.loaded_version not in (None, self.version):
            said.append(f"{self.loaded_version} is still loaded")
        return "; ".join([*said, self.error] if self.error else said)

    def __repr__(self) -> str:
        return f"PackageInfo({self})"

    def _repr_html_(self) -> str:
        from . import html

        return html.package(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Relations:
    """Whom an installed package needs here, who needs it, and what it takes on disk.

    Names as the projects spell them, in the order of names. `size` in bytes, as its RECORD counts
    them; None if it has none.
    """

    requires: tuple[str, ...] = ()
    required_by: tuple[str, ...] = ()
    size: int | None = None


def _text(version: Version | None) -> str | None:
    return None if version is None else str(version)


def _join(names: tuple[str, ...]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _is(names: tuple[str, ...]) -> str:
    return "is" if len(names) == 1 else "are"
