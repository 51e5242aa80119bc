"""Values as JSON and back by msgspec: one shape to write a value, to read it and to describe it.

Imports msgspec with the first value: `--help` and the start of a worker do not wait for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import datetime
from functools import cached_property, partial, reduce
from importlib import import_module
from operator import or_
from pathlib import Path
from types import SimpleNamespace, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from packaging.version import Version

if TYPE_CHECKING:
    from msgspec import Struct

_Value = TypeVar("_Value")
_Hints = dict[str, Any]


class JsonShape(Generic[_Value]):
    """How the values of one dataclass look in JSON.

    `names` are the keys of fields that JSON calls otherwise. `computed` attributes are written, and
    not read back; `without` names fields that JSON lacks, `optional` those that older texts lack.
    `parts` are the shapes of values inside. `brief` leaves out what has its default.
    """

    def __init__(
        self,
        kind: type[_Value],
        *,
        names: Mapping[str, str] | None = None,
        computed: Sequence[str] = (),
        without: Sequence[str] = (),
        optional: Sequence[str] = (),
        parts: Sequence[JsonShape[Any]] = (),
        brief: bool = False,
    ) -> None:
        self.kind = kind
        self._names = names
        self._computed = computed
        self._left_out = {*computed, *without}
        self._optional = optional
        self._parts = parts
        self._brief = brief

    def to_json(self, value: _Value) -> dict[str, Any]:
        """Return a value as JSON values: versions and paths as text, times in ISO 8601."""
        import msgspec

        row = msgspec.convert(value, self.struct, from_attributes=True, dec_hook=_decode)
        found: dict[str, Any] = _plain(
            msgspec.to_builtins(row, enc_hook=str, builtin_types=(datetime,))
        )
        return found

    def from_json(self, data: object, **more: Any) -> _Value:
        """Return the value of JSON values; `more` are the fields that JSON lacks.

        Raises ValueError for anything else.
        """
        import msgspec

        read = partial(msgspec.convert, from_attributes=True, dec_hook=_decode)
        try:
            row = msgspec.convert(data, self.struct, dec_hook=_decode)
            found = {name: read(getattr(row, name), hint) for name, hint in self._hints.items()}
        except msgspec.ValidationError as error:  # a ValueError only in newer versions of msgspec
            raise ValueError(str(error)) from error
        return self.kind(**found, **more)

    @cached_property
    def struct(self) -> type[Struct]:
        """The msgspec type of the JSON, with its keys."""
        import msgspec

        moment = msgspec.Meta(extra_json_schema={"format": "date-time"})
        count = msgspec.Meta(extra_json_schema={"minimum": 0})
        types: dict[Any, Any] = {part.kind: part.struct for part in self._parts}
        types |= {datetime: Annotated[datetime, moment], int: Annotated[int, count]}
        defaults = {
            field.name: field.default
            for field in fields(self.kind)  # type: ignore[arg-type]
            if field.default is not MISSING and (self._brief or field.name in self._optional)
        }
        computed = [
            (name, hint | msgspec.UnsetType, msgspec.UNSET)
            for name, hint in _hints(self.kind, self._computed).items()
        ]
        read = [
            (name, hint, defaults.get(name, msgspec.NODEFAULT))
            for name, hint in self._hints.items()
        ]
        return msgspec.defstruct(
            self.kind.__name__,
            [(name, _replace(hint, types), default) for name, hint, default in computed + read],
            rename=self._names,
            kw_only=True,
            omit_defaults=self._brief,
        )

    @cached_property
    def _hints(self) -> _Hints:
        names = [field.name for field in fields(self.kind)]  # type: ignore[arg-type]
        return _hints(self.kind, [name for name in names if name not in self._left_out])


def _hints(kind: type, names: Iterable[str]) -> _Hints:
    """Return the annotations of fields and properties; no other annotation is evaluated."""
    of_fields = {field.name: field.type for field in fields(kind)}
    texts = {
        name: of_fields.get(name) or getattr(kind, name).fget.__annotations__["return"]
        for name in names
    }
    return get_type_hints(
        SimpleNamespace(__annotations__=texts), vars(import_module(kind.__module__))
    )


def _replace(hint: Any, types: Mapping[Any, Any]) -> Any:
    """Return an annotation with other types in it."""
    if hint in types:
        return types[hint]
    origin = get_origin(hint)
    if origin in (None, Literal):
        return hint
    inside = tuple(_replace(each, types) for each in get_args(hint))
    return reduce(or_, inside) if origin in (Union, UnionType) else origin[inside]


def _decode(kind: type, value: Any) -> Any:
    """Return what msgspec knows no type for: a version or a path, read or as it is."""
    if isinstance(value, kind):
        return value
    if kind in (Version, Path) and isinstance(value, str):
        return kind(value)
    raise ValueError(f"{kind.__name__} expected")


def _plain(value: Any) -> Any:
    """Return lists for tuples, and times as `isoformat` writes them: msgspec writes Z for UTC."""
    match value:
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case tuple() | list():
            return [_plain(each) for each in value]
        case datetime():
            return value.isoformat()
        case _:
            return value
