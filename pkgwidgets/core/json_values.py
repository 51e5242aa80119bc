"""Convert values to JSON and back with msgspec: one shape writes, reads and describes a value.

msgspec is imported with the first value, so that `--help` and the start of a worker are fast.
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
    """The JSON shape of one dataclass.

    `names` maps fields to JSON keys that differ. `computed` attributes are written but not read.
    `without` are fields that JSON lacks, `optional` those that older texts lack. `parts` are the
    shapes of nested values. `brief` omits fields with their default.
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
        data: dict[str, Any] = _plain(
            msgspec.to_builtins(row, enc_hook=str, builtin_types=(datetime,))
        )
        return data

    def from_json(self, data: object, **missing: Any) -> _Value:
        """Return the value for JSON values; `missing` are the fields that JSON lacks.

        Raises ValueError for values of another shape.
        """
        import msgspec

        read = partial(msgspec.convert, from_attributes=True, dec_hook=_decode)
        try:
            row = msgspec.convert(data, self.struct, dec_hook=_decode)
            values = {name: read(getattr(row, name), hint) for name, hint in self._hints.items()}
        except msgspec.ValidationError as error:  # a ValueError only since msgspec 0.20
            raise ValueError(str(error)) from error
        return self.kind(**values, **missing)

    @cached_property
    def struct(self) -> type[Struct]:
        """The msgspec type of the JSON object."""
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
    """Return the evaluated annotations of these fields and properties only."""
    of_fields = {field.name: field.type for field in fields(kind)}
    texts = {
        name: of_fields.get(name) or getattr(kind, name).fget.__annotations__["return"]
        for name in names
    }
    return get_type_hints(
        SimpleNamespace(__annotations__=texts), vars(import_module(kind.__module__))
    )


def _replace(hint: Any, types: Mapping[Any, Any]) -> Any:
    """Return an annotation with some types replaced."""
    if hint in types:
        return types[hint]
    origin = get_origin(hint)
    if origin in (None, Literal):
        return hint
    arguments = tuple(_replace(argument, types) for argument in get_args(hint))
    return reduce(or_, arguments) if origin in (Union, UnionType) else origin[arguments]


def _decode(kind: type, value: Any) -> Any:
    """Convert to the types that msgspec lacks: versions and paths."""
    if isinstance(value, kind):
        return value
    if kind in (Version, Path) and isinstance(value, str):
        return kind(value)
    raise ValueError(f"{kind.__name__} expected")


def _plain(value: Any) -> Any:
    """Return lists for tuples, and times as `isoformat` writes them: msgspec writes Z for UTC."""
    match value:
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case tuple() | list():
            return [_plain(item) for item in value]
        case datetime():
            return value.isoformat()
        case _:
            return value
