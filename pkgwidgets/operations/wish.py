"""An upgrade as it is asked of the installer, and why it does not reach what is newest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from packaging.version import Version

from pkgwidgets.core import changes
from pkgwidgets.core.errors import PkgwidgetsError, PlanImpossible
from pkgwidgets.core.interfaces import Question
from pkgwidgets.core.model import Allow, Change, HeldBack, Id, Origin, Release
from pkgwidgets.core.versions import eligible_releases

from .situation import FOREIGN, Answers, Situation

_EXPLAINED = 3
"""So many held-back names are explained by asking the installer; one question takes a second."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be upgraded, and how far that may reach; asked of the installer."""

    situation: Situation
    targets: tuple[Id, ...]
    version: Version | None
    allow: Allow

    def resolve(self) -> Mapping[Id, Version | None]:
        """Return what would change, the installed versions being the floor of the named."""
        if not self.targets:
            return {}
        return self._resolve({id: self._wanted(id) for id in self.targets}, self.allow)

    def _resolve(self, wishes: Mapping[Id, str], allow: Allow) -> Mapping[Id, Version | None]:
        situation = self.situation
        return situation.backend.installer.resolve(
            Question(
                requirements=situation.requirements(wishes),
                keep=situation.pins(self._movable(wishes, allow), free=allow == "all"),
                upgrade=self.targets if self.version is None else (),
            )
        )

    def _wanted(self, id: Id) -> str:
        if self.version is not None:
            return f"{id}=={self.version}"
        return f"{id}>={self.situation.versions[id].public}"

    def _movable(self, wishes: Mapping[Id, str], allow: Allow) -> frozenset[Id]:
        """Return the named and, if allowed, what they depend on in their old and new versions."""
        movable = frozenset(self.targets)
        if allow == "dependencies":
            movable |= changes.dependencies(self.targets, self.situation.needs)
            for wish in wishes.values():
                movable |= self.situation.backend.installer.dependencies(wish)
        return movable

    def held_back(
        self, moved: Sequence[Change], answers: Answers, *, foreign: bool
    ) -> tuple[HeldBack, ...]:
        """Return the named that do not reach their newest eligible release, each with the reason.

        With `foreign`, also what is listed and never changed.
        """
        situation = self.situation
        after = changes.applied(situation.versions, moved)
        held = []
        for id in self.targets if self.version is None else ():
            answer = answers.get(id, ())
            if isinstance(answer, PkgwidgetsError):
                held.append(self._held(id, after, None, answer.sentence().rstrip(".")))
                continue
            latest = next(iter(self._eligible(id, answer)), None)
            if latest is not None and latest.version > after[id]:
                held.append(self._explained(id, latest.version, after, moved, quick=len(held)))
        if foreign:
            for id, found in situation.distributions.items():
                if found.origin is not Origin.INDEX:
                    held.append(self._held(id, after, None, FOREIGN[found.origin]))
        return tuple(held)

    def _eligible(self, id: Id, releases: Sequence[Release]) -> Iterable[Release]:
        interpreter = self.situation.backend.environment.interpreter
        return eligible_releases(releases, interpreter, installed=self.situation.versions[id])

    def _held(
        self,
        id: Id,
        after: Mapping[Id, Version],
        latest: Version | None,
        reason: str,
        unlock: str = "",
    ) -> HeldBack:
        name = self.situation.distributions[id].name
        return HeldBack(
            id=id, name=name, stays=after[id], latest=latest, reason=reason, unlock=unlock
        )

    def _explained(
        self,
        id: Id,
        latest: Version,
        after: Mapping[Id, Version],
        moved: Sequence[Change],
        *,
        quick: int,
    ) -> HeldBack:
        """Find out who forbids the latest: what stays as it is first, else the resolver."""
        fixed = {i: n for i, n in self.situation.needs.items() if i not in {c.id for c in moved}}
        owners = changes.blockers(id, latest, fixed)
        if owners:
            reason = " and ".join(f"{i} {after[i]} needs {why}" for i, why in owners.items())
        elif quick >= _EXPLAINED:
            reason = "it does not go together with the rest"
        else:
            reason = self._resolver_says(id, latest)
        unlock = self._unlock(id, after[id]) if len(self.targets) == 1 else ""
        return self._held(id, after, latest, reason, unlock)

    def _resolver_says(self, id: Id, latest: Version) -> str:
        try:
            also = self._resolve({id: f"{id}=={latest}"}, self.allow)
        except PlanImpossible as error:
            return error.explanation
        others = ", ".join(f"{i} {version}" for i, version in also.items() if i != id)
        return f"with it would come {others}" if others else "the resolver preferred less"

    def _unlock(self, id: Id, stays: Version) -> str:
        """Say what allowing everything to move would bring, if it would bring more."""
        if self.allow == "all":
            return ""
        try:
            free = self._resolve({id: self._wanted(id)}, "all")
        except PlanImpossible:
            return ""
        reached = free.get(id)
        if reached is None or reached <= stays:
            return ""
        others = [f"{i} to {version}" for i, version in free.items() if i != id and version]
        more = f" and {len(others) - 2} more" if len(others) > 3 else ""
        shown = ", ".join(others if not more else others[:2])
        return f"allowing all would reach {reached} and move {shown}{more}"
