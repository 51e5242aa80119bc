"""List names and versions, without reading any metadata if nothing changed since the last time."""

from __future__ import annotations

from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.listing import Listing, listing_of


def list_names(backend: Backend) -> Listing:
    """Return the names and versions of everything installed."""
    state = backend.kept_listing.state()
    kept = backend.kept_listing.load(state)
    if kept is not None:
        return kept
    listing = listing_of(backend.environment.distributions())
    backend.kept_listing.save(state, listing)
    return listing
