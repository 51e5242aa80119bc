"""Progress of an operation: its stages, and one event per step."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from packaging.utils import NormalizedName

from .packages import PackageInfo
from .text import format_size


class Stage(StrEnum):
    """The stages of an operation, in order.

    >>> from pkgwidgets import Stage
    >>> events = service.list_events(service.upgrade_package("seedshelf"))
    >>> events[0].stage is Stage.FETCHING, events[-1].stage is Stage.DONE
    (True, True)
    """

    ASKING = "asking"
    RESOLVING = "resolving"
    FETCHING = "fetching"
    CHECKING = "checking"
    SAVING = "saving"
    INSTALLING = "installing"
    VERIFYING = "verifying"
    RESTORING = "restoring"
    DONE = "done"


_SHOWN_SECONDS = 2.0
"""The time of a quicker operation is not shown."""
_STAGE_TEXTS = {
    "asking": "checking for updates",
    "resolving": "resolving",
    "fetching": "fetching",
    "checking": "checking the new versions",
    "saving": "saving the old files",
    "installing": "installing",
    "verifying": "verifying",
    "restoring": "rolling back",
    "done": "done",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One step of an operation. `done` and `total` count bytes, projects or modules.

    >>> events = []
    >>> frame = service.check_for_updates("seedshelf", report=events.append)
    >>> {event.package.name for event in events if event.package is not None}
    {'seedshelf'}
    """

    stage: Stage
    text: str = ""
    transaction: str | None = None
    id: NormalizedName | None = None
    done: int | None = None
    total: int | None = None
    log: str = ""
    """Output of a tool for the log, without credentials."""

    @property
    def package(self) -> PackageInfo | None:
        """The row of a `PackageChecked`; None for every other event."""
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageChecked(Event):
    """The index has answered for one package; `package` is its row with that answer."""

    # No default, explicitly: otherwise the property of `Event` would become the default.
    package: PackageInfo = field()


def describe(event: Event, seconds: float = 0.0) -> str:
    """Describe an event in a few words, with the seconds that the operation takes so far.

    >>> describe(Event(stage=Stage.VERIFYING), 72.5)
    'verifying (1 min 12 s)'
    """
    words = event.text or _STAGE_TEXTS[event.stage.value]
    if event.stage.value == "asking" and event.total:
        words = f"{words}, {event.done} of {event.total}"
    if event.stage.value == "fetching" and event.total:
        words = f"{words}, {format_size(event.total)}"
    return f"{words}{time_so_far(seconds)}"


def time_so_far(seconds: float) -> str:
    """Return a time in brackets, such as ` (12 s)`; "" for less than two seconds."""
    if seconds < _SHOWN_SECONDS:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    return f" ({minutes} min {rest} s)" if minutes else f" ({rest} s)"
