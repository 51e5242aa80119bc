"""A sample of the kills of `tests/faults/real_kills.py`, which does more of them."""

from __future__ import annotations

import pytest
from faults import real_kills


@pytest.mark.slow
def test_four_real_kills_leave_the_old_or_the_new_environment(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert real_kills.main(["4"]) == 0, capsys.readouterr().out
