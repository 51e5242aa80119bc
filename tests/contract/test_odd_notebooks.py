"""Notebooks with odd fields are rehearsed like others, in real kernels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pkgwidgets.backends.environment import interpreter as interpreter_module
from pkgwidgets.backends.sandbox.notebook_runner import KernelNotebookRunner

pytestmark = pytest.mark.slow

CELL: dict[str, Any] = {"cell_type": "code", "source": "6 * 7", "outputs": [], "metadata": {}}
BARE = {"cell_type": "code", "source": ["6 *", " 7"]}
ODD: dict[str, dict[str, Any]] = {
    "bom": {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [CELL | {"id": "a"}]},
    "bare": {"nbformat": 4, "cells": [BARE]},
    "nulls": {
        "nbformat": 4,
        "nbformat_minor": None,
        "metadata": {"kernelspec": None, "language_info": None},
        "cells": [CELL | {"metadata": {"tags": None}, "outputs": None, "attachments": 3}],
    },
    "skipped": {
        "nbformat": 4,
        "metadata": None,
        "cells": [CELL, CELL | {"source": "1 / 0", "metadata": {"tags": ["nbval-skip", 5]}}],
    },
    "same-ids": {
        "nbformat": 4,
        "nbformat_minor": 5,
        "cells": [CELL | {"id": "a"}, CELL | {"id": "a"}, {"cell_type": "markdown"}],
    },
    "prose": {"nbformat": 4, "cells": [{"cell_type": "markdown", "source": "A story"}]},
}


def test_odd_notebooks_run_as_they_were_read(tmp_path: Path) -> None:
    """They are read once: a file that is saved or damaged later changes nothing."""
    runner = KernelNotebookRunner(interpreter_module.describe())
    scripts = []
    for name, content in ODD.items():
        file = tmp_path / f"{name}.ipynb"
        file.write_text(json.dumps(content), encoding="utf-8-sig" if name == "bom" else "utf-8")
        scripts.append(runner.read(file))
        file.write_text("{")
    runs = runner.run(scripts)
    assert [run.failure for run in runs] == [""] * len(ODD)
    assert [[cell.text for cell in run.cells] for run in runs] == [
        ["42"], ["42"], ["42"], ["42", ""], ["42", "42"], [],
    ]  # fmt: skip
