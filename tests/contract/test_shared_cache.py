"""Environments whose files are links to the same cache of uv: each undo leaves the others alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pkgwidgets import PackageService, demo
from pkgwidgets.demo import Demo

pytestmark = pytest.mark.slow


@pytest.fixture
def other(tmp_path: Path, empty_index_cache: None) -> Iterator[Demo]:
    with demo.start(tmp_path / "other") as running:
        yield running


def test_undo_in_one_environment_changes_no_file_of_another(garden: Demo, other: Demo) -> None:
    services = [PackageService(g.python, index_url=garden.index_url) for g in (garden, other)]
    for service in services:
        service.upgrade_package("seedshelf")
    page = other.folder / "env" / "share" / "man" / "man1" / "seedshelf.1"
    one, plan = services[0], services[1].plan_undo()
    linked = garden.folder / "env" / "share" / "man" / "man1" / "seedshelf.1"
    assert page.samefile(linked)
    before = page.stat().st_mtime_ns
    one.undo()
    assert page.stat().st_mtime_ns == before
    assert not page.samefile(linked)
    services[1].apply(plan)
    assert services[1].get_package("seedshelf").version == "1.4.1"
