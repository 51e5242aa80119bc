"""Completions for `%packages`: verbs, names, versions, transactions, options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

from pkgwidgets.commands import grammar
from pkgwidgets.core.plans import AllowPolicy, StepLimit

Words = Sequence[str]

_VERBS_OF_INSTALLED = frozenset(
    {"packages", "list", "updates", "plan", "upgrade", "uninstall", "hold", "unhold"}
    | {"audit", "fix"}
)
"""The verbs that take names of installed packages."""


@dataclass(frozen=True, slots=True)
class CompletionSources:
    """The sources of words; each is called only when its words are needed."""

    names: Callable[[], Words]
    versions: Callable[[str], Words]
    """The versions of a project, newest first."""
    transactions: Callable[[], Words]


def completions(line: str, sources: CompletionSources) -> Words:
    """Return the completions of the last word after `%packages`, or of what follows its `==`."""
    words = line.split()
    last = "" if line[-1:].isspace() or not words else words.pop()
    prefix = last.rpartition("==")[2].lower()
    return [word for word in _candidates(words, last, sources) if word.lower().startswith(prefix)]


def _candidates(words: list[str], last: str, sources: CompletionSources) -> Words:
    if not words:
        return grammar.verbs(magic=True)
    verb, *arguments = words
    if verb not in grammar.verbs(magic=True):
        return ()
    if arguments and arguments[-1].startswith("-") and arguments[-1] in _OPTION_VALUES:
        return _OPTION_VALUES[arguments[-1]](arguments, sources)
    if last.startswith("-"):
        return grammar.options(verb)
    name, pinned, _ = last.partition("==")
    if pinned:
        return sources.versions(name) if verb == "install" or "--install" in arguments else ()
    if verb == "undo" or "--undo" in arguments:
        return sources.transactions()
    if verb in _VERBS_OF_INSTALLED:
        return [name for name in sources.names() if name not in arguments]
    return ()


def _version_values(arguments: Words, sources: CompletionSources) -> Words:
    names = [word for word in arguments if not word.startswith("-")]
    return sources.versions(names[0]) if names else ()


_OPTION_VALUES: dict[str, Callable[[Words, CompletionSources], Words]] = {
    "--allow": lambda arguments, sources: get_args(AllowPolicy),
    "--step": lambda arguments, sources: get_args(StepLimit),
    "--version": _version_values,
    "--reason": lambda arguments, sources: (),
    "--until": lambda arguments, sources: (),
    "--python": lambda arguments, sources: (),
    "--index-url": lambda arguments, sources: (),
    "--source": lambda arguments, sources: (),
}
"""The values of each option; they are completed after the option."""
