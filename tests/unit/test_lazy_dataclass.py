"""Values whose methods are written at the first use behave as those of `dataclasses`."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import pytest

from pkgwidgets.core import lazy_dataclass


@lazy_dataclass.dataclass(frozen=True, kw_only=True, slots=True)
class Bed:
    """A bed."""

    unit: ClassVar[str] = "m"
    row: int
    names: tuple[str, ...] = ()
    notes: list[str] = dataclasses.field(default_factory=list, compare=False, repr=False)
    label: str = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", f"bed {self.row}")


@lazy_dataclass.dataclass(frozen=True, slots=True)
class Cell:
    """A place in a bed."""

    row: int
    column: int = 0


@lazy_dataclass.dataclass(frozen=True, slots=True)
class Plant(Cell):
    """A cell with a plant."""

    name: str = "pea"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plant) and self.name == other.name


def test_fields_defaults_and_texts() -> None:
    bed = Bed(row=3, names=("pea",))
    assert repr(bed) == "Bed(row=3, names=('pea',), label='bed 3')"
    assert (bed.unit, bed.notes, Bed.unit) == ("m", [], "m")
    assert bed.notes is not Bed(row=3).notes
    assert [field.name for field in dataclasses.fields(Bed)] == ["row", "names", "notes", "label"]
    assert dataclasses.asdict(Cell(1)) == {"row": 1, "column": 0}
    assert Bed.__doc__ == "A bed."


def test_equality_and_hash_are_those_of_the_compared_fields() -> None:
    assert Bed(row=3, notes=["dry"]) == Bed(row=3)
    assert Bed(row=3) != Bed(row=4)
    assert hash(Cell(1, 2)) == hash(Cell(1, 2)) == hash((1, 2))
    assert len({Bed(row=3), Bed(row=4), Bed(row=3)}) == 2
    assert Cell(1) != Plant(1)


def test_an_own_comparison_stays() -> None:
    assert Plant(1) == Plant(2)
    assert Plant(1, name="bean") != Plant(1)
    assert hash(Plant(1)) == hash((1, 0, "pea"))


def test_values_are_frozen_and_have_no_other_attributes() -> None:
    cell = Cell(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="column"):
        cell.column = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="column"):
        del cell.column
    assert not hasattr(cell, "__dict__")


def test_calls_are_checked_as_those_of_functions() -> None:
    with pytest.raises(TypeError, match="row"):
        Bed()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="positional"):
        Bed(3)  # type: ignore[call-arg]
    assert (
        str(inspect.signature(Plant))
        == "(row: 'int', column: 'int' = 0, name: 'str' = 'pea') -> None"
    )


def test_copies() -> None:
    bed = Bed(row=3)
    assert dataclasses.replace(bed, row=4).label == "bed 4"
    assert pickle.loads(pickle.dumps(bed)) == copy.deepcopy(bed) == bed
    match Plant(1, 2):
        case Plant(row, column, name):
            assert (row, column, name) == (1, 2, "pea")


def test_the_first_use_may_be_in_many_threads() -> None:
    for _ in range(50):

        @lazy_dataclass.dataclass(frozen=True, slots=True)
        class Fresh:
            number: int

        with ThreadPoolExecutor(8) as pool:
            made = [*pool.map(Fresh, [7] * 16)]
        assert {value.number for value in made} == {7}
        assert len({*made}) == 1


def test_others_are_refused() -> None:
    with pytest.raises(TypeError, match="use `dataclasses`"):
        lazy_dataclass.dataclass(frozen=False, slots=True)


def test_methods_are_written_at_the_first_use_only() -> None:
    @lazy_dataclass.dataclass(frozen=True, slots=True)
    class Fresh:
        number: int

    def is_written() -> set[bool]:
        names = ("__init__", "__repr__", "__eq__", "__hash__", "__dataclass_fields__")
        return {type(vars(Fresh)[name]).__name__ != "_UnwrittenAttribute" for name in names}

    assert is_written() == {False}
    assert Fresh(7).number == 7
    assert is_written() == {True}
