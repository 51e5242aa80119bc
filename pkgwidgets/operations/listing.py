"""List what is installed, without reading any metadata if nothing changed since the last time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pkgwidgets.core.interfaces import Backend
    from pkgwidgets.core.listing import Listing
    from pkgwidgets.core.packages import PackageInfo

# What reads and computes is imported late: where the rows are kept, nothing of it is needed.


def list_names(backend: Backend) -> Listing:
    """Return the names and versions of everything installed."""
    state = backend.last_versions.state()
    kept = backend.last_versions.load(state)
    if kept is not None:
        return kept
    from pkgwidgets.core.listing import listing_of

    listing = listing_of(backend.environment.distributions())
    backend.last_versions.save(state, listing)
    return listing


def list_rows(backend: Backend) -> tuple[PackageInfo, ...]:
    """Return the rows of everything installed, without answers of the index."""
    state = backend.last_rows.state()
    kept = backend.last_rows.load(state)
    if kept is not None:
        return kept
    from .package_rows import PackageRowBuilder

    installed = backend.environment.distributions()
    rows = PackageRowBuilder.of(backend, installed, with_limits=False).unchecked_rows
    if all(row.version for row in rows):  # what could not be read now may be readable next time
        backend.last_rows.save(state, rows)
    return rows
