"""Comments, docstrings and shown strings are in plain words and short sentences: STYLE.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from plain_words import (
    Kind,
    Text,
    first_word_problems,
    javascript_texts,
    problems,
    python_texts,
)

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "pkgwidgets"
DOCUMENTED: tuple[Kind, ...] = ("comment", "docstring")
ALL: tuple[Kind, ...] = (*DOCUMENTED, "string")


def texts_of(path: Path) -> Iterator[Text]:
    read = javascript_texts if path.suffix == ".js" else python_texts
    return read(path.read_text("utf-8"))


def problems_in(folder: Path, pattern: str, kinds: tuple[Kind, ...]) -> list[str]:
    """Return the problems in the texts of these kinds, each with its file and line."""
    return [
        f"{path.relative_to(TESTS.parent)}:{problem}"
        for path in sorted(folder.rglob(pattern))
        for text in texts_of(path)
        if text.kind in kinds
        for problem in problems(text)
    ]


@pytest.mark.parametrize(
    ("folder", "kinds"),
    [
        pytest.param(PACKAGE, ALL, id="pkgwidgets"),
        pytest.param(TESTS, DOCUMENTED, id="tests", marks=pytest.mark.slow),
    ],
)
def test_texts_in_python_are_plain(folder: Path, kinds: tuple[Kind, ...]) -> None:
    found = problems_in(folder, "*.py", kinds)
    assert not found, "\n".join(found)


def test_texts_in_javascript_are_plain() -> None:
    found = problems_in(PACKAGE, "*.js", ALL)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "folder",
    [
        pytest.param(PACKAGE, id="pkgwidgets"),
        pytest.param(TESTS, id="tests", marks=pytest.mark.slow),
    ],
)
def test_function_docstrings_start_with_a_verb(folder: Path) -> None:
    found = [
        f"{path.relative_to(TESTS.parent)}:{problem}"
        for path in sorted(folder.rglob("*.py"))
        for problem in first_word_problems(path.read_text("utf-8"))
    ]
    assert not found, "\n".join(found)


LONG = " ".join(["word"] * 26)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("# whom it needs", ["1: comment: 'whom'"]),
        ("x = 1  # spoilt", ["1: comment: 'spoilt'"]),
        ('"""First.\n\nSecond, of ours.\n"""', ["3: docstring: 'of ours'"]),
        ("x = 1\n'the change was cut off'", ["2: docstring: 'was cut off'"]),
        ("x = 'a name that is none'", ["1: string: 'is none'"]),
        ("x = f'{a} cannot go: {b} needs it'", ["1: string: 'cannot go'"]),
        (f"# {LONG}.", ["1: comment: 'word word word word word word…'"]),
        (f"# {LONG[:60]}\n# {LONG[60:]}.", ["1: comment: 'word word word word word word…'"]),
    ],
)
def test_problem_in_python_is_found(source: str, expected: list[str]) -> None:
    found = [problem for text in python_texts(source) for problem in problems(text)]
    assert [f"{problem.line}: {problem.kind}: {problem.found!r}" for problem in found] == expected


@pytest.mark.parametrize(
    "source",
    [
        "# If there is none, the value is None.",
        "# `whom` is a parameter of another library",
        "whom = 1",
        "x = 'it said nothing'  # quoted from a tool",
        "x = 'select told from whom'",
        r"x = '\b(?:whom|whoever)\b'",
        "x = 'import lent\\nlent.told(1)'",
        "# quoted from a tool\nx = 'it said nothing'",
        f"# {LONG[:60]}. And\n# {LONG[60:]}.",
        f"x = 1  # {LONG[:60]}\ny = 2  # {LONG[60:]}",
        f'"""Sum.\n\n>>> {LONG}\n| {LONG} |\n"""',
    ],
)
def test_plain_python_has_no_problem(source: str) -> None:
    assert [str(problem) for text in python_texts(source) for problem in problems(text)] == []


def test_problems_in_javascript_are_found() -> None:
    source = """\
        // whom
        // it needs
        const url = "https://example.invalid/whom"; /* spoilt */
        /**
         * Returns what
         * is none.
         */
        const words = `${count} within reach`, found = /"spoilt" '/.exec(`it was cut off`);
        const nested = `nobody ${some ? `${{ a: 1 }} lent` : "of ours"} foreseen`; // plain
        """
    found = [(p.line, p.kind, p.found) for t in javascript_texts(source) for p in problems(t)]
    assert found == [
        (1, "comment", "whom"),
        (3, "string", "whom"),
        (3, "comment", "spoilt"),
        (6, "comment", "is none"),
        (8, "string", "within reach"),
        (8, "string", "was cut off"),
        (9, "string", "lent"),
        (9, "string", "of ours"),
        (9, "string", "nobody"),
        (9, "string", "foreseen"),
    ]


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("def f():\n    'What it is.'", 1),
        ("def f():\n    'Return what it is.'", 0),
        ("async def f():\n    'Whether it is.'", 1),
        ("@property\ndef f():\n    'What it is.'", 0),
        ("@pytest.fixture\ndef f():\n    'What it is.'", 0),
        ("def test_f():\n    'What it is.'", 0),
    ],
)
def test_first_word_of_a_docstring_is_checked(code: str, count: int) -> None:
    assert len([*first_word_problems(code)]) == count
