"""Decide whether a kernel must restart: compare what it has loaded with what is installed.

Inside a kernel all imported modules and their versions are known: `restart_before`,
`restart_after`. From outside only the libraries that its processes have mapped are visible:
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
from .versions import version_text

KERNEL_PACKAGES = frozenset({
    "comm", "ipykernel", "ipython", "jupyter-client", "jupyter-core", "pkgwidgets", "pyzmq",
    "tornado", "traitlets",
})  # fmt: skip
"""The packages that a kernel itself runs on, and pkgwidgets."""
_IN_EVERY_KERNEL = KERNEL_PACKAGES - {"pkgwidgets"}
"""The packages that every kernel has imported, with or without pkgwidgets."""
_LIBRARY = re.compile(r"\.(pyd|so(\.[0-9.]+)?)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedPackage:
    """One distribution as a kernel has it loaded.

    `extension` is the name of one of its libraries that the process has mapped; "" if only pure
    Python is loaded. `waiting` counts its modules that are not loaded yet.
    """

    version: str
    extension: str = ""
    waiting: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class StalePackage:
    """A distribution that is loaded in a version other than the installed one."""

    name: str
    loaded: str
    installed: str | None

    def __str__(self) -> str:
        now = f"{self.installed} is installed" if self.installed else "it is no longer installed"
        return f"{self.name} {self.loaded} is still loaded, {now}"


@dataclass(frozen=True, kw_only=True, slots=True)
class OutsideVerdict:
    """Whether a kernel must restart to use what a plan installs, as seen from outside.

    `needed` is None if it depends on the imports of the kernel, in the way that `condition` says.
    `loaded` are the changed packages that it has certainly loaded.
    """

    needed: bool | None
    loaded: tuple[str, ...] = ()
    condition: str = ""
    reason: str


def is_library(path: str) -> bool:
    """Tell whether a path is an extension module or a shared library, by its name."""
    return _LIBRARY.search(path) is not None


def restart_before(
    changes: Iterable[Change], loaded: Mapping[NormalizedName, LoadedPackage]
) -> Restart:
    """Return, inside a kernel, what a plan that is not applied yet will mean for it."""
    return _verdict(changes, loaded, "is loaded")


def restart_after(
    changes: Iterable[Change], loaded: Mapping[NormalizedName, LoadedPackage]
) -> Restart:
    """Return, inside a kernel, what an applied plan means for it.

    `loaded` is what the kernel had loaded before.
    """
    return _verdict(changes, loaded, None)


def restart_from_outside(
    changes: Iterable[Change], mapped: Collection[NormalizedName]
) -> OutsideVerdict:
    """Return, from outside, what a plan means for a kernel.

    `mapped` are the distributions of which it has libraries mapped. Their versions, and imports of
    pure Python, are not visible.
    """
    changes = tuple(changes)
    # Includes packages not installed any more of which a library is still mapped.
    loaded = tuple(c.name for c in changes if c.id in mapped or _is_in_every_kernel(c))
    if loaded:
        verdict = Restart(needed=True, loaded=loaded)
        return OutsideVerdict(needed=True, loaded=loaded, reason=str(verdict))
    replaced = ", ".join(change.name for change in changes if change.before is not None)
    if not replaced:
        return OutsideVerdict(needed=False, reason="no installed package is changed")
    condition = f"if the kernel has imported {replaced}"
    return OutsideVerdict(needed=None, condition=condition, reason=f"needed {condition}")


def _verdict(
    changes: Iterable[Change], loaded: Mapping[NormalizedName, LoadedPackage], clause: str | None
) -> Restart:
    affected = [
        change
        for change in changes
        if change.id in loaded and not _is_version(change.after, loaded[change.id].version)
    ]
    required = [change for change in affected if _requires_restart(change, loaded[change.id])]
    # The reasons that require a restart first: they decide.
    ordered = [*required, *(change for change in affected if change not in required)]
    return Restart(
        needed=bool(affected),
        loaded=tuple(change.name for change in affected),
        required=tuple(change.name for change in required),
        reasons=_reasons(ordered, loaded, clause),
    )


def _is_in_every_kernel(change: Change) -> bool:
    return change.before is not None and change.id in _IN_EVERY_KERNEL


def _requires_restart(change: Change, loading: LoadedPackage) -> bool:
    return bool(loading.extension) or change.id in KERNEL_PACKAGES


def _reasons(
    changes: Sequence[Change], loaded: Mapping[NormalizedName, LoadedPackage], clause: str | None
) -> tuple[str, ...]:
    return tuple(
        f"{_state(change, loaded[change.id], clause)}{_explain(change, loaded[change.id])}"
        for change in changes
    )


def _state(change: Change, loading: LoadedPackage, clause: str | None) -> str:
    if clause is not None:
        return f"{change.name} {loading.version} {clause}"
    return str(
        StalePackage(name=change.name, loaded=loading.version, installed=version_text(change.after))
    )


def _explain(change: Change, loading: LoadedPackage) -> str:
    if change.id in KERNEL_PACKAGES:
        return ", and the kernel itself runs on it"
    if loading.extension:
        return ", and its compiled code is in use"
    if change.kind is ChangeKind.REMOVE:
        return ""
    if loading.waiting:
        modules = (
            "1 module that is" if loading.waiting == 1 else f"{loading.waiting} modules that are"
        )
        return f", and {modules} not loaded yet would be imported from {change.after}"
    return ""


def _is_version(version: Version | None, text: str) -> bool:
    """Tell whether a version has this text; compared as text, because it may be invalid."""
    return version is not None and str(version) == text
