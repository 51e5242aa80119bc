"""What may come next on a line of `%packages`: verbs, names, versions, transactions, options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

from pkgwidgets.commands import grammar
from pkgwidgets.core.plans import AllowPolicy

Words = Sequence[str]

_OF_INSTALLED = frozenset({"packages", "list", "updates", "plan", "upgrade", "uninstall"})
"""The verbs that take names of what is installed."""


@dataclass(frozen=True, slots=True)
class CompletionSources:
    """Where words come from; each is asked only when they are wanted."""

    names: Callable[[], Words]
    versions: Callable[[str], Words]
    """The versions of a project, newest first."""
    transactions: Callable[[], Words]


def completions(line: str, known: CompletionSources) -> Words:
    """Return what the last word after `%packages` may be, or what may follow its `==`."""
    words = line.split()
    last = "" if line[-1:].isspace() or not words else words.pop()
    begun = last.rpartition("==")[2].lower()
    return [word for word in _candidates(words, last, known) if word.lower().startswith(begun)]


def _candidates(words: list[str], last: str, known: CompletionSources) -> Words:
    if not words:
        return grammar.verbs(magic=True)
    verb, *said = words
    if verb not in grammar.verbs(magic=True):
        return ()
    if said and said[-1].startswith("-") and said[-1] in _VALUES:
        return _VALUES[said[-1]](said, known)
    if last.startswith("-"):
        return grammar.options(verb)
    name, pinned, _ = last.partition("==")
    if pinned:
        return known.versions(name) if verb == "install" or "--install" in said else ()
    if verb == "undo" or "--undo" in said:
        return known.transactions()
    if verb in _OF_INSTALLED:
        return [name for name in known.names() if name not in said]
    return ()


def _versions(said: Words, known: CompletionSources) -> Words:
    names = [word for word in said if not word.startswith("-")]
    return known.versions(names[0]) if names else ()


_VALUES: dict[str, Callable[[Words, CompletionSources], Words]] = {
    "--allow": lambda said, known: get_args(AllowPolicy),
    "--version": _versions,
    "--python": lambda said, known: (),
    "--index-url": lambda said, known: (),
}
"""What the options take, by the option before the cursor."""
