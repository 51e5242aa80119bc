"""The names that are bound while code is read, and what they stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

Names = tuple[str, ...]
"""The imported names that a name may stand for; empty for a value of the code itself."""

_MAX_ALTERNATIVES = 4


class Scope(dict[str, Names]):
    """The bindings of a module, class or function."""

    def __init__(self, bindings: Mapping[str, Names] | None = None) -> None:
        super().__init__(bindings or {})
        self.stars: list[str] = []
        """The modules that are star-imported, in order."""
        self.globals: set[str] = set()
        """The names that are declared global here."""


class Scopes:
    """The nested scopes at one place of the code; the first is that of the module."""

    def __init__(self, *scopes: Scope) -> None:
        self._scopes = list(scopes) or [Scope()]

    @property
    def module(self) -> Scope:
        """The outermost scope."""
        return self._scopes[0]

    @property
    def innermost(self) -> Scope:
        """The scope that new names are bound in."""
        return self._scopes[-1]

    @property
    def is_nested(self) -> bool:
        """Whether this is inside of a function or class."""
        return len(self._scopes) > 1

    def copy(self) -> Scopes:
        """Return the same scopes; entering one there leaves it out here."""
        return Scopes(*self._scopes)

    def bind(self, name: str, names: Names) -> None:
        """Bind a name in the innermost scope, or in the module's if it is declared global."""
        target = self.module if name in self.innermost.globals else self.innermost
        target[name] = names

    def find(self, name: str) -> Names | None:
        """Return what a name stands for; None if it is not bound."""
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        return None

    def stars(self) -> Iterator[str]:
        """Yield the star-imported modules, the last one first."""
        for scope in reversed(self._scopes):
            yield from reversed(scope.stars)

    @contextmanager
    def nested(self, bindings: Mapping[str, Names] | None = None) -> Iterator[None]:
        """Enter a new scope."""
        self._scopes.append(Scope(bindings))
        try:
            yield
        finally:
            self._scopes.pop()

    @contextmanager
    def alternative(self, start: Mapping[str, Names]) -> Iterator[None]:
        """Read code that may run in place of other code, from the bindings in `start`.

        Afterwards each name stands for what either code binds it to.
        """
        scope = self.innermost
        other = dict(scope)
        _replace(scope, start)
        try:
            yield
        finally:
            merged = {**other, **scope}
            for name in other.keys() & scope.keys():
                merged[name] = _union(other[name], scope[name])
            _replace(scope, merged)


def _replace(scope: Scope, bindings: Mapping[str, Names]) -> None:
    bindings = dict(bindings)
    scope.clear()
    scope.update(bindings)


def _union(first: Names, second: Names) -> Names:
    if first == second:
        return first
    return tuple(dict.fromkeys((*first, *second)))[:_MAX_ALTERNATIVES]
