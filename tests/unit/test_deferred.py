"""A deferred object is made once, at its first use."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from pkgwidgets.core.deferred import deferred


class Pod:
    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.peas = 3


def test_object_is_made_once_and_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pod, "made", 0)
    pod = deferred(Pod)
    assert Pod.made == 0
    assert (pod.peas, pod.peas, Pod.made) == (3, 3, 1)
    with pytest.raises(AttributeError, match="beans"):
        pod.beans  # type: ignore[attr-defined]  # noqa: B018


def test_threads_share_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pod, "made", 0)
    pod, barrier = deferred(Pod), Barrier(8)

    def use(_: int) -> int:
        barrier.wait()
        return pod.peas

    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(use, range(8))] == [3] * 8
    assert Pod.made == 1


def test_error_is_raised_at_each_use_until_it_can_be_made() -> None:
    fails = [True, True, False]

    def make() -> str:
        if fails.pop(0):
            raise OSError("gone")
        return "pea"

    pea = deferred(make)
    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            pea.upper()
    assert pea.upper() == "PEA"
