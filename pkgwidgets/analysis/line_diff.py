"""Find the lines in which two texts differ: one rule for every side-by-side view."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangedLines:
    """Line numbers, from 0, that have no equal line at that place in the other text."""

    before: tuple[int, ...]
    after: tuple[int, ...]


def split_lines(text: str) -> list[str]:
    """Return the lines of a text; an empty text has none. Only a line feed separates lines."""
    return text.split("\n") if text else []


def changed_lines(before: str, after: str) -> ChangedLines:
    """Compare two texts line by line, in order; a moved line counts as changed."""
    matcher = SequenceMatcher(None, split_lines(before), split_lines(after), autojunk=False)
    opcodes = [opcode for opcode in matcher.get_opcodes() if opcode[0] != "equal"]
    return ChangedLines(
        before=tuple(number for _, start, end, _, _ in opcodes for number in range(start, end)),
        after=tuple(number for _, _, _, start, end in opcodes for number in range(start, end)),
    )
