"""Progress of something that takes time: its stages, and one event a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName

from .packages import PackageInfo
from .releases import Release

if TYPE_CHECKING:
    from .errors import PkgwidgetsError


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
    answer: Sequence[Release] | PkgwidgetsError | None = None
    """What the index said of `id`, just now."""
    package: PackageInfo | None = None
    """The row of `id`, with that answer."""
    log: str = ""
    """What a tool printed, to be kept; without credentials."""


def describe(event: Event) -> str:
    """Put an event in words."""
    words = event.text or _STAGE_TEXTS[event.stage.value]
    if event.stage.value == "asking" and event.total:
        return f"{words}, {event.done} of {event.total}"
    return words
