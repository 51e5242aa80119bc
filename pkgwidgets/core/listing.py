"""Names and versions of what is installed: all that an audit needs of most packages."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from packaging.utils import NormalizedName

from .environment import Distribution, Unreadable
from .origins import Origin

if TYPE_CHECKING:
    from packaging.version import Version


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedPackage:
    """One installed package in short; without a `version` it is unreadable, for `reason`."""

    name: str
    version: Version | None
    origin: Origin = Origin.INDEX
    reason: str = ""


Listing = Mapping[NormalizedName, ListedPackage]
"""The installed packages by their normalized names."""


class LastVersions(Protocol):
    """The last listing of one environment, kept for processes that list it again."""

    def state(self) -> str:
        """Return a text that changes with each distribution; "" if a change could be missed."""

    def load(self, state: str) -> Listing | None:
        """Return the listing in this state; None if it is not kept."""

    def save(self, state: str, listing: Listing) -> None:
        """Keep the listing of a state."""

    def guess(self) -> Mapping[NormalizedName, Version]:
        """Return the likely versions of what comes from an index, without reading all metadata.

        What was installed from elsewhere is never among them.
        """

    def one_look(self) -> AbstractContextManager[None]:
        """Look at the environment once in a block, for its state and for the listing."""


class NoLastVersions:
    """Keeps nothing."""

    def state(self) -> str:
        """Return ""."""
        return ""

    def load(self, state: str) -> Listing | None:
        """Return None."""
        return None

    def save(self, state: str, listing: Listing) -> None:
        """Do nothing."""

    def guess(self) -> Mapping[NormalizedName, Version]:
        """Return no versions."""
        return {}

    def one_look(self) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()


NO_LAST_VERSIONS = NoLastVersions()


def listing_of(installed: Mapping[NormalizedName, Distribution | Unreadable]) -> Listing:
    """Return the listing of what was read."""
    return {name: _listed(name, distribution) for name, distribution in installed.items()}


def _listed(name: NormalizedName, distribution: Distribution | Unreadable) -> ListedPackage:
    if isinstance(distribution, Unreadable):
        return ListedPackage(name=name, version=None, reason=distribution.reason)
    return ListedPackage(
        name=distribution.name, version=distribution.version, origin=distribution.origin
    )
