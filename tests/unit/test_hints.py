"""A hint depends on the facts of its error, and names what each front end offers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from error_examples import EXAMPLES

import pkgwidgets
from pkgwidgets.agents.annotations import ANNOTATIONS
from pkgwidgets.agents.errors import NotAllowed, PlanNotRead, ServerMissing
from pkgwidgets.core import errors
from pkgwidgets.core.errors import (
    EnvironmentRefused,
    PackageNotFound,
    PkgwidgetsError,
    PlanImpossible,
    RollbackFailed,
    StillNeeded,
    TooLate,
)
from pkgwidgets.core.hints import Hint
from pkgwidgets.core.interfaces import ResolveRequest
from pkgwidgets.presentation import payloads
from pkgwidgets.presentation.hints import Face, hint_text, render, template
from pkgwidgets.server.errors import (
    KernelElsewhere,
    KernelNotFound,
    PlanNotFound,
    QuestionNotFound,
    RequestRefused,
    TransactionNotFound,
)
from pkgwidgets.server.payloads import http_status

ROOT = Path(pkgwidgets.__file__).parent
CALL = re.compile(r"`[a-zA-Z_.]+\([^`]*\)`|`[a-z_]+=[^`]*`")
"""A call or an argument in Python."""
ROUTE = re.compile(r"`(?:GET|PUT|POST|DELETE) |`\?[a-z]+=|execute|Authorization")
OPTION = re.compile(r"`--[a-z]|`%packages|`pkgwidgets ")

TOOLS = {*ANNOTATIONS}
"""The tools of agents."""

SERVER: list[tuple[PkgwidgetsError, Hint | None]] = [
    (KernelElsewhere("k", "a gateway starts its kernels"), Hint.USE_IN_NOTEBOOK),
    (KernelNotFound("k"), Hint.LIST_KERNELS),
    (PlanNotFound("p"), Hint.MAKE_PLAN),
    (TransactionNotFound("t"), Hint.LIST_TRANSACTIONS),
    (QuestionNotFound("q"), None),
    (PlanNotRead("p", 2, 1), Hint.READ_PLAN),
    (NotAllowed("no"), Hint.TELL_USER),
    (ServerMissing(), Hint.ENABLE_SERVER),
    (RequestRefused(403, "no"), Hint.AUTHENTICATE),
    (RequestRefused(403, "no", ("access:servers!server=a/",)), Hint.GET_SCOPE),
    (RequestRefused(404, "There is no such route"), Hint.CHECK_REQUEST),
    (RequestRefused(413, "too large"), Hint.CHECK_REQUEST),
    (RequestRefused(500, "The server failed; its log has the details"), None),
]
CASES = [*((error, hint) for error, _, hint in EXAMPLES), *SERVER]


@pytest.mark.parametrize(("error", "hint"), CASES, ids=lambda value: type(value).__name__)
def test_hint_is_chosen_from_the_facts_of_the_error(
    error: PkgwidgetsError, hint: Hint | None
) -> None:
    assert error.advice is hint


def test_every_hint_is_used_by_an_error() -> None:
    assert {hint for _, hint in CASES} - {None} == {*Hint}


def test_base_error_classes_have_no_misleading_hint() -> None:
    assert PkgwidgetsError().advice is None
    assert PkgwidgetsError().hint == ""
    assert errors.TransactionError("t").advice is Hint.RESTORED


@pytest.mark.parametrize("face", Face)
@pytest.mark.parametrize("hint", Hint)
def test_every_hint_has_a_sentence_in_the_terms_of_each_front_end(hint: Hint, face: Face) -> None:
    text = template(hint, face)
    assert re.fullmatch(r"[A-Z`].*\.", text)
    if face is not Face.PYTHON:
        assert not CALL.search(text)
    if face is Face.AGENT:
        assert {*re.findall(r"packages_[a-z_]+", text)} <= TOOLS
    if face is not Face.REST:
        assert not ROUTE.search(text)
    if face not in (Face.CLI, Face.MAGIC):
        assert not OPTION.search(text)
    assert "%packages" not in text or face is Face.MAGIC
    assert "`pkgwidgets " not in text or face is Face.CLI


@pytest.mark.parametrize("face", Face)
@pytest.mark.parametrize(("error", "hint"), CASES, ids=lambda value: type(value).__name__)
def test_hint_placeholders_are_filled_for_each_front_end(
    error: PkgwidgetsError, hint: Hint | None, face: Face
) -> None:
    text = hint_text(error, face)
    assert bool(text) is (hint is not None)
    assert not re.search(r"\{[a-z_]+\}", text)
    assert render(error, face) == f"{error.sentence()} {text}".strip()
    assert payloads.error(error, face)["hint"] == text


def test_python_rendering_is_the_text_of_the_error() -> None:
    for error, _ in CASES:
        assert render(error, Face.PYTHON) == str(error)
        assert hint_text(error, Face.PYTHON) == error.hint


@pytest.mark.parametrize(("error", "hint"), CASES, ids=lambda value: type(value).__name__)
def test_rendering_does_not_change_the_error(error: PkgwidgetsError, hint: Hint | None) -> None:
    def everything() -> tuple[object, ...]:
        texts = [(render(error, face), payloads.error(error, face)) for face in Face]
        return texts, str(error), error.hint, error.facts

    before, kept = everything(), dict(vars(error))
    assert str(error.with_hint("Do this.")).endswith("Do this.")
    assert everything() == before
    assert vars(error) == kept


def test_with_hint_keeps_type_facts_and_traceback() -> None:
    with pytest.raises(TooLate) as caught:
        raise TooLate("t")
    worded = caught.value.with_hint("To undo it, run `%packages undo`.")
    assert type(worded) is TooLate
    assert worded.facts == caught.value.facts
    assert worded.__traceback__ is caught.value.__traceback__
    assert worded.hint == "To undo it, run `%packages undo`."
    assert worded._render_traceback_() == [
        "TooLate: The change was complete before it could be cancelled. "
        "To undo it, run `%packages undo`."
    ]
    assert payloads.error(worded, Face.REST) == payloads.error(TooLate("t"), Face.REST)


@pytest.mark.parametrize(
    ("error", "face", "text"),
    [
        (PackageNotFound("pea"), Face.PYTHON, "`get_packages()` lists what is installed."),
        (PackageNotFound("pea"), Face.CLI, "`pkgwidgets packages` lists what is installed."),
        (PackageNotFound("pea"), Face.MAGIC, "`%packages list` lists what is installed."),
        (PackageNotFound("pea"), Face.REST, "`GET pkgwidgets/packages` lists what is installed."),
        (PackageNotFound("pea"), Face.PANEL, "The table lists what is installed."),
        (
            PlanNotRead("p7", 2, 30),
            Face.AGENT,
            "Nothing was changed. "
            'Call `packages_read_plan` with `"plan": "p7"` and `"offset": 30`.',
        ),
        (TooLate("t7"), Face.REST, "To undo it, send `POST pkgwidgets/transactions/t7/undo`."),
        (
            StillNeeded(("pea",), ("bean", "pod")),
            Face.PANEL,
            "Nothing was changed. Uninstall bean and pod as well, or keep pea.",
        ),
        (
            RollbackFailed("t", ("/a",), "/my env/{kept}"),
            Face.CLI,
            "Fix this problem. Then complete the rollback: "
            "run `python -I -S '/my env/{kept}/recover.pyz'` in a terminal, with any Python, "
            "or restart the kernel.",
        ),
        (
            EnvironmentRefused(Path("/x"), "no", usable=False),
            Face.REST,
            "Name another kernel with `?kernelspec=NAME` or `?kernel=ID`: "
            "`GET api/kernelspecs` lists them.",
        ),
    ],
)
def test_hint_text_is_in_the_words_of_the_front_end(
    error: PkgwidgetsError, face: Face, text: str
) -> None:
    assert hint_text(error, face) == text


def test_refused_request_has_its_own_http_status() -> None:
    assert http_status(RequestRefused(413, "too large")) == 413
    assert http_status(KernelNotFound("k")) == 404
    assert http_status(PlanImpossible((), "")) == 409


# --- kept packages in a resolver's explanation


@pytest.mark.parametrize(
    ("explanation", "names"),
    [
        ("Because bean==1 depends on pea<2 and you require bean==1 and pea==2.", ("bean",)),
        ("bean[pod]>=1 depends on pea<2 and sweet-pea<3 on pea<1.", ("bean", "sweet-pea")),
        ("there is no version of pea==9 and you require pea==9.", ()),
        ("the Python version does not satisfy Python>=4.", ()),
        ("only runner-bean==1 and bean-pod==1 are available, as is my.bean==1.", ()),
        ("pea needs a bean.", ()),
        ("you require leek!=3 and leek>2.", ()),
        ("", ()),
    ],
)
def test_kept_packages_named_in_an_explanation_are_found(
    explanation: str, names: tuple[str, ...]
) -> None:
    request = ResolveRequest(requirements=(), keep=("bean==1", "sweet-pea==3", "leek!=3"))
    assert request.kept_names(explanation) == names


# --- texts of the front ends


def texts(folder: str) -> Iterator[tuple[str, str]]:
    """Yield the file and the text of each string under a folder, docstrings left out."""
    for file in (ROOT / folder).rglob("*.py"):
        module = ast.parse(file.read_text("utf-8"))
        docs = {
            id(node.value)
            for node in ast.walk(module)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(module):
            if isinstance(node, ast.Constant) and id(node) not in docs:
                yield file.relative_to(ROOT).as_posix(), str(node.value)


def test_texts_of_all_front_ends_name_no_python_call() -> None:
    calls = {
        (file, text)
        for folder in ("core", "analysis", "operations", "backends", "presentation")
        for file, text in texts(folder)
        if CALL.search(text)
    }
    assert {file for file, _ in calls} == {"core/hints.py"}
