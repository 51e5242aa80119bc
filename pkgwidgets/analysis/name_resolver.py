"""Resolve the names at one place of the code, and add the uses of imported ones."""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, replace
from typing import Protocol

from .code_uses import Call, Use
from .name_scopes import Names, Scopes

_BUILTINS = frozenset({*dir(builtins), "get_ipython", "display", "In", "Out", "exit", "quit", "_"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where code is: the cell that runs it, its file, and its package for relative imports."""

    cell: int
    file: str = ""
    path: str = ""
    package: str = ""
    depth: int = 0


class Reader(Protocol):
    """Collects what is found, and reads other code that the code runs or imports."""

    uses: list[Use]

    def add_unknown(self, place: Place, text: str) -> None:
        """Add what cannot be read."""

    def import_module(self, name: str, place: Place, *, optional: bool) -> bool:
        """Read a module next to the notebook; tell whether it is one."""

    def import_name(self, module: str, name: str, place: Place) -> Names:
        """Return what `from module import name` binds, of a module next to the notebook."""

    def member(self, module: str, name: str) -> Names | None:
        """Return what a name of a module next to the notebook stands for; None if not such."""

    def find_star_name(self, name: str, scopes: Scopes) -> Names:
        """Return what a name stands for that only a star import may have bound."""

    def read_later(self, code: NameResolver, node: ast.AST) -> None:
        """Read a function again at the end, when all names are bound."""


class Values(Protocol):
    """Knows what some calls give."""

    def value_of(self, code: NameResolver, node: ast.Call, names: Names) -> Names | None:
        """Return what a call gives that names a module or an attribute literally; else None."""


class NameResolver:
    """What names stand for at a place, with the scopes there."""

    def __init__(self, reader: Reader, place: Place, scopes: Scopes, values: Values) -> None:
        self.reader = reader
        self.place = place
        self.scopes = scopes
        self.values = values
        self.has_unbound = False
        """Whether a name was met that nothing binds so far."""

    def resolve(self, node: ast.AST) -> Names:
        """Return the qualified names of an expression that leads back to an import."""
        if isinstance(node, ast.Name):
            return self._resolve_name(node.id)
        if isinstance(node, ast.Attribute):
            return self.members(self.resolve(node.value), node.attr)
        if isinstance(node, ast.Call):
            names = self.resolve(node.func)
            value = self.values.value_of(self, node, names)
            return tuple(f"{name}()" for name in names) if value is None else value
        if isinstance(node, ast.IfExp):
            return tuple(dict.fromkeys((*self.resolve(node.body), *self.resolve(node.orelse))))
        if isinstance(node, ast.Await):
            return ()
        return self.resolve(node.value) if isinstance(node, ast.NamedExpr) else ()

    def _resolve_name(self, name: str) -> Names:
        names = self.scopes.find(name)
        if names is not None:
            return names
        if name not in _BUILTINS:
            self.has_unbound = True
        return self.reader.find_star_name(name, self.scopes)

    def members(self, names: Names, attribute: str) -> Names:
        """Return what an attribute of these names stands for."""
        members: list[str] = []
        for name in names:
            found = self.reader.member(name, attribute)
            members += (f"{name}.{attribute}",) if found is None else found
        return tuple(dict.fromkeys(members))

    def add_uses(
        self,
        node: ast.stmt | ast.expr,
        names: Names,
        call: Call | None = None,
        *,
        module: bool = False,
    ) -> None:
        """Add a use of each of these names."""
        for name in names:
            self.add_use(node, Use(cell=0, line=0, name=name, call=call, module=module))

    def add_use(self, node: ast.stmt | ast.expr, use: Use) -> None:
        """Add one use, with its place."""
        self.reader.uses.append(
            Use(
                cell=self.place.cell, line=node.lineno, name=use.name, call=use.call,
                module=use.module, chained=use.chained, file=self.place.file,
            )
        )  # fmt: skip


def deeper(place: Place) -> Place:
    """Return the place of code that is run from there."""
    return replace(place, depth=place.depth + 1)
