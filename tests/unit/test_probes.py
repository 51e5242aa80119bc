"""The scripts that run in other Pythons are complete and valid in old versions."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.markers import default_environment

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


def test_markers_of_an_interpreter_are_those_of_packaging() -> None:
    assert describe_interpreter.marker_values() == default_environment()


@pytest.mark.parametrize(
    ("level", "serial", "ending"), [("alpha", 2, "a2"), ("candidate", 1, "c1")]
)
def test_markers_of_an_early_python_name_its_level(
    monkeypatch: pytest.MonkeyPatch, level: str, serial: int, ending: str
) -> None:
    version = SimpleNamespace(major=3, minor=15, micro=0, releaselevel=level, serial=serial)
    monkeypatch.setattr("sys.implementation", SimpleNamespace(name="cpython", version=version))
    assert describe_interpreter.marker_values()["implementation_version"] == f"3.15.0{ending}"
