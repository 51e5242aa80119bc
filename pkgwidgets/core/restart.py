"""Whether a kernel must restart: what it has loaded against what is installed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from packaging.utils import NormalizedName
from packaging.version import Version

from .kernels import Restart
from .plans import Change, ChangeKind

KERNEL_CRITICAL = frozenset({
    "comm", "ipykernel", "ipython", "jupyter-client", "pkgwidgets", "pyzmq", "tornado", "traitlets",
})  # fmt: skip
"""What a kernel itself runs on, and we."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedPackage:
    """One distribution as a kernel has it loaded.

    `extension` is the name of one of its libraries that the process has mapped, "" if it is pure
    Python as far as it is loaded; `waiting` counts its modules that are not loaded yet.
    """

    version: str
    extension: str = ""
    waiting: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class StalePackage:
    """A distribution that runs in a version that is not the installed one, or not any more."""

    name: str
    loaded: str
    installed: str | None

    def __str__(self) -> str:
        now = f"{self.installed} is installed" if self.installed else "it is installed no more"
        return f"{self.name} {self.loaded} is still loaded, {now}"


def stale_packages(
    loaded: Mapping[NormalizedName, str], installed: Mapping[NormalizedName, Version]
) -> tuple[StalePackage, ...]:
    """Name what runs in another version than is installed, in the order of names."""
    return tuple(
        StalePackage(name=id, loaded=version, installed=_text(installed.get(id)))
        for id, version in sorted(loaded.items())
        if not _is_version(installed.get(id), version)
    )


def restart_before(
    changes: Iterable[Change], loaded: Mapping[NormalizedName, LoadedPackage]
) -> Restart:
    """Tell what a plan that is not carried out yet will mean for a kernel."""
    return _verdict(changes, loaded, "is loaded")


def restart_after(
    changes: Iterable[Change], loaded: Mapping[NormalizedName, LoadedPackage]
) -> Restart:
    """Tell what a plan that was carried out means for a kernel that had these loaded before."""
    return _verdict(changes, loaded, None)


def _verdict(
    changes: Iterable[Change], loaded: Mapping[NormalizedName, LoadedPackage], said: str | None
) -> Restart:
    moved = [
        change
        for change in changes
        if change.id in loaded and not _is_version(change.after, loaded[change.id].version)
    ]
    hard = [change for change in moved if _requires_restart(change, loaded[change.id])]
    # The hard reasons first: they are what decides.
    ordered = [*hard, *(change for change in moved if change not in hard)]
    return Restart(
        needed=bool(moved),
        loaded=tuple(change.name for change in moved),
        required=tuple(change.name for change in hard),
        reasons=_reasons(ordered, loaded, said),
    )


def _requires_restart(change: Change, loading: LoadedPackage) -> bool:
    return bool(loading.extension) or change.id in KERNEL_CRITICAL


def _reasons(
    changes: Sequence[Change], loaded: Mapping[NormalizedName, LoadedPackage], said: str | None
) -> tuple[str, ...]:
    return tuple(
        f"{_state(change, loaded[change.id], said)}{_why(change, loaded[change.id])}"
        for change in changes
    )


def _state(change: Change, loading: LoadedPackage, said: str | None) -> str:
    if said is not None:
        return f"{change.name} {loading.version} {said}"
    return str(
        StalePackage(name=change.name, loaded=loading.version, installed=_text(change.after))
    )


def _why(change: Change, loading: LoadedPackage) -> str:
    if change.id in KERNEL_CRITICAL:
        return ", and the kernel itself runs on it"
    if loading.extension:
        return f", with the library {loading.extension}, which no process can replace"
    if change.kind is ChangeKind.REMOVE:
        return ""
    if loading.waiting:
        some = "1 module that is" if loading.waiting == 1 else f"{loading.waiting} modules that are"
        return f", and {some} not loaded yet would come from {change.after}"
    return ""


def _is_version(version: Version | None, text: str) -> bool:
    """Tell whether a version is the one that a text spells; odd ones are compared as texts."""
    return version is not None and str(version) == text


def _text(version: Version | None) -> str | None:
    return None if version is None else str(version)


def restart_verdict(changes: Sequence[Change], loaded: Collection[NormalizedName]) -> Restart:
    """Tell whether a kernel that has these loaded must restart to use what is installed."""
    stale = tuple(c.name for c in changes if c.before is not None and c.id in loaded)
    return Restart(needed=bool(stale), loaded=stale)
