"""Preparations on the fake disk."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pkgwidgets.core.preparations import ImportResult


@dataclass
class FakePreparation:
    stage: Path
    result: ImportResult | None = None

    def complete(self, result: ImportResult) -> None:
        self.result = result


class FakePreparations:
    """The last preparation only."""

    def __init__(self, disk: MutableMapping[Path, bytes], prefix: Path) -> None:
        self._disk = disk
        self._place = prefix / ".pkgwidgets/prepared"
        self._last: tuple[str, FakePreparation] | None = None

    @contextmanager
    def begin(self, plan_id: str) -> Iterator[FakePreparation]:
        self.discard()
        preparation = FakePreparation(self._place / plan_id / "stage")
        self._last = (plan_id, preparation)
        try:
            yield preparation
        finally:
            if preparation.result is None:
                self.discard()

    def take(self, plan_id: str, stage: Path) -> ImportResult | None:
        if self._last is None or self._last[0] != plan_id:
            return None
        preparation = self._last[1]
        for path in self._staged(preparation):
            self._disk[stage / path.relative_to(preparation.stage)] = self._disk[path]
        self.discard()
        return preparation.result

    def discard(self) -> None:
        if self._last is not None:
            for path in self._staged(self._last[1]):
                del self._disk[path]
        self._last = None

    def _staged(self, preparation: FakePreparation) -> list[Path]:
        return [path for path in self._disk if path.is_relative_to(preparation.stage)]
