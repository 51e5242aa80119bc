"""Names of projects to suggest: what is installed, and what the history changed."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.utils import canonicalize_name

from pkgwidgets.core.interfaces import Backend


def seen_names(backend: Backend) -> tuple[str, ...]:
    """Return the names of projects that this environment has or had, sorted."""
    names = {str(name) for name in backend.environment.distributions()}
    for transaction in backend.journal.transactions():
        names |= {str(change.id) for change in transaction.changes}
    return tuple(sorted(names))


def matching(text: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that begin with a text in any spelling, each once, in their order."""
    prefix = canonicalize_name(text.strip())
    return tuple(dict.fromkeys(name for name in names if name.startswith(prefix)))
