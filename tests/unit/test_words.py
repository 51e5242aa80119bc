"""Sizes are read as people write them."""

from __future__ import annotations

import pytest

from pkgwidgets.core import words


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (None, ""),
        (0, "0 bytes"),
        (1, "1 byte"),
        (2, "2 bytes"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (1_049, "1.0 kB"),
        (1_051, "1.1 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (12_400_000, "12.4 MB"),
        (999_950_000, "1.0 GB"),
        (4_200_000_000_000, "4200.0 GB"),
    ],
)
def test_a_size_is_said_in_the_unit_that_keeps_it_short(count: int | None, said: str) -> None:
    assert words.size(count) == said
