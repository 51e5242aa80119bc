"""Names of projects to suggest: seen before, or listed by an index; and near ones for a typo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from packaging.utils import NormalizedName, canonicalize_name

from pkgwidgets.core.errors import ProjectNotFound
from pkgwidgets.core.import_names import PROJECTS, near_names
from pkgwidgets.core.interfaces import Backend, ProjectResult
from pkgwidgets.core.project_names import near_spellings
from pkgwidgets.core.typed_requirement import project_name

_MAX_NEAR = 3


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


def suggest(
    backend: Backend, typed: str, *, first: Iterable[str] = (), limit: int
) -> tuple[str, ...]:
    """Return names that begin with what was typed; if there are none, names that are near.

    Those of `first` come first, then names seen before, then well-known ones, then the others of
    the indexes. A list that is older than a day is fetched, which takes at most 10 s. Without a
    text only names of `first` and names seen before are returned, and no index is asked.
    """
    prefix = canonicalize_name(project_name(typed))
    local = (*first, *seen_names(backend))
    if not prefix:
        return matching("", local)[:limit]
    names = backend.project_names
    names.refresh()
    known = names.listed(matching(prefix, PROJECTS.values()))
    listed = names.starting_with(prefix, limit)
    found = matching(prefix, (*local, *sorted(known), *listed))
    return (found or near(backend, prefix))[:limit]


def near(backend: Backend, name: str) -> tuple[str, ...]:
    """Return up to three projects that may be meant by a name: seen before, or kept in a list."""
    seen = near_names(name, seen_names(backend))
    spellings = near_spellings(canonicalize_name(name))
    listed = backend.project_names.listed(spellings) if spellings else frozenset()
    others = (spelling for spelling in spellings if spelling in listed)
    return tuple(dict.fromkeys((*seen, *others)))[:_MAX_NEAR]


def add_near_names(backend: Backend, answers: Mapping[NormalizedName, ProjectResult]) -> None:
    """Add to the errors of missing projects the known names that are near."""
    for answer in answers.values():
        if isinstance(answer, ProjectNotFound):
            answer.near = near(backend, answer.id)
