"""The scripts that run in other Pythons are complete and valid in old versions."""

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
def test_probe_scripts_parse_with_the_oldest_python(text: str) -> None:
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
def test_bundled_script_has_no_relative_imports(text: str) -> None:
    compile(text, "script", "exec")  # `from __future__` stands first
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    assert [node for node in imports if node.level] == []
