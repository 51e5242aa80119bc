"""The standard streams, made ready for all that is written."""

from __future__ import annotations

import os
import sys


def prepare() -> None:
    """Open missing streams, and write characters that the encoding lacks as escapes."""
    _open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        except AttributeError:  # a stream that the caller put in its place
            continue


def _open_missing_streams() -> None:
    """Open missing standard streams on devnull: the next opened file would get their number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
