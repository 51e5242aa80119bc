"""Every error says what failed in one sentence, knows a way on, and survives a process border."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pkgwidgets.core import errors
from pkgwidgets.core.errors import (
    ApplierFailed,
    Cancelled,
    DiskFailed,
    EnvironmentBusy,
    EnvironmentRefused,
    IndexUnavailable,
    InstallerUnavailable,
    InstallFailed,
    InvalidRequest,
    PackageNotFound,
    PkgwidgetsError,
    PlanImpossible,
    ProjectNotFound,
    ResolutionFailed,
    RollbackFailed,
    StageFailed,
    StalePlan,
    StillNeeded,
    TooLate,
    TransactionError,
    VerificationFailed,
    shown,
)

SAID = [
    (InvalidRequest("name", "a b"), "'a b' is not a valid name."),
    (
        InvalidRequest("version", "1", "a version needs exactly one name"),
        "'1' is not a valid version: a version needs exactly one name.",
    ),
    (InvalidRequest("name", None, "no name was given"), "No name was given."),
    (PackageNotFound("pea"), "pea is not installed."),
    (ProjectNotFound("pea", "http://h/simple/"), "pea is not on http://h/simple/."),
    (
        IndexUnavailable("http://h/simple/", "it answered 503"),
        "http://h/simple/ is not available: it answered 503.",
    ),
    (EnvironmentRefused(Path("/usr/bin/python"), "/usr is read-only"), "/usr is read-only."),
    (EnvironmentBusy("process 7"), "The environment is being changed by process 7."),
    (
        InstallerUnavailable(("the uv package", "PATH")),
        "No usable uv was found (tried the uv package, PATH).",
    ),
    (InstallerUnavailable(()), "No usable uv was found (tried nothing)."),
    (
        PlanImpossible(("pea", "bean"), "bean needs pea<1."),
        "There is no plan for pea, bean: bean needs pea<1.",
    ),
    (ResolutionFailed("no route."), "uv could not plan: no route."),
    (ResolutionFailed(""), "uv could not plan: it said nothing."),
    (StillNeeded(("pea",), ("bean",)), "pea cannot go: bean needs it."),
    (StillNeeded(("pea", "pod"), ("bean", "leek")), "pea, pod cannot go: bean, leek need it."),
    (
        StalePlan("t", ("pea is 2, not 1", "bean is 1, not absent")),
        "The environment is not the one that was planned for: "
        "pea is 2, not 1; bean is 1, not absent.",
    ),
    (StageFailed("t", ("pea fails: x",)), "pea fails: x."),
    (
        InstallFailed("t", ("uv", "pip"), 2, " no space \n"),
        "The installer ended with code 2: no space.",
    ),
    (InstallFailed("t", ("uv",), -9), "The installer ended with code -9: it said nothing."),
    (VerificationFailed("t", ("pea fails: x",)), "The new environment was wrong: pea fails: x."),
    (Cancelled("t"), "Cancelled."),
    (
        RollbackFailed("t", ("/a: no space",), "/env/.pkgwidgets/txn/t"),
        "Not put back: /a: no space. The old files are kept in /env/.pkgwidgets/txn/t.",
    ),
    (TooLate("t"), "It was done before it could be cancelled."),
    (
        ApplierFailed("t", "it was cut off"),
        "The process that makes the changes failed: it was cut off.",
    ),
    (
        DiskFailed("t", "/env/.pkgwidgets/open", "no space left on device"),
        "Stopped at /env/.pkgwidgets/open: no space left on device.",
    ),
]

FAMILIES = [PkgwidgetsError, TransactionError]
"""What is caught, never raised itself."""


def kinds(root: type[PkgwidgetsError] = PkgwidgetsError) -> list[type[PkgwidgetsError]]:
    branches = [kind for kind in root.__subclasses__() if kind.__module__ == root.__module__]
    return [root, *(kind for branch in branches for kind in kinds(branch))]


def test_every_kind_is_said_here() -> None:
    assert {type(error) for error, _ in SAID} == {*kinds()} - {*FAMILIES}


@pytest.mark.parametrize(("error", "sentence"), SAID, ids=lambda value: type(value).__name__)
def test_its_sentence_tells_what_failed_and_its_text_what_to_do(
    error: PkgwidgetsError, sentence: str
) -> None:
    assert error.sentence() == sentence
    assert str(error) == f"{sentence} {error.hint}"


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_its_code_is_in_kebab_case_and_its_hint_a_sentence(kind: type[PkgwidgetsError]) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.code)
    assert kind is PkgwidgetsError or re.fullmatch(r"[A-Z`].*\.", kind.hint)


def test_no_two_kinds_share_a_code() -> None:
    codes = [kind.code for kind in kinds()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_the_drawing_of_the_tree_shows_it(kind: type[PkgwidgetsError]) -> None:
    assert re.search(rf"\b{kind.__name__}\b", errors.__doc__ or "")


@pytest.mark.parametrize(("error", "sentence"), SAID, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "again",
    [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy],
    ids=["pickled", "copied", "copied deeply"],
)
def test_it_survives(
    again: Callable[[PkgwidgetsError], PkgwidgetsError], error: PkgwidgetsError, sentence: str
) -> None:
    found = again(error)
    assert type(found) is type(error)
    assert (found.facts, found.sentence()) == (error.facts, sentence)


@pytest.mark.parametrize(("error", "sentence"), SAID, ids=lambda value: type(value).__name__)
def test_its_facts_are_its_attributes(error: PkgwidgetsError, sentence: str) -> None:
    assert error.facts != {}
    assert all(getattr(error, name) == value for name, value in error.facts.items())
    assert not {"code", "hint"} & error.facts.keys()
    assert type(error)(**error.facts).sentence() == sentence


def test_a_transaction_that_failed_is_one_family() -> None:
    failed = {StalePlan, StageFailed, InstallFailed, VerificationFailed, Cancelled, RollbackFailed}
    assert {*kinds(TransactionError)} == {
        TransactionError,
        DiskFailed,
        TooLate,
        ApplierFailed,
        *failed,
    }


def test_two_errors_with_the_same_facts_are_two_errors() -> None:
    assert len({PackageNotFound("pea"), PackageNotFound("pea")}) == 2


def test_an_endless_output_is_cut_to_its_end() -> None:
    said = InstallFailed("t", (), 1, f"{'noise ' * 10_000}the reason").sentence()
    assert said.endswith("the reason.")
    assert len(said) < 2100


def test_a_cell_shows_the_sentence_and_no_traceback() -> None:
    shown_in_a_cell = PackageNotFound("pea")._render_traceback_()
    assert shown_in_a_cell == [f"PackageNotFound: {PackageNotFound('pea')}"]


# --- what is shown of a text that was refused


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", "'a b'"),
        ("it's", '"it\'s"'),
        ("a\nb", r"'a\nb'"),
        ("\x1b[2J\x00", r"'\x1b[2J\x00'"),
        ("\u202enum\u0443", r"'\u202enum\u0443'"),
        ("\ud800", r"'\ud800'"),
        (1, "1"),
        (None, "None"),
        (b"x", "b'x'"),
        (["\u0443"], r"['\u0443']"),
    ],
    ids=ascii,
)
def test_what_was_refused_is_shown_as_python_writes_it(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize("value", ["x" * 5000, "\u0443" * 5000, ["x"] * 5000, b"x" * 5000])
def test_a_long_value_is_cut(value: object) -> None:
    assert len(shown(value)) == 81
    assert shown(value).endswith("…")


def test_of_a_long_path_the_name_is_shown() -> None:
    path = f"/home/{'deep/' * 40}report.ipynb"
    assert shown(path).startswith("'…")
    assert shown(path).endswith("/deep/report.ipynb'")
    assert len(shown(path)) == 81
    said = InvalidRequest("notebook", path, "it was never rehearsed")
    assert "/deep/report.ipynb' is not a valid notebook: it was never" in said.sentence()
    assert said.value == path


def test_of_a_long_address_the_host_is_shown() -> None:
    address = f"https://host.invalid/{'deep/' * 40}"
    assert shown(address).startswith("'https://host.invalid/deep/")
    assert shown(address).endswith("…")


def test_a_number_too_long_for_python_to_write_is_shown_somehow() -> None:
    assert len(shown(10**5000)) <= 81


@pytest.mark.parametrize(
    "value",
    [
        "https://u:secret@host.invalid/simple/",
        "x @ https://u:secret@host.invalid/x.whl",
        "git+ssh://token-secret@host.invalid/r",
    ],
)
def test_credentials_are_not_kept(value: str) -> None:
    error = InvalidRequest("requirement", value)
    assert "host.invalid" in error.sentence()
    assert "secret" not in f"{error} {error!r} {error.facts}"
