"""Each error has a one-sentence message and a hint, and can be pickled and copied."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable

import pytest
from error_examples import EXAMPLES, FAMILIES, error_types
from plain_words import Text, problems

from pkgwidgets.core import errors
from pkgwidgets.core.errors import (
    Cancelled,
    DiskFailed,
    InstallFailed,
    InvalidRequest,
    OtherVersion,
    PackageNotFound,
    PkgwidgetsError,
    RollbackFailed,
    SavedFilesLost,
    StageFailed,
    StalePlan,
    TooLate,
    TransactionError,
    VerificationFailed,
    WorkerFailed,
    shown,
)
from pkgwidgets.presentation.hints import Face, render

UNPLAIN = re.compile(r"\b(who|put back|cut off|as it is|begun|anew)\b", re.IGNORECASE)
"""Words that no error needs, besides those that no text needs."""
SAID = [(error, sentence) for error, sentence, _ in EXAMPLES]


def test_error_examples_cover_every_class() -> None:
    assert {type(error) for error, _ in SAID} == {*error_types()} - {*FAMILIES}


@pytest.mark.parametrize(("error", "sentence"), SAID, ids=lambda value: type(value).__name__)
def test_error_text_is_its_sentence_and_its_hint(error: PkgwidgetsError, sentence: str) -> None:
    assert error.sentence() == sentence
    assert str(error) == f"{sentence} {error.hint}"
    assert re.fullmatch(r"[A-Z`][^{}]*\.", error.hint)


@pytest.mark.parametrize("face", Face)
@pytest.mark.parametrize("error", [error for error, _ in SAID], ids=lambda e: type(e).__name__)
def test_error_text_is_in_short_sentences_of_plain_words(
    error: PkgwidgetsError, face: Face
) -> None:
    text = render(error, face)
    assert not UNPLAIN.search(text)
    assert not [*map(str, problems(Text(1, "string", text)))]


@pytest.mark.parametrize("kind", error_types(), ids=lambda kind: kind.__name__)
def test_error_code_is_kebab_case(kind: type[PkgwidgetsError]) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.code)


@pytest.mark.parametrize("kind", error_types(), ids=lambda kind: kind.__name__)
def test_error_has_an_http_status_and_an_exit_code(kind: type[PkgwidgetsError]) -> None:
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
        (SavedFilesLost, 500, 1),
        (RollbackFailed, 500, 1),
        (WorkerFailed, 500, 1),
    ],
)
def test_http_status_and_exit_code_tell_refusal_from_failure(
    kind: type[PkgwidgetsError], http_status: int, exit_code: int
) -> None:
    assert (kind.http_status, kind.exit_code) == (http_status, exit_code)


def test_error_codes_are_unique() -> None:
    codes = [kind.code for kind in error_types()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("kind", error_types(), ids=lambda kind: kind.__name__)
def test_errors_docstring_lists_every_class(kind: type[PkgwidgetsError]) -> None:
    assert re.search(rf"\b{kind.__name__}\b", errors.__doc__ or "")


@pytest.mark.parametrize(("error", "sentence"), SAID, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "again",
    [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy],
    ids=["pickled", "copied", "copied deeply"],
)
def test_error_survives_pickle_and_copy(
    again: Callable[[PkgwidgetsError], PkgwidgetsError], error: PkgwidgetsError, sentence: str
) -> None:
    copied = again(error)
    assert type(copied) is type(error)
    assert (copied.facts, copied.sentence()) == (error.facts, sentence)


@pytest.mark.parametrize(("error", "sentence"), SAID, ids=lambda value: type(value).__name__)
def test_error_facts_are_its_attributes(error: PkgwidgetsError, sentence: str) -> None:
    assert error.facts != {}
    assert all(getattr(error, name) == value for name, value in error.facts.items())
    assert not {"code", "hint", "advice"} & error.facts.keys()
    assert type(error)(**error.facts).sentence() == sentence


def test_transaction_errors_share_one_base_class() -> None:
    failed = {StalePlan, StageFailed, InstallFailed, VerificationFailed, Cancelled, RollbackFailed}
    assert {*error_types(TransactionError)} == {
        TransactionError,
        DiskFailed,
        SavedFilesLost,
        OtherVersion,
        TooLate,
        WorkerFailed,
        *failed,
    }


def test_errors_with_equal_facts_are_not_equal() -> None:
    assert len({PackageNotFound("pea"), PackageNotFound("pea")}) == 2


def test_long_installer_output_is_truncated_to_its_end() -> None:
    sentence = InstallFailed("t", (), 1, f"{'noise ' * 10_000}the reason").sentence()
    assert sentence.endswith("the reason.")
    assert len(sentence) < 2100


def test_notebook_cell_shows_the_error_without_traceback() -> None:
    shown_in_a_cell = PackageNotFound("pea")._render_traceback_()
    assert shown_in_a_cell == [f"PackageNotFound: {PackageNotFound('pea')}"]


# --- refused texts in messages


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
def test_refused_value_is_shown_as_its_repr(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize("value", ["x" * 5000, "\u0443" * 5000, ["x"] * 5000, b"x" * 5000])
def test_long_value_is_truncated(value: object) -> None:
    assert len(shown(value)) == 81
    assert shown(value).endswith("…")


def test_long_path_is_truncated_to_its_end() -> None:
    path = f"/home/{'deep/' * 40}report.ipynb"
    assert shown(path).startswith("'…")
    assert shown(path).endswith("/deep/report.ipynb'")
    assert len(shown(path)) == 81
    error = InvalidRequest("notebook", path, "it was never rehearsed")
    assert "/deep/report.ipynb' is not a valid notebook: it was never" in error.sentence()
    assert error.value == path


def test_long_url_is_truncated_to_its_start() -> None:
    address = f"https://host.invalid/{'deep/' * 40}"
    assert shown(address).startswith("'https://host.invalid/deep/")
    assert shown(address).endswith("…")


def test_huge_number_can_be_shown() -> None:
    assert len(shown(10**5000)) <= 81


@pytest.mark.parametrize(
    "value",
    [
        "https://u:secret@host.invalid/simple/",
        "x @ https://u:secret@host.invalid/x.whl",
        "git+ssh://token-secret@host.invalid/r",
    ],
)
def test_error_does_not_keep_credentials(value: str) -> None:
    error = InvalidRequest("requirement", value)
    assert "host.invalid" in error.sentence()
    assert "secret" not in f"{error} {error!r} {error.facts}"
