"""The user's variables, which a restart would lose, and the approximate memory of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import islice
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from pkgwidgets.core.kernels import Variable

from .loaded_packages import loaded_attribute

_SAMPLE_ITEMS = 20
"""Items of a container that are measured; the size of the others is extrapolated."""
_MAX_DEPTH = 2
_POINTER_BYTES = 8
_CONTAINER_TYPES = frozenset({list, tuple, set, frozenset, dict})
_REDEFINED_TYPES = (ModuleType, FunctionType, BuiltinFunctionType, type)
"""Types of values that come back by running the cells that import or define them."""

# The descriptors of `type` itself: an overridden attribute of a user's class is never called.
_name_of = type.__dict__["__name__"].__get__
_module_of = type.__dict__["__module__"].__get__


def variables() -> tuple[Variable, ...]:
    """Return the user's variables in this kernel, the biggest first; none outside a kernel."""
    from IPython import get_ipython

    shell: Any = get_ipython()
    return () if shell is None else describe_variables(shell.user_ns, shell.user_ns_hidden)


def describe_variables(
    names: Mapping[str, object], hidden: Mapping[str, object]
) -> tuple[Variable, ...]:
    """Return the variables among names, without those that are hidden, private or not data.

    Modules, functions, classes and objects of pkgwidgets are not data.
    """
    missing = object()
    described = [
        Variable(name=name, kind=str(_name_of(type(value))), size=size_of(value))
        for name, value in list(names.items())
        if not name.startswith("_")
        and hidden.get(name, missing) is not value
        and not issubclass(type(value), _REDEFINED_TYPES)
        and not _is_class_from(value, "pkgwidgets")
    ]
    return tuple(sorted(described, key=lambda variable: (-(variable.size or 0), variable.name)))


def size_of(value: object) -> int | None:
    """Return the approximate bytes of a value; None if only its own code could tell."""
    if _is_class_from(value, "builtins"):
        with suppress(RuntimeError):  # it is changed while it is iterated
            return _builtin_bytes(value, _MAX_DEPTH)
    elif _is_instance_of(value, "numpy", "ndarray"):
        return int(value.nbytes)  # type: ignore[attr-defined]
    elif _is_instance_of(value, "pandas", "DataFrame", "Series"):
        return _frame_bytes(value)
    return None


def _frame_bytes(value: Any) -> int | None:
    """Count bytes by cells; a column of an extension type counts as pointers."""
    if not _is_class_from(getattr(value, "index", None), "pandas"):
        return None
    is_series = _is_instance_of(value, "pandas", "Series")
    dtypes = [value.dtype] if is_series else list(value.dtypes)
    row_bytes = sum(
        dtype.itemsize if _is_class_from(dtype, "numpy") else _POINTER_BYTES for dtype in dtypes
    )
    return len(value.index) * int(row_bytes)


def _builtin_bytes(value: object, depth: int) -> int:
    own_bytes = object.__sizeof__(value) if type(value) in (type, object) else _shallow_bytes(value)
    if not depth or type(value) not in _CONTAINER_TYPES:
        return own_bytes
    items: Iterable[object] = value.values() if type(value) is dict else value  # type: ignore[assignment]
    count = len(value)  # type: ignore[arg-type]
    sample = list(islice(items, _SAMPLE_ITEMS))
    sample_bytes = sum(_item_bytes(item, depth - 1) for item in sample)
    return own_bytes + (sample_bytes * count // len(sample) if sample else 0)


def _item_bytes(value: object, depth: int) -> int:
    if type(value) in _CONTAINER_TYPES:
        return _builtin_bytes(value, depth)
    return size_of(value) or object.__sizeof__(value)


def _shallow_bytes(value: object) -> int:
    """Return the value's own bytes, without its items; its type is a built-in one."""
    return int(type(value).__sizeof__(value))


def _is_instance_of(value: object, module: str, *names: str) -> bool:
    """Return whether a value's class is one of a loaded module; the module is never imported."""
    return any(type(value) is loaded_attribute(module, name) for name in names)


def _is_class_from(value: object, package: str) -> bool:
    """Return whether a value's class belongs to a package, by the class's `__module__`."""
    module = _module_of(type(value))
    return isinstance(module, str) and module.partition(".")[0] == package
