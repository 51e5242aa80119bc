"""The demo in a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from pkgwidgets.demo.terminal import run_demo


def test_demo_in_a_terminal_leaves_the_home_folder_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    lines = list[str]()
    run_demo(lines.append)
    assert lines[-1].strip() == "Done. raintable 2.4.0 → 2.0.0."
    assert "; with --allow all: 3.1.0, but allotboard" in "".join(lines)  # no call of Python
    assert not (tmp_path / ".cache" / "pkgwidgets").exists()
