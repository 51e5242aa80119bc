"""What sources say of a name: imports, star imports, names made at run time, classes, results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import griffe
import pytest

from pkgwidgets.analysis.api_changes import NameState
from pkgwidgets.backends.sources.source_api import SourceApi
from pkgwidgets.backends.sources.type_names import named_types

KNOWS_METACLASSES = hasattr(griffe.Class("Row"), "keywords")
"""Older griffe does not read the keywords of a class."""
FOUND, MISSING, UNKNOWN = NameState.FOUND, NameState.MISSING, NameState.UNKNOWN

FILES = {
    "bed/__init__.py": "from ._core import *\nfrom .part.inner import Row, grow\n"
    "from . import part\n"
    "import bed.part as other\nalias = Row\nfor late in (): pass\ngone = 1\ndel gone\n"
    "try:\n    from .part.inner import fast as quick\nexcept ImportError:\n    quick = None\n",
    "bed/_core.py": "__all__ = ['dig', 'listed']\ndef dig(depth, *, slow=False): ...\n"
    "def hidden(): ...\nlisted = 1\n",
    "bed/part/__init__.py": "",
    "bed/part/inner.py": "from .base import Base\nfrom ..tools import rake\n"
    "class Row(Base):\n"
    "    name: str\n"
    "    def __init__(self, crop, spacing=1):\n        self.crop = crop\n"
    "    def fit(self):\n        self.result_ = 1\n        return self\n"
    "    def copy(self) -> 'Row': ...\n"
    "    harvest = fit\n"
    "def grow(crop) -> Row | None: ...\ndef mixed() -> Row | int: ...\ndef plain(): ...\n"
    "def fast(a, b): ...\n",
    "bed/part/base.py": "class Base(dict):\n    def thin(self, by): ...\n",
    "bed/tools.py": "def rake(): ...\n",
    "space/one.py": "x = 1\n",
    "closed.py": "_old = {'pod': 1}\ndef __getattr__(name):\n    if name in _old:\n"
    "        return _old[name]\n    raise AttributeError(name)\n",
    "opened.py": "def __getattr__(name):\n    return make(name)\n",
    "imported.py": "from closed import _old\ndef __getattr__(name):\n    if name in _old:\n"
    "        return _old[name]\n    raise AttributeError(name)\n",
    "inverse.py": "_all = ['pod']\ndef __getattr__(name):\n    if name not in _all:\n"
    "        raise AttributeError(name)\n    return load(name)\n",
    "classy.py": "@cached\nclass __getattr__:\n    pod = property(lambda self: 1)\n"
    "    def bean(self): ...\n",
    "lazy/__init__.py": "__all__, __getattr__, __dir__ = load(__name__, [], ['.part.Row'])\n",
    "lazy/part.py": "class Row:\n    def __init__(self, crop): ...\n",
    "listing.py": "import other\ndef __getattr__(name):\n    if name in dir(other):\n"
    "        return getattr(other, name)\n    raise AttributeError(name)\n",
    "typed.pyi": "import typing as t\nfrom typing import overload\n@overload\n"
    "def f(a: int) -> int: ...\n@t.overload\ndef f(a: str, b: str) -> str: ...\n"
    "class Row:\n    @overload\n    def g(self, a: int) -> int: ...\n"
    "    @overload\n    def g(self, a: str) -> str: ...\n",
    "moves.py": "globals().update(make())\n",
    "made.py": "@add_methods(['pod'], other())\nclass Row: ...\n@final\nclass Plain: ...\n"
    "class New:\n    def __new__(cls, a): ...\n    def __init__(self, *args, **kwargs): ...\n"
    "class Meta(type):\n    def grow(cls): ...\n    def __new__(cls, name, bases): ...\n"
    "class Grown(metaclass=Meta): ...\n",
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> SourceApi:
    folder = tmp_path_factory.mktemp("site")
    return SourceApi([write(folder, FILES)])


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("bed.dig", FOUND),
        ("bed.listed", FOUND),
        ("bed.hidden", MISSING),
        ("bed.gone", MISSING),
        ("bed.late", FOUND),
        ("bed.part.inner.Row", FOUND),
        ("bed.other.inner.rake", FOUND),
        ("bed.other.inner.nothing", MISSING),
        ("bed.part.inner.Row.thin", FOUND),
        ("bed.Row.keys", FOUND),
        ("bed.Row().result_", FOUND),
        ("bed.Row().crop", FOUND),
        ("bed.Row().nothing", MISSING),
        ("bed.alias().thin", FOUND),
        ("bed.grow().thin", FOUND),
        ("bed.grow().nothing", MISSING),
        ("bed.grow().copy().nothing", MISSING),
        ("bed.part.inner.mixed().thin", UNKNOWN),
        ("bed.part.inner.plain().thin", UNKNOWN),
        ("space.one.x", FOUND),
        ("space.one.y", MISSING),
        ("closed.pod", UNKNOWN),
        ("closed.bean", MISSING),
        ("opened.pod", UNKNOWN),
        ("imported.bean", UNKNOWN),
        ("inverse.bean", MISSING),
        ("inverse.pod", UNKNOWN),
        ("classy.bean", UNKNOWN),
        ("classy.other", MISSING),
        ("lazy.Row", FOUND),
        ("lazy.other", MISSING),
        ("typed.Row.g", FOUND),
        ("typed.Row.h", MISSING),
        ("moves.pod", UNKNOWN),
        ("listing.pod", UNKNOWN),
        ("made.Row.pod", UNKNOWN),
        ("made.Plain.pod", MISSING),
        ("made.Grown.grow", FOUND if KNOWS_METACLASSES else MISSING),
    ],
)
def test_name_is_found_missing_or_unknown(api: SourceApi, name: str, state: NameState) -> None:
    assert api.api(name).state is state


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("bed.dig", ["depth", "slow"]),
        ("bed.quick", ["a", "b"]),
        ("bed.Row", ["crop", "spacing"]),
        ("bed.alias", ["crop", "spacing"]),
        ("bed.Row.thin", ["by"]),
        ("bed.Row().harvest", []),
        ("lazy.Row", ["crop"]),
        ("made.New", ["a"]),
    ],
)
def test_parameters_are_those_of_the_definition(
    api: SourceApi, name: str, parameters: list[str]
) -> None:
    found = api.api(name).parameters
    assert found is not None
    assert [parameter.name for parameter in found] == parameters


def test_overloads_and_metaclasses_are_no_parameters(api: SourceApi) -> None:
    assert api.api("typed.f").state is FOUND
    assert [api.api(name).parameters for name in ("typed.f", "made.Grown")] == [None, None]


def test_deep_expression_is_read(tmp_path: Path) -> None:
    deep = " + ".join(["'x'"] * 900)
    api = SourceApi([write(tmp_path, {"deep.py": f"long = {deep}\ndef f(a): ...\n"})])
    assert [api.api(f"deep.{name}").state for name in ("long", "f", "g")] == [FOUND, FOUND, MISSING]


def test_unknown_result_names_its_function(api: SourceApi) -> None:
    assert api.api("bed.part.inner.plain().thin").result_of == "bed.part.inner.plain"
    assert api.api("opened.pod").result_of == ""


def test_modules_are_found_as_python_finds_them(tmp_path: Path) -> None:
    first = write(tmp_path / "first", {"a/x.py": "", "b/__init__.py": "", "ext.so": ""})
    second = write(tmp_path / "second", {"a/__init__.py": "", "a/y.py": "", "b/y.py": ""})
    api = SourceApi([first, second])
    assert [api.has_module(name) for name in ("a.y", "a.x", "b", "b.y", "c", "ext")] == [
        *(True, True, True, False, False, True),
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Row", ["Row"]),
        ("'Row' | None", ["Row"]),
        ("Optional[bed.Row]", ["bed.Row"]),
        ("typing.Union[Row, Bed]", ["Row", "Bed"]),
        ("ndarray[Any, dtype]", ["ndarray"]),
        ("[1]", [""]),
        ("x =", [""]),
    ],
)
def test_classes_of_an_annotation_are_found(text: str, names: list[str]) -> None:
    assert [*named_types(text)] == names
