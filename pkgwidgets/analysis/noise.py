"""The noise of an output: what differs between runs with the same packages.

Noise is masked at its place, and the rest is compared. A place is a token of a line, or a line.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

_TOKEN = re.compile(
    r"""
      datetime\.datetime\([^()\n]*\)
    | \d{4}-\d\d-\d\d [T\ ] \d\d:\d\d (?: :\d\d (?:[.,]\d+)? )? (?: Z | [+-]\d\d:?\d\d )?
    | \d+:\d\d (?: :\d\d )? (?: [.,]\d+ )?      # a time of day, or elapsed
    | (?<![\w.]) [+-]? (?: \d+ (?:\.\d*)? | \.\d+ ) (?: [eE][+-]?\d+ )? [a-zA-Zµ%]* (?!\w)
    | \w+
    | \s+
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
"""A time is one token: the runs are seconds apart, and the next one may begin a minute."""
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_MAX_COMPARED_LINES = 5_000
"""Of longer outputs every line may be noise, once two runs differ: an alignment takes too long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """A place of noise: so many items, all of them numbers if `is_numeric`."""

    fewest: int
    most: int
    is_numeric: bool = False

    def admits(self, items: Sequence[str]) -> bool:
        """Tell whether items may be in the gap."""
        return not self.is_numeric or all(map(_NUMBER.fullmatch, items))


@dataclass(frozen=True, slots=True)
class LinePattern:
    """A line with gaps between its tokens."""

    items: tuple[str | Gap, ...]

    def matches(self, line: str) -> bool:
        """Tell whether a line differs from the pattern only in the gaps."""
        return _matches(self.items, _tokens(line))


@dataclass(frozen=True, slots=True)
class TextPattern:
    """A text with gaps between its lines and in them; or with lines in any order."""

    items: tuple[str | LinePattern | Gap, ...]
    any_order: tuple[str, ...] = ()
    """The sorted lines, if only their order is noise."""

    def matches(self, text: str) -> bool:
        """Tell whether a text differs from the pattern only in the gaps.

        >>> pattern_of(["10:00:01 is 7", "10:00:02 is 7"]).matches("10:01:00 is 7")
        True
        >>> pattern_of(["10:00:01 is 7", "10:00:02 is 7"]).matches("10:01:00 is 8")
        False
        """
        lines = text.split("\n")
        if self.any_order and tuple(sorted(lines)) == self.any_order:
            return True
        return _matches(self.items, lines)

    @property
    def is_noisy(self) -> bool:
        """Whether the texts differed."""
        return any(not isinstance(item, str) for item in self.items)


def pattern_of(texts: Sequence[str]) -> TextPattern:
    """Return the pattern that all texts match, with gaps where one differs from the first."""
    first = texts[0].split("\n")
    places = _Places(first)
    for text in dict.fromkeys(texts[1:]):
        if text != texts[0]:
            places.compare(text.split("\n"))
    orders = {tuple(sorted(text.split("\n"))) for text in texts}
    is_shuffled = len(orders) == 1 and len(set(texts)) > 1
    return TextPattern(places.items(), orders.pop() if is_shuffled else ())


class _Places:
    """The places at which other texts differ from the lines of the first."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._variants: dict[int, list[str]] = defaultdict(list)
        """Other texts of a line, by its number."""
        self._blocks: dict[tuple[int, int], list[int]] = {}
        """Numbers of lines that other texts have in place of a range of lines."""

    def compare(self, others: list[str]) -> None:
        if max(len(self._lines), len(others)) > _MAX_COMPARED_LINES:
            self._blocks.setdefault((0, len(self._lines)), []).append(len(others))
            return
        matcher = SequenceMatcher(None, self._lines, others, autojunk=False)
        for kind, start, end, other_start, other_end in matcher.get_opcodes():
            if kind == "equal":
                continue
            if end - start == other_end - other_start:
                for line, other in zip(
                    range(start, end), others[other_start:other_end], strict=True
                ):
                    self._variants[line].append(other)
            else:
                self._blocks.setdefault((start, end), []).append(other_end - other_start)

    def items(self) -> tuple[str | LinePattern | Gap, ...]:
        items: list[str | LinePattern | Gap] = []
        end_of_block = 0
        merged = _merge_blocks(self._blocks)
        for number in range(len(self._lines) + 1):
            for (start, end), counts in merged.items():
                if start == number:
                    items.append(_gap([end - start, *counts]))
                    end_of_block = end
            if number < len(self._lines) and number >= end_of_block:
                items.append(self._line_item(number))
        return tuple(items)

    def _line_item(self, number: int) -> str | LinePattern:
        line, variants = self._lines[number], self._variants.get(number)
        return line if variants is None else _line_pattern([line, *variants])


def _merge_blocks(blocks: dict[tuple[int, int], list[int]]) -> dict[tuple[int, int], list[int]]:
    """Join the blocks that overlap; their counts add up."""
    merged: list[tuple[int, int, list[int]]] = []
    for (start, end), counts in sorted(blocks.items()):
        if merged and start < merged[-1][1]:
            last_start, last_end, last_counts = merged.pop()
            merged.append((last_start, max(last_end, end), [*last_counts, *counts, 0]))
        else:
            merged.append((start, end, counts))
    return {(start, end): counts for start, end, counts in merged}


def _line_pattern(lines: Sequence[str]) -> LinePattern:
    first, *others = map(_tokens, lines)
    blocks: dict[tuple[int, int], list[list[str]]] = {}
    for other in others:
        matcher = SequenceMatcher(None, first, other, autojunk=False)
        for kind, start, end, other_start, other_end in matcher.get_opcodes():
            if kind == "equal":
                continue
            blocks.setdefault((start, end), []).append(other[other_start:other_end])
    covered = _merge_blocks({place: [len(o) for o in found] for place, found in blocks.items()})
    items: list[str | Gap] = []
    position = 0
    for (start, end), counts in covered.items():
        items += first[position:start]
        seen = [first[start:end]]
        seen += [o for (s, e), found in blocks.items() if start <= s and e <= end for o in found]
        is_numeric = all(texts and all(map(_NUMBER.fullmatch, texts)) for texts in seen)
        items.append(_gap([end - start, *counts], is_numeric=is_numeric))
        position = end
    return LinePattern((*items, *first[position:]))


def _gap(counts: Sequence[int], *, is_numeric: bool = False) -> Gap:
    """Return a gap for these numbers of items; if they vary, they may vary more."""
    fewest, most = min(counts), max(counts)
    if fewest == most:
        return Gap(fewest=fewest, most=most, is_numeric=is_numeric)
    return Gap(fewest=0, most=2 * most + 2, is_numeric=is_numeric)


def _tokens(line: str) -> list[str]:
    """Split a line; all white space is alike: its width depends on the noise."""
    return [" " if token.isspace() else token for token in _TOKEN.findall(line)]


def _matches(pattern: Sequence[Any], items: Sequence[str]) -> bool:
    """Tell whether items match a pattern: keep the positions that may come next."""
    positions = {0}
    for part in pattern:
        if isinstance(part, Gap):
            positions = {
                end
                for start in positions
                for end in range(start + part.fewest, min(start + part.most, len(items)) + 1)
                if part.admits(items[start:end])
            }
        else:
            positions = {
                position + 1
                for position in positions
                if position < len(items) and _is_item(part, items[position])
            }
    return len(items) in positions


def _is_item(part: str | LinePattern, item: str) -> bool:
    return part == item if isinstance(part, str) else part.matches(item)
