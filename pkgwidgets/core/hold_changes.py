"""The changes of holds, as plans have them."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldChange:
    """One hold that is set, changed or removed. Both are blocks of `pkgwidgets.toml`, or "".

    >>> (change,) = service.hold("raintable", "<3").holds
    >>> str(change), change.before
    ('hold raintable<3', '')
    """

    name: str
    versions: str
    before: str = ""
    after: str = ""

    def reversed(self) -> HoldChange:
        """Return the change that goes back."""
        return replace(self, before=self.after, after=self.before)

    def __str__(self) -> str:
        verb = "unhold" if not self.after else "hold" if not self.before else "change hold"
        return f"{verb} {self.name}{self.versions}"
