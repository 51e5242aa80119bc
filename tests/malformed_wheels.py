"""Wheels that are malformed on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pkgwidgets.demo.wheel_builder import BuiltWheel


@dataclass(frozen=True, kw_only=True, eq=False)
class MalformedWheel(BuiltWheel):
    """A wheel whose metadata, RECORD or bytes are wrong.

    `metadata` replaces the right text. `record` gets the right text and returns the one to
    ship. `damage` gets the right bytes and returns what a client receives.
    """

    metadata: str | None = None
    record: Callable[[str], str] | None = None
    damage: Callable[[bytes], bytes] | None = None

    @property
    def sent(self) -> bytes:
        """What a client receives."""
        return self.damage(self.data) if self.damage is not None else self.data

    @property
    def metadata_text(self) -> str:
        """The text of `METADATA`."""
        return self.metadata if self.metadata is not None else super().metadata_text

    def record_of(self, rows: list[tuple[str, str, str]]) -> str:
        """Return the text of `RECORD`."""
        text = super().record_of(rows)
        return self.record(text) if self.record is not None else text
