"""The project that an environment belongs to: its tool keeps both the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class OwningProject:
    """A project whose tool makes the environment; `command` is the one that restores it."""

    tool: str
    file: Path
    command: str

    @property
    def warning(self) -> str:
        """What the user should know before a plan is applied."""
        return (
            f"this environment belongs to the {self.tool} project {self.file}:"
            f" its next `{self.command}` will revert the change"
        )


def no_project() -> OwningProject | None:
    """Return None: the environment belongs to no project."""
    return None
