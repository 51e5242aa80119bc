"""After a fault, both environments of a cluster have the old packages, or both the new ones."""

from __future__ import annotations

import pytest
from cluster.cluster_faults import run_fault
from cluster.dask_processes import TwoGardens

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("conflicting package in one", "stickler"),
        ("kill -9 of the applying process", "undone"),
    ],
)
def test_fault_leaves_all_old(two: TwoGardens, name: str, words: str) -> None:
    state, answer = run_fault(name, two)
    assert state == "all old"
    assert words in answer
