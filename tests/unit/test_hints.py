"""An error's hint names what its reader can do: each face has a word for each call it may name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import pkgwidgets
from pkgwidgets.cli import console
from pkgwidgets.core.errors import InvalidRequest, PackageNotFound, PlanImpossible, TooLate
from pkgwidgets.notebook import magic
from pkgwidgets.presentation import payloads
from pkgwidgets.server import errors

FACES = {"command line": console.WORDS, "REST": errors.WORDS, "magic": magic.WORDS}
ROOT = Path(pkgwidgets.__file__).parent
CALL = re.compile(r"`[a-z_]+\([^`]*\)`|`[a-z_]+=[^`]*`")


def named() -> set[str]:
    """Return the calls that texts of the lower floors name, docstrings left out."""
    found: set[str] = set()
    for floor in ("core", "operations", "backends"):
        for file in (ROOT / floor).glob("*.py"):
            module = ast.parse(file.read_text("utf-8"))
            docs = {
                id(node.value)
                for node in ast.walk(module)
                if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            }
            for node in ast.walk(module):
                said = node.value if isinstance(node, ast.Constant) else None
                if isinstance(said, str) and id(node) not in docs:
                    found.update(CALL.findall(said))
    return found


@pytest.mark.parametrize("face", FACES)
def test_each_face_has_a_word_for_each_call_that_an_error_names(face: str) -> None:
    assert named() == FACES[face].keys()
    for other in FACES[face].values():
        assert not CALL.search(other)


@pytest.mark.parametrize("face", FACES)
def test_what_an_error_says_is_in_the_words_of_its_face(face: str) -> None:
    for error in (
        PackageNotFound("pea"),
        PlanImpossible(("pea",), "no."),
        TooLate("t"),
        InvalidRequest("transaction", "t", "`history()` lists those that can be undone"),
    ):
        assert CALL.search(str(error))
        said = payloads.error(error.spoken(FACES[face]))
        for text in (str(error), said["message"], said["hint"], said.get("reason", "")):
            assert not CALL.search(text), text
    assert "`get_packages()`" in PackageNotFound.hint  # of this class, others say it anew
