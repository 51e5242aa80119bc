"""Work runs in threads, equal requests share one run, and plans are stored for their owner."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from held_transactions import PATIENCE
from server.client import Ask

from pkgwidgets.core.plans import Plan
from pkgwidgets.operations import inventory, planning
from pkgwidgets.server.coalesce import Coalescer
from pkgwidgets.server.errors import PlanNotFound
from pkgwidgets.server.plan_store import Owner, PlanStore
from pkgwidgets.server.threads import run_in_thread

PLAN = Plan(
    requested=("pea",),
    changes=(),
    environment_fingerprint="",
    python=Path("/p"),
    created=datetime.now(UTC),
)
OWNER = Owner(user="ada", prefix=Path("/env"))


@pytest.mark.parametrize(
    ("module", "name", "method", "path", "body"),
    [
        (inventory, "get_packages", "GET", "packages", None),
        (inventory, "get_package", "GET", "packages/by-name/seedshelf", None),
        (inventory, "check_for_updates", "GET", "packages/updates", None),
        (planning, "plan_upgrade", "POST", "plans", {"upgrade": "all"}),
        (planning, "plan_install", "POST", "packages/install", {"requirement": "seedshelf"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_slow_request_does_not_block_other_requests(
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    name: str,
    method: str,
    path: str,
    body: object,
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    inner = getattr(module, name)

    def held(*given: object, **more: object) -> object:
        begun.set()
        go_on.wait(PATIENCE)
        return inner(*given, **more)

    monkeypatch.setattr(module, name, held)
    waiting = asyncio.ensure_future(ask(method, path, body))
    while not begun.is_set():
        await asyncio.sleep(0.01)
    assert (await ask("GET", "openapi.json")).status == 200
    assert (await ask("GET", "packages/by-id/seedshelf")).status == 200
    assert not waiting.done()
    go_on.set()
    assert (await waiting).status == 200


async def test_fifty_concurrent_lists_are_identical(ask: Ask) -> None:
    answers = await asyncio.gather(*(ask("GET", "packages") for _ in range(50)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1


async def test_exception_in_a_thread_is_raised_to_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        await run_in_thread(lambda: 1 / 0)


async def test_cancelled_caller_does_not_cancel_shared_work() -> None:
    go_on = threading.Event()
    together = Coalescer()
    ran: list[int] = []

    def work() -> int:
        go_on.wait(PATIENCE)
        ran.append(1)
        return len(ran)

    first = asyncio.ensure_future(together.run("key", lambda: run_in_thread(work)))
    second = asyncio.ensure_future(together.run("key", lambda: run_in_thread(work)))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    go_on.set()
    assert await second == 1
    assert first.cancelled()


async def test_request_during_a_run_gets_the_next_result() -> None:
    begun, go_on = threading.Event(), threading.Event()
    together = Coalescer()
    state = ["old"]

    def work() -> str:
        result = state[0]
        begun.set()
        go_on.wait(PATIENCE)
        return result

    first = asyncio.ensure_future(together.run("key", lambda: run_in_thread(work)))
    while not begun.is_set():
        await asyncio.sleep(0.01)
    state[0] = "new"
    later = [
        asyncio.ensure_future(together.run("key", lambda: run_in_thread(work))) for _ in range(3)
    ]
    other = asyncio.ensure_future(
        together.run("another key", lambda: run_in_thread(lambda: "other"))
    )
    assert await other == "other"
    go_on.set()
    assert await first == "old"
    assert [await task for task in later] == ["new"] * 3


def test_plan_can_be_taken_only_once() -> None:
    kept = PlanStore()
    plan_id = kept.keep(PLAN, "upgrade", OWNER)
    assert len(plan_id) == 32
    assert kept.take(plan_id, "upgrade", OWNER, lambda plan: True) is PLAN
    with pytest.raises(PlanNotFound):
        kept.take(plan_id, "upgrade", OWNER, lambda plan: True)


@pytest.mark.parametrize(
    ("verb", "owner", "fits"),
    [
        ("install", OWNER, True),
        ("upgrade", Owner(user="bob", prefix=OWNER.prefix), True),
        ("upgrade", Owner(user="ada", prefix=Path("/other")), True),
        ("upgrade", OWNER, False),
    ],
)
def test_plan_of_another_owner_cannot_be_taken(verb: str, owner: Owner, fits: bool) -> None:
    kept = PlanStore()
    plan_id = kept.keep(PLAN, "upgrade", OWNER)
    with pytest.raises(PlanNotFound):
        kept.take(plan_id, verb, owner, lambda plan: fits)
    assert kept.take(plan_id, "upgrade", OWNER, lambda plan: True) is PLAN


def test_stored_plan_expires_after_an_hour() -> None:
    times = iter([0.0, 3601.0])
    kept = PlanStore(lambda: next(times))
    plan_id = kept.keep(PLAN, "upgrade", OWNER)
    with pytest.raises(PlanNotFound):
        kept.take(plan_id, "upgrade", OWNER, lambda plan: True)


def test_oldest_stored_plan_is_dropped_beyond_the_limit() -> None:
    kept = PlanStore()
    first, second, *_ = [kept.keep(PLAN, "upgrade", OWNER) for _ in range(1001)]
    with pytest.raises(PlanNotFound):
        kept.take(first, "upgrade", OWNER, lambda plan: True)
    assert kept.take(second, "upgrade", OWNER, lambda plan: True) is PLAN
