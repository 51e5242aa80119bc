"""Chained assignments to a pandas frame: `frame["a"][0] = 1`."""

from __future__ import annotations

import ast

_INDEXERS = frozenset({"at", "iat", "iloc", "loc"})
"""The attributes of a pandas frame that are indexed instead of the frame itself."""


def base_of(target: ast.expr) -> ast.expr | None:
    """Return the frame of a changed expression that is itself a subscript, else None."""
    subscript = _without_indexer(target)
    return _without_indexer(subscript.value) if isinstance(subscript, ast.Subscript) else None


def is_in_place(node: ast.Call) -> bool:
    """Tell whether a method call changes its object in place: pandas' `inplace=True`."""
    return any(
        keyword.arg == "inplace"
        and isinstance(keyword.value, ast.Constant)
        and keyword.value.value is True
        for keyword in node.keywords
    )


def _without_indexer(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.Attribute) and node.attr in _INDEXERS else node
