"""What runs each verb: a listing loads nothing that only changes need."""

from __future__ import annotations

from collections.abc import Collection

from .listing import DONE as DONE
from .listing import FAILED as FAILED
from .listing import VERBS as LISTING
from .listing import Verb


def load(verb: str) -> Verb:
    """Return what runs a verb, all but `demo`; it writes the answer and returns an exit code."""
    if verb in LISTING:
        return LISTING[verb]
    from . import changes

    return changes.VERBS[verb]


def load_for(arguments: Collection[str]) -> None:
    """Load the modules of the verb that these arguments name."""
    if LISTING.keys().isdisjoint(arguments):
        from . import changes as changes
