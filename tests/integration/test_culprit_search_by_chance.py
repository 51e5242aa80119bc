"""The culprit search with cells that fail at random."""

from __future__ import annotations

from math import ceil, log2
from pathlib import Path
from random import Random

import pytest
from culprit_cases import (
    MAX_PACKAGES,
    counting_cells,
    kit_with,
    randomly_failing_cell,
    search_culprits,
)
from scratch_notebooks import crops, write

# --- random cells


@pytest.mark.slow
def test_culprit_is_found_beside_a_randomly_failing_cell(
    tmp_path: Path,
) -> None:
    """Random failures may rarely look like a culprit, but are always noted."""
    dice, innocent, times = Random(11), 0, 15
    for chance in (0.05, 0.3, 0.5, 0.8, 0.95):
        for _ in range(times):
            cell = randomly_failing_cell(
                tmp_path / "tosses", (dice.random() < chance for _ in range(200))
            )
            notebook = write(
                tmp_path / "a.ipynb", cell, *counting_cells(*range(1, MAX_PACKAGES + 1))
            )
            kit = kit_with(*crops(MAX_PACKAGES, [5]))
            result = search_culprits(kit, notebook, allow_untried=True)
            assert "crop5" in result.culprits
            assert len(result.plan.changes) == MAX_PACKAGES - len(result.culprits)
            assert {held_back.id for held_back in result.plan.held_back} == set(result.culprits)
            assert all(
                held_back.reason.startswith("it breaks cell ")
                for held_back in result.plan.held_back
            )
            assert result.rehearsals <= 2 + ceil(log2(MAX_PACKAGES)) * (1 + len(result.culprits))
            innocent += len(result.culprits) - 1
    assert innocent <= 5 * times // 8
