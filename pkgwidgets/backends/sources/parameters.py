"""What griffe's objects say of a function or class: its parameters, and who may change it."""

from __future__ import annotations

from typing import Any

from pkgwidgets.analysis.api_changes import Parameter


def parameters_of(node: Any, *, bound: bool) -> tuple[Parameter, ...] | None:
    """Return the parameters that a call sets, None if it is no function.

    `bound` is a method that is looked up in an instance.
    """
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
    """Tell whether a class may have members that its body does not show."""
    if "__getattr__" in node.members or getattr(node, "keywords", None):
        return True
    return bool(node.decorators)  # a decorator or a metaclass may add members


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
