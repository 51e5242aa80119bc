"""Values in words: sizes, sentences."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from .model import Event, Stage

_SAYS = {
    Stage.ASKING: "asking the index",
    Stage.RESOLVING: "resolving",
    Stage.FETCHING: "fetching",
    Stage.CHECKING: "checking beside the environment",
    Stage.SAVING: "saving the old files",
    Stage.INSTALLING: "installing",
    Stage.VERIFYING: "verifying",
    Stage.RESTORING: "restoring",
    Stage.DONE: "done",
}


def without_credentials(url: str) -> str:
    """Return an address without the credentials it may hold; ValueError if it is no address."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def visible(text: str) -> str:
    """Return text with control, escape and bidirectional characters spelled out: it may be hostile.

    Such characters would move a terminal's cursor, or show words in another order than they are.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def size(count: int | None) -> str:
    """Return bytes as people read them, in powers of ten: `12.4 MB`; "" for what is not known."""
    if count is None:
        return ""
    amount, units = float(count), ["bytes", "kB", "MB", "GB"]
    while amount >= 999.95 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    if units[0] == "bytes":
        return "1 byte" if count == 1 else f"{count} bytes"
    return f"{amount:.1f} {units[0]}"


def says(event: Event) -> str:
    """Put an event in words."""
    words = event.text or _SAYS[event.stage]
    if event.stage is Stage.ASKING and event.total:
        return f"{words}, {event.done} of {event.total}"
    return words
