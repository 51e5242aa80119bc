"""Frozen dataclasses whose methods are written when one of them is first used.

`dataclasses` writes and compiles six functions for each class. A start imports some hundred classes
and makes values of a few: that was a third of its processor time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

_Class = TypeVar("_Class", bound=type)

_FACTS = ("__dataclass_fields__", "__dataclass_params__", "__match_args__")
_METHODS = ("__init__", "__repr__")
_COMPARISONS = ("__eq__", "__hash__")
_lock = RLock()


def _dataclass(
    *, frozen: bool, slots: bool, kw_only: bool = False, eq: bool = True
) -> Callable[[_Class], _Class]:
    """Decorate a class as `dataclasses.dataclass` does; only for frozen, slotted classes.

    >>> @dataclass(frozen=True, slots=True)
    ... class Bed:
    ...     row: int
    >>> Bed(3), Bed(3) == Bed(3), dataclasses.replace(Bed(3), row=4)
    (Bed(row=3), True, Bed(row=4))
    """
    if not (frozen and slots):
        raise TypeError("not frozen or not slotted: use `dataclasses`")

    def decorate(plain: _Class) -> _Class:
        slotted = _with_slots(plain)
        unwritten = _Unwritten(plain, slotted, {"kw_only": kw_only, "eq": eq})
        for name in (*_FACTS, *_METHODS, *(_COMPARISONS if eq else ())):
            if vars(plain).get(name) is None:  # `__hash__` is None beside an own `__eq__`
                setattr(slotted, name, _UnwrittenAttribute(unwritten, name))
        return slotted

    return decorate


class _Unwritten:
    """A class for which `dataclasses` has not written anything yet."""

    def __init__(self, plain: type, slotted: type, options: dict[str, bool]) -> None:
        self._plain, self._slotted, self._options = plain, slotted, options
        self._is_written = False

    def write(self) -> None:
        """Let `dataclasses` write for the plain class, and give all of that to the slotted one."""
        with _lock:
            if self._is_written:
                return
            own = dict(vars(self._plain))
            dataclasses.dataclass(frozen=True, **self._options)(self._plain)
            for name, value in vars(self._plain).items():
                is_new = name not in own or (name == "__hash__" and value is not own[name])
                if is_new and name not in ("__setattr__", "__delattr__"):
                    setattr(self._slotted, name, value)
            self._is_written = True


class _UnwrittenAttribute:
    """An attribute of a class that is written when it is first read."""

    def __init__(self, unwritten: _Unwritten, name: str) -> None:
        self._unwritten, self._name = unwritten, name

    def __get__(self, instance: object, owner: type) -> Any:
        self._unwritten.write()
        return getattr(owner if instance is None else instance, self._name)


def _with_slots(plain: _Class) -> _Class:
    """Return a copy of a class that has slots; frozen, and it can be pickled."""
    fields = [n for n, kind in plain.__annotations__.items() if not kind.startswith("ClassVar")]
    left_out = {*fields, "__dict__", "__weakref__"}
    kept = {name: value for name, value in vars(plain).items() if name not in left_out}
    added = {
        "__slots__": tuple(fields),
        "__setattr__": _refuse_change,
        "__delattr__": _refuse_change,
        "__getstate__": _get_state,
        "__setstate__": _set_state,
    }
    slotted: _Class = type(plain)(plain.__name__, plain.__bases__, kept | added)
    slotted.__qualname__ = plain.__qualname__
    return slotted


def _refuse_change(self: object, name: str, *_: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot change field {name!r}")


def _get_state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # to the type checker, they are the same
else:
    dataclass = _dataclass
