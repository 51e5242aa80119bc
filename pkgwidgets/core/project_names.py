"""The names of projects that the indexes list, and how a mistyped name may have been meant."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from string import ascii_lowercase, digits
from typing import Protocol

_LETTERS = f"-{ascii_lowercase}{digits}"
"""The characters of a normalized name (PEP 503)."""
_MAX_CHARACTERS = 40
"""Characters of a name of which spellings are tried, at most: there are 70 per character."""


class ProjectNames(Protocol):
    """The normalized names (PEP 503) of all projects that the configured indexes list."""

    def refresh(self) -> None:
        """Fetch the lists that are older than a day; a list that cannot be had stays as it is."""

    def starting_with(self, prefix: str, limit: int) -> tuple[str, ...]:
        """Return names that begin with a normalized prefix: shorter ones first."""

    def listed(self, names: Collection[str]) -> frozenset[str]:
        """Return those of `names` that an index lists."""


class NoProjectNames:
    """Lists nothing."""

    def refresh(self) -> None:
        """Fetch nothing."""

    def starting_with(self, prefix: str, limit: int) -> tuple[str, ...]:
        """Return no names."""
        return ()

    def listed(self, names: Collection[str]) -> frozenset[str]:
        """Return no names."""
        return frozenset()


NO_PROJECT_NAMES = NoProjectNames()


def near_spellings(name: str) -> tuple[str, ...]:
    """Return the normalized names that one typing error turns into `name`, the likeliest first.

    These are a letter too many, two letters in the wrong order, a letter too few, and a wrong
    letter. Errors late in a name come first: the first letter is rarely wrong.

    >>> near_spellings("numpyy")[0], "pandas" in near_spellings("padnas")
    ('numpy', True)
    """
    if not 1 < len(name) <= _MAX_CHARACTERS:
        return ()
    return tuple(dict.fromkeys(other for other in _spellings(name) if _is_normalized(other)))


def _spellings(name: str) -> Iterator[str]:
    places = range(len(name) - 1, -1, -1)
    yield from (name[:place] + name[place + 1 :] for place in places)
    for place in places[1:]:
        yield name[:place] + name[place + 1] + name[place] + name[place + 2 :]
    for place in range(len(name), -1, -1):
        yield from (name[:place] + letter + name[place:] for letter in _LETTERS)
    for place in places:
        yield from (
            name[:place] + letter + name[place + 1 :]
            for letter in _LETTERS
            if letter != name[place]
        )


def _is_normalized(name: str) -> bool:
    return bool(name) and name.strip("-") == name and "--" not in name
