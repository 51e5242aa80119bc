"""The scripts that run in other Pythons: whole, and readable by old ones."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pkgwidgets.backends.environment.scripts import describe_interpreter
from pkgwidgets.backends.sandbox import probes

OLDEST = (3, 8)
DESCRIBE = Path(str(describe_interpreter.__file__)).read_text("utf-8")


@pytest.mark.parametrize(
    "text", [DESCRIBE, probes.IMPORT_CHECK, probes.START_KERNEL, probes.REHEARSAL_KERNEL]
)
def test_python_3_8_can_read_a_script(text: str) -> None:
    ast.parse(text, feature_version=OLDEST)


@pytest.mark.parametrize(
    "text",
    [
        probes.IMPORT_CHECK,
        probes.START_KERNEL,
        probes.REHEARSAL_KERNEL,
        probes.RUN_NOTEBOOKS,
    ],
)
def test_a_joined_script_needs_no_file_beside_it(text: str) -> None:
    compile(text, "script", "exec")  # `from __future__` stands first
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    assert [node for node in imports if node.level] == []
