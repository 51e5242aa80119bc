"""The change key of a file detects edits and replacements."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pkgwidgets.backends.store.filesystem import change_key


def test_change_key_changes_with_edit_or_replacement(tmp_path: Path) -> None:
    file = tmp_path / "RECORD"
    file.write_text("pea.py,,\n")
    first = change_key(file)
    assert first is not None
    assert change_key(str(file)) == first
    file.write_text("pea.py,,\npod.py,,\n")
    longer = change_key(file)
    assert longer != first
    status = file.stat()
    other = tmp_path / "other"
    other.write_text("pod.py,,\npea.py,,\n")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(file)
    assert change_key(file) != longer


@pytest.mark.parametrize("name", ["gone", "\0", "a" * 5000], ids=["gone", "no path", "too long"])
def test_missing_file_has_no_change_key(tmp_path: Path, name: str) -> None:
    assert change_key(f"{tmp_path}/{name}") is None
