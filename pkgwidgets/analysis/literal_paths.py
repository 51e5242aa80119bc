"""Evaluate the paths that code writes literally: `Path("..") / "src"`, `os.path.join(a, "b")`."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Mapping
from pathlib import PurePath

from .name_scopes import Names

Resolve = Callable[[ast.AST], Names]
"""Returns what imported names an expression stands for."""

_SAME = frozenset({
    "str", "os.fspath", "os.path.abspath", "os.path.realpath", "os.path.normpath", "pathlib.Path",
    "pathlib.PurePath", "pathlib.PosixPath", "os.path.expanduser",
})  # fmt: skip
"""Calls whose value is the same place as their first argument."""
_SAME_METHODS = frozenset({"resolve", "absolute", "expanduser", "as_posix", "strip", "rstrip"})


def path_of(
    node: ast.AST, resolve: Resolve, values: Mapping[str, str], folder: PurePath | None
) -> str | None:
    """Return the path that an expression is, None if only running would tell.

    `values` are the literal strings of names; `folder` is the working folder.
    """
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return values.get(name)
        case ast.JoinedStr(values=parts):
            texts = [
                path_of(
                    p.value if isinstance(p, ast.FormattedValue) else p, resolve, values, folder
                )
                for p in parts
            ]
            return None if None in texts else "".join(filter(None, texts))
        case ast.BinOp(left=left, op=ast.Div() | ast.Add(), right=right):
            first = path_of(left, resolve, values, folder)
            second = path_of(right, resolve, values, folder)
            if first is None or second is None:
                return None
            is_path = isinstance(node.op, ast.Div)
            return str(PurePath(first, second)) if is_path else first + second
        case ast.Attribute():
            return _attribute(node, resolve, values, folder)
        case ast.Subscript(value=ast.Attribute(attr="parents", value=base), slice=ast.Constant()):
            start = path_of(base, resolve, values, folder)
            count = node.slice.value if isinstance(node.slice, ast.Constant) else None
            return _parent(start, folder, count + 1) if isinstance(count, int) else None
        case ast.Call():
            return _call(node, resolve, values, folder)
    return None


def _attribute(
    node: ast.Attribute, resolve: Resolve, values: Mapping[str, str], folder: PurePath | None
) -> str | None:
    names = resolve(node)
    if names in (("os.pardir",), ("os.curdir",), ("os.sep",)):
        return {"pardir": "..", "curdir": ".", "sep": "/"}[node.attr]
    if node.attr == "parent":
        return _parent(path_of(node.value, resolve, values, folder), folder, 1)
    return None


def _call(
    node: ast.Call, resolve: Resolve, values: Mapping[str, str], folder: PurePath | None
) -> str | None:
    names = set(resolve(node.func))
    if isinstance(node.func, ast.Name) and node.func.id == "str":
        names.add("str")
    if names & {"os.getcwd", "pathlib.Path.cwd"}:
        return None if folder is None else str(folder)
    is_method = isinstance(node.func, ast.Attribute)
    if is_method and not names & _SAME and node.func.attr in _SAME_METHODS:  # type: ignore[attr-defined]
        return path_of(node.func.value, resolve, values, folder)  # type: ignore[attr-defined]
    arguments = [path_of(argument, resolve, values, folder) for argument in node.args]
    known = [argument for argument in arguments if argument is not None]
    if len(known) < len(arguments) or node.keywords:
        return None
    if names & {"os.path.dirname"} and len(known) == 1:
        return _parent(known[0], folder, 1)
    if names & {"os.path.join", "pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath"}:
        return str(PurePath(*known))
    return known[0] if names & _SAME and len(known) == 1 else None


def _parent(path: str | None, folder: PurePath | None, count: int) -> str | None:
    """Return a folder above a path; a relative one counts from the working folder."""
    if path is None or (folder is None and not PurePath(path).is_absolute()):
        return None
    parts = PurePath(os.path.normpath(PurePath(folder or "/", path)))
    return str([parts, *parts.parents, *[parts] * count][count])
