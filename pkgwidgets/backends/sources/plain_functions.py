"""Functions as their statements show them: griffe would take ten times as long."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pkgwidgets.analysis.api_changes import Parameter


class PlainFunction:
    """A function at the top level of a module, with the attributes that griffe's have."""

    is_function = True
    is_alias = is_attribute = is_class = False
    overloads: Sequence[Any] = ()
    parent = None

    def __init__(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._node = node
        self.name = node.name

    @cached_property
    def decorators(self) -> list[Decorator]:
        """The decorators, as text."""
        return [Decorator(ast.unparse(node)) for node in self._node.decorator_list]

    @property
    def returns(self) -> str:
        """The annotation of what it returns; "" without one."""
        return ast.unparse(self._node.returns) if self._node.returns is not None else ""

    def parameters(self) -> Iterator[Parameter]:
        """Yield the parameters in their order."""
        given = self._node.args
        positional = [*given.posonlyargs, *given.args]
        defaults = [*[None] * (len(positional) - len(given.defaults)), *given.defaults]
        for number, (node, default) in enumerate(zip(positional, defaults, strict=True)):
            is_named = number >= len(given.posonlyargs)
            yield Parameter(name=node.arg, default=_text(default), keyword=is_named)
        if given.vararg is not None:
            yield Parameter(name=given.vararg.arg, keyword=False, variadic=True)
        for node, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
            yield Parameter(name=node.arg, default=_text(default), positional=False)
        if given.kwarg is not None:
            yield Parameter(name=given.kwarg.arg, positional=False, variadic=True)


@dataclass(frozen=True, slots=True)
class Decorator:
    """The text of a decorator."""

    value: str


def plain_function(statements: Sequence[ast.stmt]) -> PlainFunction | None:
    """Return the function that these statements define, if it is one without overloads."""
    node = statements[0] if len(statements) == 1 else None
    return PlainFunction(node) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else None


def _text(node: ast.expr | None) -> str | None:
    if isinstance(node, ast.Constant):
        return repr(node.value) if node.value is not ... else "..."
    return None if node is None else ast.unparse(node)
