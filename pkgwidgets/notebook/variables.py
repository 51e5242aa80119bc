"""What a restart would lose: the user's variables, and about how much memory each has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import islice
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np
import pandas as pd

from pkgwidgets.core.kernels import Variable

_SAMPLE = 20
"""Items of a container that are looked at; the others are taken to be like them."""
_MAX_DEPTH = 2
_POINTER_BYTES = 8
_NESTED = frozenset({list, tuple, set, frozenset, dict})
_AGAIN = (ModuleType, FunctionType, BuiltinFunctionType, type)
"""What comes back by running the cells that import or define it."""

# Read past whatever a class says of itself: nothing of a user's is called here.
_name_of = type.__dict__["__name__"].__get__
_module_of = type.__dict__["__module__"].__get__


def variables() -> tuple[Variable, ...]:
    """Return what the user has assigned in this kernel, the biggest first; none in no kernel."""
    from IPython import get_ipython

    shell: Any = get_ipython()
    return () if shell is None else describe_variables(shell.user_ns, shell.user_ns_hidden)


def describe_variables(
    names: Mapping[str, object], hidden: Mapping[str, object]
) -> tuple[Variable, ...]:
    """Return the variables among names, without what is hidden, private, or no data.

    Modules, functions and classes are no data, nor is what is ours.
    """
    missing = object()
    described = [
        Variable(name=name, kind=str(_name_of(type(value))), size=size_of(value))
        for name, value in list(names.items())
        if not name.startswith("_")
        and hidden.get(name, missing) is not value
        and not issubclass(type(value), _AGAIN)
        and not _is_from(value, "pkgwidgets")
    ]
    return tuple(sorted(described, key=lambda variable: (-(variable.size or 0), variable.name)))


def size_of(value: object) -> int | None:
    """Return about how many bytes a value has; None for what only its own code would tell."""
    kind = type(value)
    if kind is np.ndarray:
        return int(value.nbytes)  # type: ignore[attr-defined]
    if kind is pd.DataFrame or kind is pd.Series:
        return _frame(value)
    if _is_from(value, "builtins"):
        with suppress(RuntimeError):  # it changes while we look
            return _builtin(value, _MAX_DEPTH)
    return None


def _frame(value: Any) -> int | None:
    """Count cells: columns of others' types are not asked for more."""
    if not _is_from(value.index, "pandas"):
        return None
    dtypes = [value.dtype] if type(value) is pd.Series else list(value.dtypes)
    wide = sum(d.itemsize if isinstance(d, np.dtype) else _POINTER_BYTES for d in dtypes)
    return len(value.index) * int(wide)


def _builtin(value: object, depth: int) -> int:
    own = object.__sizeof__(value) if type(value) in (type, object) else _shallow(value)
    if not depth or type(value) not in _NESTED:
        return own
    items: Iterable[object] = value.values() if type(value) is dict else value  # type: ignore[assignment]
    count = len(value)  # type: ignore[arg-type]
    sample = list(islice(items, _SAMPLE))
    inside = sum(_item(item, depth - 1) for item in sample)
    return own + (inside * count // len(sample) if sample else 0)


def _item(value: object, depth: int) -> int:
    if type(value) in _NESTED:
        return _builtin(value, depth)
    return size_of(value) or object.__sizeof__(value)


def _shallow(value: object) -> int:
    """Ask the built-in type itself: a value of exactly that type has nothing else to say."""
    return int(type(value).__sizeof__(value))


def _is_from(value: object, package: str) -> bool:
    """Tell whether a value's class is of a package, going by what the class was made as."""
    module = _module_of(type(value))
    return isinstance(module, str) and module.partition(".")[0] == package
