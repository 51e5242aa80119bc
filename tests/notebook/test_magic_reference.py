"""The reference's examples of the magic work in a real kernel's shell."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

from pkgwidgets import PackageService
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.notebook import magic

pytestmark = pytest.mark.slow

REFERENCE = (Path(__file__).parents[2] / ".github" / "REFERENCE.md").read_text("utf-8")
(BLOCK,) = re.findall(r"```ipython\n(.*?)```", REFERENCE, re.DOTALL)


def test_reference_magic_cell_runs(
    service: PackageService, garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run on the demo, with one of its packages in place of pandas."""
    garden.index.publish(BuiltWheel(name="polars", version="1.2", files={"polars.py": ""}))
    monkeypatch.setattr(magic, "PackageService", lambda python, *, index_url: service)
    shell = InteractiveShell.instance()
    run: Callable[[str], ExecutionResult] = shell.run_cell
    try:
        answers = {}
        for line in BLOCK.splitlines():
            done = run(line.replace("pandas", "raintable"))
            assert done.success, line
            answers[line] = type(done.result).__name__
        assert isinstance(shell.user_ns["frame"], pd.DataFrame)
    finally:
        InteractiveShell.clear_instance()
    assert list(answers.values()) == [
        "NoneType", "DataFrame", "NoneType", "Plan", "Transaction", "Transaction", "Transaction",
        "Transaction", "Transaction", "DataFrame", "Export", "dict", "PackagePanel",
    ]  # fmt: skip
