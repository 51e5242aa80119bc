"""Static analysis: which names cells use, and which calls a new signature breaks."""

from __future__ import annotations

import pytest
from packaging.utils import canonicalize_name

from pkgwidgets.analysis import api_changes
from pkgwidgets.analysis.api_changes import Impact, NameState, Parameter, Severity, Signature
from pkgwidgets.analysis.name_usage import Call, Cell, find_usage, owning_distribution


def names(*sources: str) -> list[tuple[int, str]]:
    cells = [Cell(number=number, source=source) for number, source in enumerate(sources, 1)]
    return [(use.cell, use.name) for use in find_usage(cells).uses]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a", ["a"]),
        ("import a.b\na.b.c", ["a.b", "a.b.c"]),
        ("import a.b as x\nx.c", ["a.b", "a.b.c"]),
        ("from a import b as x\nx.c()", ["a", "a.b", "a.b.c"]),
        ("from a import *\nb", ["a", "a.b"]),
        ("from . import b\nb", []),
        ("import a\na.b().c.d", ["a", "a.b().c.d", "a.b"]),
        ("import a\nx = a.B()\nx.c", ["a", "a.B", "a.B().c"]),
        ("import a\nx: int = a.b\nx.c", ["a", "a.b", "a.b.c"]),
        ("import a\na = 1\na.b", ["a"]),
        ("import a\nfor a in a.b: a.c", ["a", "a.b"]),
        ("import a\nwith a.b() as a: a.c", ["a", "a.b"]),
        ("import a\ndef f(a, x=a.d): a.b", ["a", "a.d"]),
        ("import a\nlambda a: a.b", ["a"]),
        ("import a\nclass C(a.B): x = a.y", ["a", "a.B", "a.y"]),
        ("import a\n{a.k: a.v for a in a.b}", ["a", "a.b"]),
        ("import a\n[x for x in y if a.b]", ["a", "a.b"]),
        ("import a\na[a.b]", ["a", "a.b"]),
        ("import a\na.b = 1", ["a"]),
        ("import a\nasync def f():\n    async for x in a.b: await x", ["a", "a.b"]),
        ("try:\n    import a\nexcept ImportError:\n    import b as a\na.c",
         ["a", "a.c", "b", "b.c"]),
        ("try:\n    import a\nexcept ImportError:\n    a = None\na.c", ["a", "a.c"]),
        ("import a\nif x:\n    a = 1\na.c", ["a", "a.c"]),
        ("if x:\n    import a\nelse:\n    import b as a\na.c", ["a", "a.c", "b", "b.c"]),
        ("def f(): return a.c\nimport a", ["a", "a.c"]),
        ("import a\ngetattr(a, 'c')", ["a", "a.c"]),
        ("__import__('a').c", ["a", "a.c"]),
        ("exec('import a; a.c')", ["a", "a.c"]),
        ("import a\nx = a.b if y else a.c\nx.d", ["a", "a.b", "a.b.d", "a.c", "a.c.d"]),
        ("import a\nif (a := 3): a.b", ["a"]),
        ("import a\ndel a\na.b", ["a"]),
    ],
)  # fmt: skip
def test_names_used_by_a_cell_are_found(source: str, expected: list[str]) -> None:
    assert sorted({name for _, name in names(source)}) == sorted(expected)


def test_imports_of_earlier_cells_are_known_in_later_ones() -> None:
    assert names("import a as x", "x.b", "x ==", "x.c") == [(1, "a"), (2, "a.b"), (4, "a.c")]
    cells = [Cell(number=7, source="x =="), Cell(number=9, source="\0")]
    assert [unknown.cell for unknown in find_usage(cells).unknowns] == [7, 9]


def test_call_arguments_are_recorded() -> None:
    uses = find_usage([Cell(number=1, source="import a\na.f(1, 2, k=3)\na.f(*x)\na.f(**x)")]).uses
    assert [use.call for use in uses if use.name == "a.f"] == [
        Call(positional_count=2, names=("k",)),
        Call(positional_count=0, has_unpacking=True),
        Call(positional_count=0, has_unpacking=True),
    ]
    assert [use.line for use in uses] == [1, 2, 3, 4]


def test_longest_module_prefix_decides_the_owning_distribution() -> None:
    modules = {"ns.a": canonicalize_name("A"), "b": canonicalize_name("B")}
    assert owning_distribution("ns.a.x", modules) == "a"
    assert owning_distribution("ns", modules) is None
    assert owning_distribution("b().c", modules) == "b"


A, B = Parameter(name="a"), Parameter(name="b", default="1")
B_NEEDED = Parameter(name="b")
MANY = Parameter(name="values", variadic=True, keyword=False)
OPTIONS = Parameter(name="options", variadic=True, positional=False)
KEY = Parameter(name="k", default="0", positional=False)
KEY_A, KEY_B = Parameter(name="c", default="0"), Parameter(name="b", default="1", positional=False)
ONLY_PLACE = Parameter(name="a", keyword=False)


