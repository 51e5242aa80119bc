"""All notebooks, and the sample that the test suite runs."""

from __future__ import annotations

from rehearsal_truth import (
    demo_failing,
    demo_mixed,
    demo_noise,
    demo_plain,
    demo_project,
    real_others,
    real_pandas,
)

NOTEBOOKS = (
    *demo_plain.NOTEBOOKS,
    *demo_noise.NOTEBOOKS,
    *demo_mixed.NOTEBOOKS,
    *demo_failing.NOTEBOOKS,
    *demo_project.NOTEBOOKS,
    *real_pandas.NOTEBOOKS,
    *real_others.NOTEBOOKS,
)

_SAMPLE = frozenset({
    "changed-number", "random-numbers", "ids-in-charts", "clock-and-error", "bar-and-number",
    "table-id-and-number", "missing-file-and-error", "data-above",
})  # fmt: skip
SAMPLE = tuple(notebook for notebook in NOTEBOOKS if notebook.name in _SAMPLE)
"""A few notebooks of each kind of truth, on the demo's packages."""
