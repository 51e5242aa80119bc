"""Limits are parameters: no test depends on the name of a private constant."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ALLOWED = {"_MAIN", "_MAX_UNASKED_BYTES"}
"""Constants that tests still patch; none may be added."""


def patched_constants(code: str) -> Iterator[str]:
    """Yield the private constants that are replaced by `setattr`, by object or by path."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("setattr"):
            for argument in node.args[:2]:
                text = argument.value if isinstance(argument, ast.Constant) else None
                name = text.rpartition(".")[2] if isinstance(text, str) else ""
                if name.startswith("_") and name.isupper():
                    yield name


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: path.name)
def test_tests_patch_no_private_constant(path: Path) -> None:
    assert set(patched_constants(path.read_text("utf-8"))) <= ALLOWED


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("monkeypatch.setattr(module, '_SECONDS', 1)", ["_SECONDS"]),
        ("patch.setattr('pkgwidgets.module._MAX_BYTES', 1)", ["_MAX_BYTES"]),
        ("monkeypatch.setattr(module, 'run', '_TEXT')", []),
        ("Limits(max_bytes=1)", []),
    ],
)
def test_patched_private_constant_is_detected(code: str, names: list[str]) -> None:
    assert list(patched_constants(code)) == names
