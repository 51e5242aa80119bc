"""The difference between two texts as edits of lines, which can be applied and reversed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True, kw_only=True, slots=True)
class LineEdit:
    """Lines of a text that others replace; `line` is the number of the first one, from 0."""

    line: int
    removed: tuple[str, ...]
    added: tuple[str, ...]


def edits_between(old: str, new: str) -> tuple[LineEdit, ...]:
    r"""Return the edits that make `new` of `old`, in the order of their lines.

    >>> edits_between("a\nb\n", "a\nc\n")
    (LineEdit(line=1, removed=('b',), added=('c',)),)
    """
    before, after = old.split("\n"), new.split("\n")
    start = _count_equal(zip(before, after, strict=False))
    shorter = min(len(before), len(after)) - start
    pairs = zip(before[::-1], after[::-1], strict=False)
    end = min(_count_equal(pairs), shorter)
    # A lock has thousands of lines, of which few differ: only these are compared.
    first, second = before[start : len(before) - end], after[start : len(after) - end]
    matcher = SequenceMatcher(None, first, second)
    return tuple(
        LineEdit(line=start + i, removed=tuple(first[i:j]), added=tuple(second[k:m]))
        for tag, i, j, k, m in matcher.get_opcodes()
        if tag != "equal"
    )


def apply_edits(text: str, edits: Sequence[LineEdit]) -> str:
    """Return the edited text; raise ValueError if the text is not the one that was compared."""
    lines = text.split("\n")
    for edit in reversed(edits):
        end = edit.line + len(edit.removed)
        if tuple(lines[edit.line : end]) != edit.removed:
            raise ValueError(f"line {edit.line + 1} is another one")
        lines[edit.line : end] = edit.added
    return "\n".join(lines)


def reverse_edits(edits: Sequence[LineEdit]) -> tuple[LineEdit, ...]:
    """Return the edits that make the old text of the new one."""
    return tuple(_reversed(edits))


def _reversed(edits: Sequence[LineEdit]) -> Iterator[LineEdit]:
    shift = 0
    for edit in edits:
        yield LineEdit(line=edit.line + shift, removed=edit.added, added=edit.removed)
        shift += len(edit.added) - len(edit.removed)


def _count_equal(pairs: Iterator[tuple[str, str]]) -> int:
    """Return how many pairs at the start are of equal lines."""
    count = 0
    for first, second in pairs:
        if first != second:
            break
        count += 1
    return count
