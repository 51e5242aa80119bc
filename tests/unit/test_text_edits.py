"""Edits of lines make the new text of the old text, and the old text of the new."""

from __future__ import annotations

import random

import pytest

from pkgwidgets.core.text_edits import LineEdit, apply_edits, edits_between, reverse_edits


def random_text(chance: random.Random) -> str:
    lines = [chance.choice(["a", "b", "", "]", "]\r"]) for _ in range(chance.randrange(30))]
    return "\n".join(lines)


def test_edits_lead_from_each_text_to_each_other_and_back() -> None:
    chance = random.Random(1)
    for _ in range(2_000):
        old, new = random_text(chance), random_text(chance)
        edits = edits_between(old, new)
        assert apply_edits(old, edits) == new
        assert apply_edits(new, reverse_edits(edits)) == old
        assert bool(edits) == (old != new)


def test_few_lines_of_a_long_text_are_few_edits() -> None:
    lines = [f'name = "p{number}"' for number in range(20_000)]
    new = [*lines[:500], "added", *lines[500:9_000], "other", *lines[9_001:]]
    assert edits_between("\n".join(lines), "\n".join(new)) == (
        LineEdit(line=500, removed=(), added=("added",)),
        LineEdit(line=9_000, removed=('name = "p9000"',), added=("other",)),
    )


@pytest.mark.parametrize("text", ["a\nx\nc", "a", ""])
def test_edits_of_another_text_are_refused(text: str) -> None:
    edits = edits_between("a\nb\nc", "a\nd\nc")
    with pytest.raises(ValueError, match="line 2 is another one"):
        apply_edits(text, edits)
