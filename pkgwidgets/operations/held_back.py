"""Explain what an upgrade holds back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.errors import PkgwidgetsError, PlanImpossible
from pkgwidgets.core.plans import Change, HeldBack
from pkgwidgets.core.text import join_names
from pkgwidgets.core.updates import why_no_release
from pkgwidgets.core.versions import version_step

from .upgrade_resolver import UpgradeResolver, held_back_reason

_MAX_EXPLAINED = 3
"""Packages whose explanation comes from the installer; each resolution takes a second."""


class HeldBackReport:
    """The targets that the changes of a plan do not bring to their latest release."""

    def __init__(self, resolver: UpgradeResolver, changes: Sequence[Change]) -> None:
        self._resolver = resolver
        self._targets = resolver.targets
        self._installed = resolver.targets.snapshot.versions
        self._changes = changes
        self._after = dependency_graph.versions_after(self._installed, changes)

    def entries(self, unlock: str) -> tuple[HeldBack, ...]:
        """Return the targets with the reasons; `unlock` says how to unblock a single one."""
        if self._targets.version is not None:
            return ()
        broken = self._targets.still_broken(self._after)
        entries: list[HeldBack] = []
        for name in self._targets.names:
            latest = self._targets.latest(name)
            missed = latest if latest is not None and latest > self._after[name] else None
            reason = self._failure_reason(name) or self._targets.stale_reason(name)
            if reason:
                entries.append(self._entry(name, missed, reason))
            elif missed is not None:
                reason = self._explain(name, missed, may_resolve=len(entries) < _MAX_EXPLAINED)
                shown = None if self._targets.is_only_configured(name, missed) else missed
                entries.append(self._entry(name, shown, reason, unlock))
            elif (beyond := self._targets.too_big_a_step(name)) is not None:
                entries.append(self._entry(name, beyond, self._step_reason(name, beyond)))
            elif (latest is None and name in self._targets.answers) or name in broken:
                reason = broken.get(name) or self._why_no_release(name)
                if self._after[name] == self._installed[name]:
                    entries.append(self._entry(name, None, reason))
        return tuple(entries)

    def first_failure(self) -> PkgwidgetsError | None:
        """Return why nothing changes if the index or installer failed for every target.

        Without a version, what cannot be resolved is no failure: it is held back.
        """
        failures = [self._resolver.failure(name) for name in self._targets.names]
        if self._changes or any(f is None or isinstance(f, PlanImpossible) for f in failures):
            return None
        return next(iter(failures), None)

    def _failure_reason(self, name: NormalizedName) -> str:
        """Return why the index or the installer could not handle a target; "" if they could."""
        failure = self._resolver.failure(name)
        return "" if failure is None else held_back_reason(failure)

    def _step_reason(self, name: NormalizedName, latest: Version) -> str:
        size = version_step(self._installed[name], latest)
        return f"a {size} step, and this plan takes {self._targets.step} steps at most"

    def _why_no_release(self, name: NormalizedName) -> str:
        answer = self._targets.answers[name]
        return "" if isinstance(answer, PkgwidgetsError) else why_no_release(answer)

    def _explain(self, name: NormalizedName, latest: Version, *, may_resolve: bool) -> str:
        """Explain why the latest is not reached: its blockers, else the resolver's words."""
        changed = {change.id for change in self._changes}
        owners: Mapping[NormalizedName, str] = self._targets.blockers(name, latest, changed)
        if not owners:
            return self._resolver.explanation(name, latest, may_resolve=may_resolve)
        blockers = [
            f"{owner} {self._after[owner]} ({why})" if owner in self._after else f"{owner} ({why})"
            for owner, why in owners.items()
        ]
        return f"blocked by {join_names(blockers)}"

    def _entry(
        self, normalized_name: NormalizedName, latest: Version | None, reason: str, unlock: str = ""
    ) -> HeldBack:
        return HeldBack(
            id=normalized_name,
            name=self._targets.snapshot.distributions[normalized_name].name,
            kept_version=self._after[normalized_name],
            latest=latest,
            reason=reason,
            how_to_unblock=unlock,
        )
