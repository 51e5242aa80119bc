"""The marker of an externally managed environment and its message (PEP 668)."""

from __future__ import annotations

from pathlib import Path

from pkgwidgets.core.text import escape_hidden

MARKER = "EXTERNALLY-MANAGED"
_MAX_MESSAGE_CHARACTERS = 1000
"""A longer message is cut before it is shown."""


def read_marker(stdlib: Path) -> str | None:
    """Return the text of the marker in a standard library; None if there is none."""
    marker = stdlib / MARKER
    if not marker.is_file():
        return None
    try:
        return marker.read_text("utf-8", "replace")
    except OSError:
        return ""


def marker_message(text: str) -> str:
    """Return the message of a marker, on one line and in the user's language if it has one.

    The marker is an INI file: `Error`, or `Error-de_DE` and `Error-de`, in a section of its own.
    Returns "" if it has no message, or cannot be parsed, which PEP 668 allows.
    """
    import configparser  # late: most environments have no marker
    import locale

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
        section = parser["externally-managed"]
    except (configparser.Error, KeyError):
        return ""
    language = locale.getlocale(locale.LC_MESSAGES)[0] or ""
    keys = (f"Error-{language}", f"Error-{language.partition('_')[0]}", "Error")
    message = next((section[key] for key in keys if section.get(key)), "")
    return escape_hidden(" ".join(message.split()))[:_MAX_MESSAGE_CHARACTERS]