@pytest.mark.parametrize(
    ("call", "old", "new", "texts"),
    [
        (Call(positional_count=1, names=("b",)), (A, B), (A,), ["f has no parameter b in v"]),
        (Call(positional_count=1, names=("b",)), (A, B), (A, OPTIONS), []),
        (Call(positional_count=1, names=("z",)), (A,), (A,), []),
        (Call(positional_count=2), (A, B), (A, KEY),
         ["f accepts 1 positional argument in v, not 2"]),
        (Call(positional_count=2), (A, B), (A, MANY), []),
        (Call(positional_count=3), (A, B), (A, B), []),
        (Call(positional_count=1), (A,), (A, Parameter(name="c")),
         ["f requires an argument for c in v"]),
        (Call(positional_count=1), (A, B), (A, B_NEEDED), ["f requires an argument for b in v"]),
        (Call(positional_count=0), (A,), (A,), []),
        (Call(positional_count=0, has_unpacking=True), (A,), (A, Parameter(name="c")),
         ["the parameters of f differ in v; which ones it sets is unknown"]),
        (Call(positional_count=0, has_unpacking=True), (A, B), (A, B), []),
        (Call(positional_count=2), (A, B), (B, A),
         ["argument 1 of f is b in v, not a", "argument 2 of f is a in v, not b"]),
        (Call(positional_count=1, names=("b",)), (A, B), (B, A),
         ["f gets b twice in v: by position and by name", "f requires an argument for a in v",
          "argument 1 of f is b in v, not a"]),
        (Call(positional_count=0, names=("a", "b")), (A, B), (B, A), []),
        (Call(positional_count=2), (A, B), (A, KEY_A, B), ["argument 2 of f is c in v, not b"]),
        (Call(positional_count=2), (A, B), (A, Parameter(name="other")), []),
        (Call(positional_count=1), (A, B), (Parameter(name="other"), B), []),
        (Call(positional_count=2), (A, B), (A, MANY, KEY_B),
         ["argument 2 of f is values in v, not b"]),
        (Call(positional_count=0, names=("a",)), (A,), (ONLY_PLACE,),
         ["f accepts a only by position in v", "f requires an argument for a in v"]),
        (Call(positional_count=0), (A,), (A, Parameter(name="c")), []),
        (Call(positional_count=1), (A, B), (A, Parameter(name="b", default="2")),
         ["the default of b of f is 2 in v, not 1"]),
        (Call(positional_count=2), (A, B), (A, Parameter(name="b", default="2")), []),
        (Call(positional_count=1), (A, B), (A, Parameter(name="b", default="...")), []),
    ],
)  # fmt: skip
def test_incompatible_signature_changes_are_reported(
    call: Call, old: tuple[Parameter, ...], new: tuple[Parameter, ...], texts: list[str]
) -> None:
    before, after = (
        Signature(state=NameState.FOUND, parameters=parameters) for parameters in (old, new)
    )
    assert [
        finding.text for finding in api_changes.compare_signatures("f", call, before, after, "v")
    ] == texts


@pytest.mark.parametrize(
    ("old", "new", "severities"),
    [
        (NameState.FOUND, NameState.MISSING, [Severity.BREAKS]),
        (NameState.FOUND, NameState.UNKNOWN, [Severity.UNKNOWN]),
        (NameState.FOUND, NameState.FOUND, []),
        (NameState.UNKNOWN, NameState.MISSING, [Severity.UNKNOWN]),
        (NameState.UNKNOWN, NameState.FOUND, [Severity.UNKNOWN]),
        (NameState.MISSING, NameState.MISSING, [Severity.UNKNOWN]),
        (NameState.MISSING, NameState.FOUND, []),
    ],
)
def test_missing_name_breaks_only_if_it_was_found_before(
    old: NameState, new: NameState, severities: list[Severity]
) -> None:
    findings = api_changes.compare_signatures(
        "f", None, Signature(state=old), Signature(state=new), "v"
    )
    assert [finding.severity for finding in findings] == severities


def test_plain_use_is_omitted_if_its_cell_has_a_finding() -> None:
    def row(cell: int, name: str, severity: Severity = Severity.NONE) -> Impact:
        return Impact(cell=cell, package="a", name=name, finding="", severity=severity)

    worst = row(2, "a.b", Severity.BREAKS)
    rows = [row(1, "a"), row(2, "a"), row(2, "a.b"), row(3, "a.b.c"), row(3, "a"), worst, worst]
    assert api_changes.sort_impacts(rows) == (worst, row(1, "a"), row(3, "a.b.c"))
