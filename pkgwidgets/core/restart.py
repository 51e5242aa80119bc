"""Whether a kernel must restart: what it has loaded against what is installed.

From inside a kernel every module that it has imported is seen, with its version: `restart_before`,
`restart_after`. From outside only the libraries that its processes have mapped are seen:
`restart_from_outside`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from packaging.utils import NormalizedName
from packaging.version import Version

from .kernels import Restart
from .plans import Change, ChangeKind

KERNEL_PACKAGES = frozenset({
    "comm", "ipykernel", "ipython", "jupyter-client", "jupyter-core", "pkgwidgets", "pyzmq",
    "tornado", "traitlets",
})  # fmt: skip
"""What a kernel itself runs on, and pkgwidgets."""
_IN_EVERY_KERNEL = KERNEL_PACKAGES - {"pkgwidgets"}
"""What each kernel has imported, whether its user uses pkgwidgets or not."""
_LIBRARY = re.compile(r"\.(pyd|so(\.[0-9.]+)?)$")


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


@dataclass(frozen=True, kw_only=True, slots=True)
class OutsideVerdict:
    """Whether a kernel must restart to use what a plan installs, as far as is seen from outside.

    `needed` is None where it depends on what the kernel has imported; `loaded` are the changed
    packages that it is known to have loaded.
    """

    needed: bool | None
    loaded: tuple[str, ...] = ()
    reason: str


def is_library(path: str) -> bool:
    """Tell an extension module, or a library that one brings, by its name."""
    return _LIBRARY.search(path) is not None


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
    """Tell, from inside a kernel, what a plan that is not carried out yet will mean for it."""
    return _verdict(changes, loaded, "is loaded")


def restart_after(
    changes: Iterable[Change], loaded: Mapping[NormalizedName, LoadedPackage]
) -> Restart:
    """Tell, from inside a kernel, what a plan means that was carried out.

    `loaded` is what the kernel had loaded before.
    """
    return _verdict(changes, loaded, None)


def restart_from_outside(
    changes: Iterable[Change], mapped: Collection[NormalizedName]
) -> OutsideVerdict:
    """Tell, from outside, what a plan means for a kernel that has libraries of these mapped.

    Their versions are not seen, nor what the kernel has imported that is pure Python.
    """
    changes = tuple(changes)
    # Also what is not installed any more, if a library of it is still mapped.
    loaded = tuple(c.name for c in changes if c.id in mapped or _is_in_every_kernel(c))
    if loaded:
        verdict = Restart(needed=True, loaded=loaded)
        return OutsideVerdict(needed=True, loaded=loaded, reason=str(verdict))
    replaced = ", ".join(change.name for change in changes if change.before is not None)
    if not replaced:
        return OutsideVerdict(needed=False, reason="nothing that is installed is changed")
    return OutsideVerdict(needed=None, reason=f"needed if it has imported {replaced}")


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


def _is_in_every_kernel(change: Change) -> bool:
    return change.before is not None and change.id in _IN_EVERY_KERNEL


def _requires_restart(change: Change, loading: LoadedPackage) -> bool:
    return bool(loading.extension) or change.id in KERNEL_PACKAGES


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
    if change.id in KERNEL_PACKAGES:
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
