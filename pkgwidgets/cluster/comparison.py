"""Compare the versions of environments with each other, with a request and with what is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from packaging.utils import canonicalize_name

from pkgwidgets.core.errors import InvalidRequest, PackageNotFound

from .cluster_kinds import ClusterKind
from .environments import SurveyedEnvironment


def installed(surveyed: Iterable[SurveyedEnvironment]) -> dict[str, Mapping[str, str]]:
    """Return the versions that each environment has, by its id and the normalized name."""
    return {entry.environment.id: entry.packages for entry in surveyed}


def check_requested(names: Iterable[str], cluster: ClusterKind) -> None:
    """Raise `InvalidRequest` for a package that a live cluster cannot change."""
    for name in names:
        if canonicalize_name(name) in cluster.packages:
            raise InvalidRequest("name", name, cluster.live)


def wanted_versions(
    packages: Mapping[str, str], names: tuple[str, ...], cluster: ClusterKind
) -> Mapping[str, str]:
    """Return the versions of these packages, or of all but the cluster's own and pkgwidgets."""
    for name in names:
        if name not in packages:
            raise PackageNotFound(name)
    left_out = cluster.packages | {"pkgwidgets"}
    return {
        name: version
        for name, version in packages.items()
        if (name in names if names else name not in left_out)
    }


def differing_pins(
    packages: Mapping[str, str], wanted: Mapping[str, str], *, is_named: bool
) -> tuple[str, ...]:
    """Return the exact versions that an environment lacks; `is_named` counts missing packages."""
    return tuple(
        f"{name}=={version}"
        for name, version in wanted.items()
        if packages.get(name) != version and (is_named or name in packages)
    )


def stale_workers(
    surveyed: Iterable[SurveyedEnvironment],
    loaded: Mapping[str, Mapping[str, str] | None],
) -> dict[str, tuple[str, ...]]:
    """Return texts about workers that have loaded another version than is installed, by name."""
    stale: dict[str, tuple[str, ...]] = {}
    for entry in surveyed:
        for worker in entry.environment.workers:
            for name, version in (loaded.get(worker) or {}).items():
                if version != entry.packages.get(name):
                    stale[name] = (*stale.get(name, ()), f"{worker}: {version}")
    return stale
