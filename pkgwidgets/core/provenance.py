"""Who published the files of a release, as the index says (PEP 740). No signature is verified."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from packaging.utils import NormalizedName
from packaging.version import Version

from .html_repr import HtmlRepr
from .text import escape_hidden, join_names

_MAX_SHOWN = 120
"""Characters of a property that are shown, at most; the whole property is compared."""
_PLAIN_PROPERTIES = ("repository", "email", "workflow", "workflow_filepath")
"""The properties of well-known publishers, which are shown first and without their names."""
NOT_VERIFIED = "the index says so; pkgwidgets verifies no signatures"


@dataclass(frozen=True, kw_only=True, slots=True)
class Publisher:
    """The identity to which an index attributes attestations (PEP 740, Trusted Publisher).

    `properties` are the publisher-specific keys as texts, sorted by key, without `claims`: those
    may differ from release to release.
    """

    kind: str
    properties: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        values = dict(self.properties)
        plain = [values.pop(key) for key in _PLAIN_PROPERTIES if key in values]
        shown = [*plain, *(f"{key} {value}" for key, value in values.items())]
        texts = [escape_hidden(" ".join(text.split()))[:_MAX_SHOWN] for text in shown]
        return f"{escape_hidden(self.kind)[:_MAX_SHOWN]} {', '.join(texts)}"


PublisherResult = frozenset[Publisher] | str
"""The publishers of one file; or a clause that says why they are unknown."""


class ProvenanceSource(Protocol):
    """Reads the provenance objects that an index serves for its files."""

    def publishers_of(self, addresses: Collection[str]) -> Mapping[str, PublisherResult]:
        """Return the publishers by the address of each provenance object."""


class NoProvenanceSource:
    """Serves no provenance objects."""

    def publishers_of(self, addresses: Collection[str]) -> Mapping[str, PublisherResult]:
        """Return no publishers."""
        return {}


NO_PROVENANCE = NoProvenanceSource()


class PublisherVerdict(StrEnum):
    """What the index says of the publishers of two releases.

    >>> PublisherVerdict.NO_LONGER_ATTESTED.value
    'no longer attested'
    """

    SAME = "same"
    CHANGED = "changed"
    NO_LONGER_ATTESTED = "no longer attested"
    NEWLY_ATTESTED = "newly attested"
    NOT_ATTESTED = "not attested"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class PublisherComparison(HtmlRepr):
    """The publishers of the installed release `before` and of the release `after` (PEP 740).

    One file of each release is asked about. Without an upgrade both are the same release. `reason`
    says why the verdict is unknown; else "". The index says all this: no signature is verified.

    >>> comparison = service.values.compare_publishers("frostcall")
    >>> comparison.verdict.value, comparison.publishers_before
    ('changed', ('GitHub demo-garden/frostcall, release.yml',))
    """

    id: NormalizedName
    name: str
    before: Version
    after: Version
    verdict: PublisherVerdict
    publishers_before: tuple[str, ...] = ()
    publishers_after: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_warning(self) -> bool:
        """Whether the user should know before an upgrade."""
        return self.verdict in (PublisherVerdict.CHANGED, PublisherVerdict.NO_LONGER_ATTESTED)

    def __str__(self) -> str:
        before, after = join_names(self.publishers_before), join_names(self.publishers_after)
        match self.verdict:
            case PublisherVerdict.CHANGED:
                return (
                    f"The publisher of {self.name} changed: {self.after} is by {after}, "
                    f"{self.before} is by {before} ({NOT_VERIFIED})"
                )
            case PublisherVerdict.NO_LONGER_ATTESTED:
                return (
                    f"The index has attestations for {self.name} {self.before}, "
                    f"and none for the file of {self.after}"
                )
            case PublisherVerdict.SAME:
                return f"{self.name} {self.after} is by {after} ({NOT_VERIFIED})"
            case PublisherVerdict.NEWLY_ATTESTED:
                return (
                    f"{self.name} {self.after} is by {after or 'an unknown publisher'}; "
                    f"{self.before} has no attestations ({NOT_VERIFIED})"
                )
            case PublisherVerdict.NOT_ATTESTED:
                return f"The index has no attestations for {self.name} {self.after}"
            case _:
                return unknown_text((self.name,), self.reason)

    def __repr__(self) -> str:
        return f"PublisherComparison({self})"


def unknown_text(names: Sequence[str], reason: str) -> str:
    """Return that it is unknown whether a publisher changed, and why.

    >>> unknown_text(["pea"], "the index does not answer")
    'Whether the publisher of pea changed is unknown: the index does not answer'
    """
    return f"Whether the publisher of {join_names(names)} changed is unknown: {reason}"


def compare(before: Collection[Publisher], after: Collection[Publisher]) -> PublisherVerdict:
    """Compare the publishers of two attested files.

    One that the older file lacks is a change, although another may be common to both.
    """
    return PublisherVerdict.SAME if set(after) <= set(before) else PublisherVerdict.CHANGED
