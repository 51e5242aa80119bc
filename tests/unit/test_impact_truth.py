"""The figures of tests/impact_truth.py, on two versions of a small package."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import impact_facts
import pytest
from impact_uses import BREAKS, CHANGES, NONE, UNKNOWN, judge, table

OLD = """\
from .tools import *
def dig(depth, width=1, *, slow=False): ...
def sow(seed, row): ...
def swap(a=1, b=2): ...
def keep(a, b=1): ...
class Row:
    def __init__(self, crop, spacing=3): ...
    def thin(self, by=1): ...
    def pull(self): ...
"""
NEW = """\
from .tools import *
def dig(depth, *, width=2): ...
def sow(seed, row, month): ...
def swap(b=2, a=1): ...
def keep(a, b=1): ...
class Row:
    def __init__(self, crop, spacing=3, variety=None): ...
    def thin(self, by=2): ...
"""


def facts(
    folder: Path, patch: pytest.MonkeyPatch, names: list[str] | None = None
) -> dict[str, Any]:
    """Return what really is in the package of a folder."""
    with patch.context() as inside:
        inside.syspath_prepend(folder)
        for name in [name for name in sys.modules if name.partition(".")[0] == "truebed"]:
            inside.delitem(sys.modules, name)
        importlib.invalidate_caches()
        names = names or impact_facts.public_names("truebed")
        found = {name: impact_facts.facts_of(name) for name in names}
        for name in [name for name in sys.modules if name.partition(".")[0] == "truebed"]:
            del sys.modules[name]
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def test_answers_are_those_of_the_real_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / "old", tmp_path / "new"]
    for folder, text, tools in zip(
        folders, (OLD, NEW), ("def rake(a): ...\ndef hoe(): ...\n", "def rake(*a): ...\n"),
        strict=True,
    ):  # fmt: skip
        package = folder / "truebed"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(text)
        (package / "tools.py").write_text(tools)
    old = facts(folders[0], monkeypatch)
    new = facts(folders[1], monkeypatch, [*old])
    judged = judge("truebed", "2.0", folders[0], folders[1], old, new)
    assert judged.wrong == []
    assert {truth for truth, _ in judged.counts} == {BREAKS, CHANGES, NONE}
    assert (judged.precision(BREAKS), judged.recall(CHANGES), judged.share(UNKNOWN)) == (1, 1, 0)
    assert table([("truebed", judged), ("gone", None)]).count("\n") == 3
