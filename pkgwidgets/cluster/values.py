"""The values of a cluster: its environments, a plan for all of them, and how it ended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from pkgwidgets.core.plans import Plan
from pkgwidgets.core.text import count_noun, join_names


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterEnvironment:
    """One environment of a cluster: what the workers of one host import their packages from.

    `prefix` is the real path of its root folder, and `python` its interpreter. `workers` are the
    names of its workers. `nannies` are the addresses of their nannies. `pkgwidgets` is the version
    that works for this environment on its host; "" if there is none. `problem` says why its
    packages cannot be changed; "" if they can.
    """

    host: str
    prefix: Path
    python: Path
    python_version: str = ""
    platform: str = ""
    workers: tuple[str, ...] = ()
    nannies: tuple[str, ...] = ()
    pkgwidgets: str = ""
    problem: str = ""

    @property
    def id(self) -> str:
        """The host and the prefix, as `node1:/opt/venv`."""
        return f"{self.host}:{self.prefix}"


class EnvironmentState(StrEnum):
    """What an apply left in one environment.

    UNCHANGED and UNDONE both have the old packages: the second had the new ones for a while.
    UNKNOWN did not answer. INCOMPLETE is neither old nor new, and its error names the paths.
    """

    COMMITTED = "committed"
    UNCHANGED = "unchanged"
    UNDONE = "undone"
    UNKNOWN = "unknown"
    INCOMPLETE = "incomplete"


OLD_STATES = frozenset({EnvironmentState.UNCHANGED, EnvironmentState.UNDONE})
"""The states of an environment that has the old packages."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentOutcome:
    """The state that an apply left in one environment, and the error that decided it."""

    environment: str
    state: EnvironmentState
    error: str = ""

    def __str__(self) -> str:
        return f"{self.environment}: {self.state}" + (f" ({self.error})" if self.error else "")


class ClusterOutcome(StrEnum):
    """How an apply on a cluster ended: all have the new packages, all the old ones, or neither."""

    COMMITTED = "committed"
    ROLLED_BACK = "rolled back"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterTransaction:
    """A plan that was applied on a cluster; `id` names the apply, `plan` is the id of the plan."""

    id: str
    plan: str
    outcome: ClusterOutcome
    environments: tuple[EnvironmentOutcome, ...]
    error: str = ""

    def __str__(self) -> str:
        if self.outcome is ClusterOutcome.COMMITTED:
            return f"committed in {count_noun(len(self.environments), 'environment')}"
        states = "; ".join(map(str, self.environments))
        return f"{self.outcome}: {self.error or 'no reason is known'} [{states}]"


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterPlan:
    """One plan for each environment of a cluster, decided and not applied. Falsy without changes.

    `plans` are pairs of an environment's id and its plan, sorted by the id. All of them install
    the same versions; files and hashes are those of each environment. `id` is a hash of all.
    """

    requested: tuple[str, ...]
    plans: tuple[tuple[str, Plan], ...]
    undoes: str = ""
    """The id of the change that it undoes."""
    id: str = field(init=False)

    def __post_init__(self) -> None:
        exact = [[environment, plan.id] for environment, plan in self.plans]
        digest = hashlib.sha256(json.dumps(exact).encode()).hexdigest()[:16]
        object.__setattr__(self, "id", digest)

    def __bool__(self) -> bool:
        return any(plan for _, plan in self.plans)

    @property
    def changed(self) -> tuple[tuple[str, Plan], ...]:
        """The environments that the plan changes, each with its plan."""
        return tuple((environment, plan) for environment, plan in self.plans if plan)

    @property
    def pins(self) -> tuple[str, ...]:
        """`name==version` of everything that is installed in any environment, sorted."""
        return tuple(sorted({pin for _, plan in self.plans for pin in plan.pins}))

    def __str__(self) -> str:
        return "; ".join(self._parts()) or "nothing to change"

    def __repr__(self) -> str:
        return f"ClusterPlan({self})"

    def _parts(self) -> Iterator[str]:
        """Yield each set of changes once, with the environments that get it."""
        by_changes: dict[str, list[str]] = {}
        for environment, plan in self.changed:
            by_changes.setdefault(", ".join(plan.change_texts), []).append(environment)
        for changes, environments in by_changes.items():
            yield f"{join_names(environments)}: {changes}"


@dataclass(frozen=True, kw_only=True, slots=True)
class RestartedWorker:
    """A worker after its restart; `problem` says what is wrong with it, "" if nothing is."""

    name: str
    environment: str
    is_back: bool
    problem: str = ""

    def __str__(self) -> str:
        return f"{self.name} of {self.environment}: {self.problem or 'back'}"
