"""pip's option `uploaded-prior-to`, as a cutoff in the form of uv's `exclude-newer`.

A value is a day or time in ISO 8601, in the local zone if it names none. Or it is a number of whole
days, as `P7D`. Source: https://pip.pypa.io/en/stable/cli/pip_install/.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from pkgwidgets.backends.index.exclude_newer import parse_cutoff
from pkgwidgets.core.errors import IndexUnavailable, shown

from .index_sources import IndexSources

OPTION = "uploaded-prior-to"
_DAYS = re.compile(r"P\d+D", re.ASCII)


def add_cutoff(base: IndexSources, options: Mapping[str, str]) -> IndexSources:
    """Return the sources with pip's cutoff, if that is earlier than uv's for all projects.

    Raises `IndexUnavailable` for a value that pip refuses.
    """
    text = options.get(OPTION, "")
    if not text:
        return base
    ours, cutoffs = cutoff(text), dict(base.before)
    limit, other = parse_cutoff(ours), parse_cutoff(cutoffs.get("", ""))
    if limit is None or (other is not None and other <= limit):
        return base
    return replace(base, before=tuple({**cutoffs, "": ours}.items()), cutoff_setting=OPTION)


def cutoff(text: str) -> str:
    """Return a value of pip as uv writes it; raise `IndexUnavailable` for one that pip refuses."""
    if _DAYS.fullmatch(text):
        return text
    try:
        # A day of pip is its beginning, while that of uv is its end.
        return datetime.fromisoformat(text).astimezone().isoformat()
    except (ValueError, OverflowError):
        reason = f"{OPTION} = {shown(text)} is neither a day, a time nor a number of days (P7D)"
        raise IndexUnavailable("pip's configuration", reason) from None
