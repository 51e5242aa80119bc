"""Which lines of two texts differ: the one rule for everything that shows them side by side."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangedLines:
    """The numbers of the lines, from 0, that the other text does not have at that place."""

    before: tuple[int, ...]
    after: tuple[int, ...]


def split_lines(text: str) -> list[str]:
    """Return the lines of a text; an empty text has none. Only a line feed ends a line."""
    return text.split("\n") if text else []


def changed_lines(before: str, after: str) -> ChangedLines:
    """Compare two texts line by line, in order: a line that moved is a changed line."""
    matcher = SequenceMatcher(None, split_lines(before), split_lines(after), autojunk=False)
    steps = [step for step in matcher.get_opcodes() if step[0] != "equal"]
    return ChangedLines(
        before=tuple(n for _, start, end, _, _ in steps for n in range(start, end)),
        after=tuple(n for _, _, _, start, end in steps for n in range(start, end)),
    )
