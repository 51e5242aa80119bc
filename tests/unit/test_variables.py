"""Variables that a restart would lose are named and measured without running their code."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from time import perf_counter
from types import ModuleType
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pytest

from pkgwidgets.core.kernels import Variable
from pkgwidgets.notebook import variables
from pkgwidgets.notebook.variables import size_of


class _Hostile(type):
    """A metaclass that runs its own code on every attribute access."""

    def __getattribute__(cls, name: str) -> NoReturn:
        raise AssertionError(f"{name} was asked for")


def trap() -> object:
    """Return a value whose code must not run; as a parameter, pytest would inspect it."""

    class Trap(metaclass=_Hostile):
        def __sizeof__(self) -> NoReturn:
            raise AssertionError("its code was run")

        def __getattribute__(self, name: str) -> NoReturn:
            raise AssertionError(f"{name} was asked for")

        __len__ = __iter__ = __repr__ = __sizeof__

    return Trap()


class Sly(list[Any]):
    def __iter__(self) -> NoReturn:
        raise AssertionError("it was walked through")

    __len__ = __sizeof__ = __iter__


def test_largest_variables_come_first_and_non_data_is_omitted() -> None:
    import json

    hidden = {"In": [""], "kept": 1}
    names = {
        "In": hidden["In"],
        "kept": 2,  # another value than IPython put there
        "_private": "x" * 10_000,
        "json": json,
        "helper": lambda: None,
        "built": len,
        "Trap": type(trap()),
        "text": "x" * 5000,
        "trap": trap(),
        "table": pd.DataFrame({"a": range(10_000)}),
    }
    rows = variables.describe_variables(names, hidden)
    assert [(row.name, row.kind) for row in rows] == [
        ("table", "DataFrame"),
        ("text", "str"),
        ("kept", "int"),
        ("trap", "Trap"),
    ]
    assert rows[-1] == Variable(name="trap", kind="Trap", size=None)


@pytest.mark.parametrize(
    ("make", "size"),
    [
        (lambda: np.zeros(1000), 8000),
        (lambda: pd.DataFrame({"a": np.zeros(500), "b": np.zeros(500)}), 8000),
        (lambda: pd.DataFrame({"a": ["x"] * 500}), 4000),
        (lambda: pd.Series(np.zeros(100, dtype="int8")), 100),
        (lambda: b"x" * 3000, 3000),
        (lambda: list(range(1000)), 36_000),
        (lambda: {n: "x" * 100 for n in range(1000)}, 180_000),  # noqa: C420
        (lambda: [[0.5] * 100] * 100, 320_000),
        (lambda: [trap()] * 10, 300),
    ],
)
def test_variable_sizes_are_within_30_percent(make: Callable[[], object], size: int) -> None:
    measured = size_of(make())
    assert measured is not None
    assert math.isclose(measured, size, rel_tol=0.3)


@pytest.mark.parametrize("make", [trap, lambda: Sly([1])], ids=["trap", "sly"])
def test_size_measurement_runs_no_user_code(make: Callable[[], object]) -> None:
    assert size_of(make()) is None


def test_size_of_a_frame_without_an_index_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as that of the demo, whose pandas is a stand-in."""
    frame_type = type("DataFrame", (dict,), {})
    monkeypatch.setitem(sys.modules, "pandas", ModuleType("pandas"))
    monkeypatch.setattr(sys.modules["pandas"], "DataFrame", frame_type, raising=False)
    assert size_of(frame_type()) is None


def test_other_numpy_than_the_known_one_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"counts": np.zeros(4), "seeds": pd.Series([1, 2])}
    for name in ("numpy", "pandas"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    described = variables.describe_variables(values, {})
    assert {variable.name: variable.size for variable in described} == {
        "counts": None, "seeds": None
    }  # fmt: skip


def test_recursive_and_huge_variables_are_measured_quickly() -> None:
    endless: list[Any] = [0]
    endless[0] = endless
    many = {f"v{n}": [[n] * 1000] * 1000 for n in range(100)}
    began = perf_counter()
    assert size_of(endless)
    assert len(variables.describe_variables(many, {})) == 100
    assert perf_counter() - began < 2
