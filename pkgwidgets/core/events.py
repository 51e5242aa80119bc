"""Progress of something that takes time: its stages, and one event a step."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from packaging.utils import NormalizedName

from .packages import PackageInfo


class Stage(StrEnum):
    """What is being done while one waits, in the order in which it happens."""

    ASKING = "asking"
    RESOLVING = "resolving"
    FETCHING = "fetching"
    CHECKING = "checking"
    SAVING = "saving"
    INSTALLING = "installing"
    VERIFYING = "verifying"
    RESTORING = "restoring"
    DONE = "done"


_STAGE_TEXTS = {
    "asking": "asking the index",
    "resolving": "resolving",
    "fetching": "fetching",
    "checking": "checking beside the environment",
    "saving": "saving the old files",
    "installing": "installing",
    "verifying": "verifying",
    "restoring": "restoring",
    "done": "done",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One step of something that takes time. `done` of `total` are bytes, projects or modules."""

    stage: Stage
    text: str = ""
    transaction: str | None = None
    id: NormalizedName | None = None
    done: int | None = None
    total: int | None = None
    log: str = ""
    """What a tool printed, to be kept; without credentials."""

    @property
    def package(self) -> PackageInfo | None:
        """The row that a `PackageChecked` brings; None for every other event."""
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageChecked(Event):
    """The index has answered for one package: its row, with that answer."""

    # Explicitly without a default: else the property of `Event` would become the default.
    package: PackageInfo = field()


def describe(event: Event) -> str:
    """Put an event in words."""
    words = event.text or _STAGE_TEXTS[event.stage.value]
    if event.stage.value == "asking" and event.total:
        return f"{words}, {event.done} of {event.total}"
    return words
