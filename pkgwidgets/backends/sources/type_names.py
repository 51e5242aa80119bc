"""The classes that an annotation names."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_UNIONS = frozenset({"Optional", "Union"})


def named_types(text: str) -> Iterator[str]:
    """Yield the dotted names of the classes in an annotation; "" for another kind of type.

    >>> [*named_types("Optional['pd.DataFrame'] | None")]
    ['pd.DataFrame']
    """
    try:
        yield from _types(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError):
        yield ""


def _types(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=None):
            return
        case ast.Constant(value=str(text)):
            yield from named_types(text)
        case ast.BinOp(op=ast.BitOr()):
            yield from _types(node.left)
            yield from _types(node.right)
        case ast.Subscript():
            name = ast.unparse(node.value)
            if name.rpartition(".")[2] in _UNIONS:
                inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
                for element in inner:
                    yield from _types(element)
            else:
                yield name
        case ast.Name() | ast.Attribute():
            yield ast.unparse(node)
        case _:
            yield ""
