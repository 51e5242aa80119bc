"""A kill at any step of saving a lock into a notebook leaves the old or the new notebook."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from faults.tiny_environment import run_and_kill

from pkgwidgets.connect import connect
from pkgwidgets.core.notebook_lock import read_notebook_lock
from pkgwidgets.demo import Demo
from pkgwidgets.operations import embedding

pytestmark = pytest.mark.usefixtures("without_sync")

CELL = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "source": "x = 1"}
STORY = {
    "cells": [{**CELL, "execution_count": None}],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def test_kill_at_any_file_operation_loses_no_notebook(garden: Demo, tmp_path: Path) -> None:
    story = tmp_path / "story.ipynb"
    old = json.dumps(STORY, indent=1)
    kills, found = 0, old
    for number in count(1):
        story.write_text(old, "utf-8")
        story.chmod(0o640)
        work = embed_in(garden, story)
        was_killed = run_and_kill(work, f"operation#{number}")
        found = story.read_text("utf-8")
        assert story.stat().st_mode & 0o777 == 0o640, number
        if found != old:
            changed = json.loads(found)
            assert len(read_notebook_lock(found, "it").packages) == 11, number
            del changed["metadata"]["pkgwidgets"]
            assert changed == STORY, number
        if not was_killed:
            break
        kills += 1
        # The next call works, and removes what the kill left.
        embedding.embed(connect(garden.python, garden.index_url), story)
        assert [path.name for path in tmp_path.iterdir()] == ["story.ipynb"], number
    assert kills >= 4
    assert found != old
    assert [path.name for path in tmp_path.iterdir()] == ["story.ipynb"]


def embed_in(garden: Demo, story: Path) -> Callable[[], object]:
    """Return what saves the lock of the garden in a notebook."""
    return lambda: embedding.embed(connect(garden.python, garden.index_url), story)
