"""What griffe's objects say of a function or class: its parameters, and who may change it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from pkgwidgets.analysis.api_changes import Parameter

from .plain_functions import PlainFunction


def parameters_of(node: Any, *, bound: bool) -> tuple[Parameter, ...] | None:
    """Return the parameters that a call sets, None if it is no function.

    `bound` is a method that is looked up in an instance.
    """
    if isinstance(node, PlainFunction):
        return tuple(node.parameters())
    if not getattr(node, "is_function", False):
        return None
    is_method = bound or (node.parent is not None and node.parent.is_class)
    is_static = any("staticmethod" in str(decorator.value) for decorator in node.decorators)
    parameters = [_make_parameter(parameter) for parameter in node.parameters]
    skips_first = is_method and not is_static and bool(parameters)
    return tuple(parameters[1:] if skips_first else parameters)


def is_deprecated(node: Any) -> bool:
    """Tell whether a decorator calls it deprecated."""
    decorators = getattr(node, "decorators", ()) or ()
    return any(
        "deprecat" in str(decorator.value).partition("(")[0].lower() for decorator in decorators
    )


def has_other_members(node: Any) -> bool:
    """Tell whether a class may have members that neither its body nor its bases show.

    A decorator that is given more than constants, such as a list of names, may add some.
    """
    if {"__getattr__", "__getattribute__"} & {*node.members}:
        return True
    return any(_may_add_members(str(decorator.value)) for decorator in node.decorators)


def bases_of(node: Any, *, metaclass: bool) -> Iterator[str]:
    """Yield the dotted names of the bases of a class, and of its metaclass."""
    for base in node.bases:
        yield str(base).partition("[")[0]
    kind = (getattr(node, "keywords", None) or {}).get("metaclass")
    if metaclass and kind is not None:
        yield str(kind)


def _may_add_members(decorator: str) -> bool:
    try:
        tree = ast.parse(decorator, mode="eval").body
    except SyntaxError:
        return True
    if not isinstance(tree, ast.Call):
        return False
    values = (*tree.args, *(keyword.value for keyword in tree.keywords))
    return not all(isinstance(value, ast.Constant | ast.Name | ast.Attribute) for value in values)


def _make_parameter(parameter: Any) -> Parameter:
    kind = str(parameter.kind.value)
    is_variadic = kind.startswith("variadic")
    return Parameter(
        name=parameter.name,
        default=None if is_variadic or parameter.default is None else str(parameter.default),
        positional="positional" in kind,
        keyword="keyword" in kind,
        variadic=is_variadic,
    )
