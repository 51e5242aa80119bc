"""Ask for advisories of likely versions while METADATA is still read.

The names of the folders say nearly all names and versions. Where METADATA says otherwise, the
sources are asked again, so that an audit is always of what METADATA says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core.events import Event
from pkgwidgets.core.interfaces import Backend, Report
from pkgwidgets.core.listing import Listing

from .known_advisories import KnownAdvisories
from .listing import list_names

Ask = Callable[[Mapping[NormalizedName, Version], Report], dict[NormalizedName, KnownAdvisories]]
"""Asks all sources for these versions."""
Early = Mapping[NormalizedName, tuple[Version, KnownAdvisories]]
"""The answers for likely versions, each with its version."""


def list_and_ask(
    backend: Backend, state_of_sources: str, ask: Ask, report: Report
) -> tuple[str, Listing, Early]:
    """Return the state of before, what is installed, and the answers for likely versions."""

    def read() -> tuple[str, Listing]:
        with backend.last_versions.one_look():
            return backend.last_audit.state(state_of_sources), list_names(backend)

    likely = backend.last_versions.guess()
    if not likely:
        return *read(), {}
    with ThreadPoolExecutor(1, "pkgwidgets-list") as pool:
        start_reading = cache(lambda: pool.submit(read))

        def report_and_read(event: Event) -> None:
            start_reading()  # only now: a thread that computes would delay the request
            report(event)

        answers = ask(likely, report_and_read)
        state, installed = start_reading().result()
    early = {name: (version, answers[name]) for name, version in likely.items()}
    return state, installed, early


def complete(
    early: Early, versions: Mapping[NormalizedName, Version], ask: Ask, report: Report
) -> dict[NormalizedName, KnownAdvisories]:
    """Return the answers for these versions; those that are not among the early ones are asked."""
    known = {
        name: early[name][1]
        for name, version in versions.items()
        if name in early and str(early[name][0]) == str(version)
    }
    missing = {name: version for name, version in versions.items() if name not in known}
    return known | ask(missing, report) if missing else known
