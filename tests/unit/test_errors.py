"""Every error says what failed in one sentence, knows a way on, and survives a process border."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable

import pytest
from error_examples import EXAMPLES, FAMILIES, error_types

from pkgwidgets.core import errors
from pkgwidgets.core.errors import (
    ApplierFailed,
    Cancelled,
    DiskFailed,
    InstallFailed,
    InvalidRequest,
    PackageNotFound,
    PkgwidgetsError,
    RollbackFailed,
    StageFailed,
    StalePlan,
    TooLate,
    TransactionError,
    VerificationFailed,
    shown,
)

SAID = [(error, sentence) for error, sentence, _ in EXAMPLES]


def test_every_error_has_an_example() -> None:
    assert {type(error) for error, _ in SAID} == {*error_types()} - {*FAMILIES}


@pytest.mark.parametrize(("error", "sentence"), SAID, ids=lambda value: type(value).__name__)
def test_its_sentence_tells_what_failed_and_its_text_what_to_do(
    error: PkgwidgetsError, sentence: str
) -> None:
    assert error.sentence() == sentence
    assert str(error) == f"{sentence} {error.hint}"
    assert re.fullmatch(r"[A-Z`][^{}]*\.", error.hint)


@pytest.mark.parametrize("kind", error_types(), ids=lambda kind: kind.__name__)
def test_its_code_is_in_kebab_case(kind: type[PkgwidgetsError]) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.code)


@pytest.mark.parametrize("kind", error_types(), ids=lambda kind: kind.__name__)
def test_it_has_a_status_of_http_and_an_exit_code(kind: type[PkgwidgetsError]) -> None:
    assert 400 <= kind.http_status < 600
    assert kind.exit_code in (1, 2)


@pytest.mark.parametrize(
    ("kind", "http_status", "exit_code"),
    [
        (InvalidRequest, 422, 2),
        (PackageNotFound, 404, 2),
        (errors.EnvironmentRefused, 403, 2),
        (errors.PlanImpossible, 409, 2),
        (errors.StillNeeded, 409, 2),
        (errors.IndexUnavailable, 502, 1),
        (VerificationFailed, 409, 1),
        (DiskFailed, 507, 1),
        (RollbackFailed, 500, 1),
        (ApplierFailed, 500, 1),
    ],
)
def test_what_is_refused_differs_from_what_failed(
    kind: type[PkgwidgetsError], http_status: int, exit_code: int
) -> None:
    assert (kind.http_status, kind.exit_code) == (http_status, exit_code)


def test_no_two_kinds_share_a_code() -> None:
    codes = [kind.code for kind in error_types()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("kind", error_types(), ids=lambda kind: kind.__name__)
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
    assert not {"code", "hint", "advice"} & error.facts.keys()
    assert type(error)(**error.facts).sentence() == sentence


def test_a_transaction_that_failed_is_one_family() -> None:
    failed = {StalePlan, StageFailed, InstallFailed, VerificationFailed, Cancelled, RollbackFailed}
    assert {*error_types(TransactionError)} == {
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
