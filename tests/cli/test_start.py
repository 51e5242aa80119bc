"""What a start loads, counted in fresh processes: time is measured in benchmarks/start.py."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    *("IPython", "anywidget", "ipywidgets", "jupyter_server", "msgspec", "numpy", "packaging"),
    *("pandas", "psutil", "requests", "rich", "tornado", "tqdm", "urllib3"),
)
HELP_NEEDS = {
    "pkgwidgets",
    "pkgwidgets.__main__",
    "pkgwidgets.cli",
    "pkgwidgets.cli.help",
    "pkgwidgets.cli.streams",
    "pkgwidgets.commands",
    "pkgwidgets.commands.argument_parser",
    "pkgwidgets.commands.help_texts",
    "pkgwidgets.core",
    "pkgwidgets.core.plan_choices",
}


def loaded_by(code: str, *arguments: str) -> set[str]:
    """Return the modules that code loads in a process of its own."""
    whole = f"import sys\ntry:\n    {code}\nfinally:\n    print('\\n', *sys.modules)"
    argv = [sys.executable, "-c", whole, *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return {*done.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize("words", [("--help",), ("upgrade", "--help")])
def test_help_loads_neither_values_nor_backends(words: tuple[str, ...]) -> None:
    loaded = loaded_by("from pkgwidgets.__main__ import main; main()", *words)
    assert {name for name in loaded if name.partition(".")[0] == "pkgwidgets"} == HELP_NEEDS
    assert not loaded & {*HEAVY, "dataclasses", "typing"}
