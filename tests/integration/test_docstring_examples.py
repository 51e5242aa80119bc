"""The public API has docstrings, with examples that run on the demo."""

from __future__ import annotations

import doctest
import inspect
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scratch_notebooks import write

import pkgwidgets
from pkgwidgets import PackagePanel, PackageService, PkgwidgetsError, demo
from pkgwidgets.notebook.values import ServiceValues

pytestmark = pytest.mark.filterwarnings("ignore:Deprecated in traitlets")  # old ipywidgets

SERVICES: list[Any] = [PackageService, ServiceValues, PackagePanel, demo.Demo]
"""Classes whose methods need examples of their own."""
VALUES: list[Any] = [
    value
    for name in pkgwidgets.__all__
    if callable(value := getattr(pkgwidgets, name)) and value not in SERVICES
]


def members(owner: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties that a class defines, with dotted names."""
    for name, member in vars(owner).items():
        if not name.startswith("_") and (inspect.isfunction(member) or type(member) is property):
            yield f"{owner.__name__}.{name}", member


def returns_value(member: Any) -> bool:
    if isinstance(member, property):
        return True
    return inspect.signature(member).return_annotation not in ("None", None)


def examples_of(documented: Any) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(inspect.getdoc(documented) or "")


NEED_DOCSTRING = [
    *((value.__name__, value) for value in [*VALUES, *SERVICES, demo.start]),
    *(
        member
        for owner in [*VALUES, *SERVICES]
        if inspect.isclass(owner)
        for member in members(owner)
    ),
]
NEED_EXAMPLE = [
    *((value.__name__, value) for value in [*SERVICES, demo.start]),
    *(
        (value.__name__, value)
        for value in VALUES
        if value is PkgwidgetsError
        or not (inspect.isclass(value) and issubclass(value, PkgwidgetsError))
    ),
    *(member for owner in SERVICES for member in members(owner) if returns_value(member[1])),
]
"""Errors are raised, not returned: only their root has an example."""


_SLOW = re.compile(r"\b(?:rehears\w*|plan_surviving|notebooks=|distributed)")


def named(documented: list[tuple[str, Any]]) -> list[Any]:
    return [pytest.param(value, id=name) for name, value in documented]


def with_marks(documented: list[tuple[str, Any]]) -> list[Any]:
    """Mark examples as slow that rehearse or need a cluster: they start several processes."""
    return [
        pytest.param(value, id=name, marks=[pytest.mark.slow] if is_slow(value) else [])
        for name, value in documented
    ]


def is_slow(documented: Any) -> bool:
    return any(_SLOW.search(example.source) for example in examples_of(documented))


@pytest.mark.parametrize("documented", named(NEED_DOCSTRING))
def test_public_api_has_docstrings(documented: Any) -> None:
    assert documented.__doc__
    assert not documented.__doc__.startswith(f"{getattr(documented, '__name__', '')}(")


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    return write(tmp_path / "story.ipynb", "import seedshelf\nprint(seedshelf.sow('bean'))")


@pytest.mark.parametrize("documented", with_marks(NEED_EXAMPLE))
def test_example_gives_the_documented_result(
    documented: Any, notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    examples = examples_of(documented)
    assert examples
    with demo.start() as garden:
        names = {
            **{name: getattr(pkgwidgets, name) for name in pkgwidgets.__all__},
            "garden": garden,
            "notebook": notebook,
            "service": PackageService(garden.python, index_url=garden.index_url),
        }
        test = doctest.DocTest(examples, names, str(documented), None, None, None)
        output = io.StringIO()
        result = doctest.DocTestRunner(verbose=False).run(test, out=output.write)
    assert result == (0, len(examples)), output.getvalue()


def test_check_covers_the_whole_api() -> None:
    assert len(NEED_EXAMPLE) > 60
    assert {*pkgwidgets.__all__} - {"__version__"} <= {name for name, _ in NEED_DOCSTRING}


def test_wrong_example_fails() -> None:
    examples = doctest.DocTestParser().get_examples(">>> 1 + 1\n3\n")
    test = doctest.DocTest(examples, {}, "wrong", None, None, None)
    output = io.StringIO()
    assert doctest.DocTestRunner(verbose=False).run(test, out=output.write).failed == 1
    assert "Expected:\n    3\nGot:\n    2" in output.getvalue()
