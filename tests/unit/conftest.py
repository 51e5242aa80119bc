"""Unit tests run in this process only: no child process and no connection."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator

import pytest
from fakes import FakeKit, Kit

_LEAVES = [
    (subprocess.Popen, "__init__"), (os, "posix_spawn"), (os, "fork"), (socket.socket, "connect"),
]  # fmt: skip
"""What leads out of this process."""


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuse what belongs into tests/integration, also where the code hides the refusal."""
    tried: list[str] = []
    for owner, name in _LEAVES:
        monkeypatch.setattr(owner, name, _refusal(name, tried))
    yield
    assert tried == [], "a unit test starts no process and opens no connection"


def _refusal(name: str, tried: list[str]) -> object:
    def refuse(*args: object, **more: object) -> None:
        tried.append(f"{name}{args[1:2]}")
        raise AssertionError(tried[-1])

    return refuse


@pytest.fixture
def kit() -> Kit:
    """Give the demo's story on the fakes alone; tests/contract has the real one beside them."""
    return FakeKit()
