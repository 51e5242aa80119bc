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
"""The calls that start a process or open a connection."""


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that starts a process or connects, even if the code hides the error."""
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
    """Return the demo environment on fakes; tests/contract adds the real one."""
    return FakeKit()
