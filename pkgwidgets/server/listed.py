"""Long lists as they are sent: made once, as long as their rows are the very same."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from pkgwidgets.core.model import PackageInfo

from . import payloads


class Listed:
    """The last answer to each question. Threads share it: what is kept is only replaced."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[Sequence[PackageInfo], bytes]] = {}

    def answer(self, question: Hashable, field: str, rows: Sequence[PackageInfo]) -> bytes:
        """Return the answer whose `field` has these rows."""
        known = self._known.get(question)
        # An operation gives the very row of the last time for what has not changed since.
        if known is None or not _same(known[0], rows):
            said = [payloads.package(info) for info in rows]
            text = payloads.text({"success": True, field: said})
            known = self._known[question] = (rows, text.encode())
        return known[1]


def _same(one: Sequence[PackageInfo], other: Sequence[PackageInfo]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
