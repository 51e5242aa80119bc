"""The reference's examples of the command line work."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pkgwidgets import PackageService
from pkgwidgets.commands import grammar
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel

pytestmark = pytest.mark.slow

Run = Callable[..., "subprocess.CompletedProcess[str]"]

REFERENCE = (Path(__file__).parents[2] / ".github" / "REFERENCE.md").read_text("utf-8")
COMMANDS = [
    shlex.split(line.removeprefix("$ "), comments=True)
    for block in re.findall(r"```console\n(.*?)```", REFERENCE, re.DOTALL)
    for line in block.splitlines()
]
ENDS_WITH = {"recover": 3, "fix": 3, "restore": 3}
"""Exit codes of commands that have nothing to do here."""
NO_PROJECT = 2
"""The exit code of `--project`: no project owns the environment of the demo."""


def test_reference_shows_every_verb() -> None:
    shown = {words[1] for words in COMMANDS} | {"demo"}
    assert shown == set(grammar.verbs())
    assert {words[0] for words in COMMANDS} == {"pkgwidgets"}


def test_reference_commands_run_in_sequence(
    run: Run, garden: Demo, service: PackageService, tmp_path: Path
) -> None:
    """Run on the demo, with one of its packages in place of pandas."""
    garden.index.publish(BuiltWheel(name="polars", version="1.2", files={"polars.py": ""}))
    service.uninstall_package("harvestscale")  # whose upgrade fails, as it should
    empty = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "story.ipynb").write_text(json.dumps(empty), "utf-8")
    here = {"pandas": "raintable", "ENVIRONMENT/bin/python": str(garden.python)}
    for _, *words in COMMANDS:
        words = [here.get(word, word) for word in words]
        asks = words[0] in grammar.CHANGING and "--yes" not in words
        done = run(*words, *(["--yes"] if asks else []))
        ends_with = NO_PROJECT if "--project" in words else ENDS_WITH.get(words[0], 0)
        assert done.returncode == ends_with, (words, done.stderr)
    changes = [str(change) for done in service.values.history() for change in done.changes]
    assert changes[:2] == ["harvestscale 3.2.0 (removed)", "raintable 2.0.0 → 2.4.0"]
    assert changes[-3:] == ["polars 1.2 (new)", "polars 1.2 (removed)", "polars 1.2 (new)"]


def test_help_and_reference_list_the_same_exit_codes(run: Run) -> None:
    rows = re.findall(r"^\| (\d) \| (\w+)", REFERENCE, re.MULTILINE)
    assert [code for code, _ in rows] == ["0", "1", "2", "3", "4"]
    assert re.findall(r"^  (\d)  (\w+)", run("--help").stdout, re.MULTILINE) == rows
