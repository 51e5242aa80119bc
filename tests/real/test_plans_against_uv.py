"""Plans take no version that uv would not take, and exist where uv has one."""

from __future__ import annotations

import pytest
from generated_worlds import make_world
from plan_worlds import Laboratory

pytestmark = pytest.mark.slow

_SEEDS = (*range(37), 61, 432, 476)
"""`python tests/plan_worlds.py 500` compares more of them."""


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    return Laboratory(tmp_path_factory.mktemp("worlds"))


@pytest.mark.parametrize("seed", _SEEDS)
def test_plan_takes_nothing_forbidden_and_is_not_refused(laboratory: Laboratory, seed: int) -> None:
    outcome = laboratory.compare(make_world(seed))
    assert not outcome.is_refused_wrongly, outcome.error
    assert not outcome.forbidden()


def test_worlds_differ_in_limits_and_requests() -> None:
    worlds = [make_world(seed) for seed in _SEEDS]
    assert any(world.constraint for world in worlds)
    assert any(world.override for world in worlds)
    assert any(world.is_cut_off for world in worlds)
    assert any(world.allows_prereleases for world in worlds)
    assert any(world.resolution for world in worlds)
    assert any(world.oddities for world in worlds)
    assert any(world.names is None for world in worlds)
    assert any(not world.has_upload_times for world in worlds)
    assert any(world.cut_off for world in worlds)
    assert any(world.missing_files for world in worlds)
    assert any(world.scoped_override for world in worlds)
    assert any(world.requirement for world in worlds)
    assert any(world.version for world in worlds)
