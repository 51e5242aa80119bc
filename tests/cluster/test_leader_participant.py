"""A commit goes to the leader that prepared it; to a new one only if that took nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from cluster.fake_cluster import make_plan

from pkgwidgets.cluster import messages
from pkgwidgets.cluster.environments import Leader
from pkgwidgets.cluster.errors import EnvironmentUnreachable
from pkgwidgets.cluster.leader_participant import LeaderParticipant
from pkgwidgets.cluster.participants import ApplyLimits
from pkgwidgets.cluster.transport import RemoteOutput
from pkgwidgets.core.errors import WorkerFailed

_NOT_TAKEN = 75
_WAITING = ["python", "hand_over.py"]


class FakeTransport:
    """Answers processes with given outputs, or raises a given error; `asked` has the requests."""

    def __init__(self, *outputs: RemoteOutput | Exception) -> None:
        self._outputs = list(outputs)
        self.asked: list[tuple[str, bool]] = []

    async def run(
        self, address: str, argv: Sequence[str], stdin: str, seconds: float
    ) -> RemoteOutput:
        self.asked.append((json.loads(stdin)["do"], list(argv) == _WAITING))
        output = self._outputs.pop(0)
        if isinstance(output, Exception):
            raise output
        return output


def success(**result: Any) -> RemoteOutput:
    return RemoteOutput(returncode=0, stdout=messages.success(result), stderr="")


def ended(returncode: int) -> RemoteOutput:
    return RemoteOutput(returncode=returncode, stdout="", stderr="")


def commit(*outputs: RemoteOutput | Exception) -> list[tuple[str, bool]]:
    """Prepare and commit; return each request, and whether the waiting leader got it."""
    transport: Any = FakeTransport(*outputs)
    leader = Leader(
        transport=transport, address="nanny", python="python", target=None, name="node:/env"
    )
    plan = make_plan().plans[0][1]
    participant = LeaderParticipant("node:/env", leader, plan, "c", None, ApplyLimits())

    async def main() -> None:
        await participant.prepare()
        await participant.commit()

    try:
        asyncio.run(main())
    finally:
        assert not transport._outputs
    asked: list[tuple[str, bool]] = transport.asked
    return asked


def test_leader_that_prepared_commits() -> None:
    asked = commit(success(waiting=_WAITING), success(transaction="t"))
    assert asked == [("prepare", False), ("commit", True)]


def test_new_leader_commits_if_none_waits() -> None:
    asked = commit(success(waiting=_WAITING), ended(_NOT_TAKEN), success(transaction="t"))
    assert asked == [("prepare", False), ("commit", True), ("commit", False)]


def test_new_leader_commits_if_the_first_does_not_offer_to_wait() -> None:
    asked = commit(success(), success(transaction="t"))
    assert asked == [("prepare", False), ("commit", False)]


@pytest.mark.parametrize(
    ("output", "error"),
    [
        (ended(1), WorkerFailed),
        (ended(-9), WorkerFailed),
        (RemoteOutput(returncode=0, stdout=messages.failure(WorkerFailed("t")), stderr=""), None),
        (EnvironmentUnreachable("node:/env", "it is gone"), EnvironmentUnreachable),
    ],
)
def test_commit_that_may_have_begun_is_not_given_to_another_leader(
    output: RemoteOutput | Exception, error: type[Exception] | None
) -> None:
    with pytest.raises(error or WorkerFailed):
        commit(success(waiting=_WAITING), output)
