"""No response blocks the event loop for 50 ms, however large it is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import thread_time
from typing import Any

import pytest
from filled_environment import fill
from server.client import Ask

from pkgwidgets.backends.history.journal import FolderJournal
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.demo import Demo

pytestmark = pytest.mark.slow

MAX_SECONDS = 0.05
"""Processor seconds: on a busy machine, wall-clock time proves nothing."""


@pytest.fixture
def loop_turns(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[float, str]]]:
    """Measure each callback of the event loop."""
    measurements: list[tuple[float, str]] = []
    run, main = asyncio.Handle._run, threading.get_ident()

    def run_and_measure(handle: asyncio.Handle) -> None:
        started_at, description = thread_time(), repr(handle)
        run(handle)
        if threading.get_ident() == main:
            measurements.append((thread_time() - started_at, description))

    monkeypatch.setattr(asyncio.Handle, "_run", run_and_measure)
    yield measurements
    monkeypatch.undo()


@pytest.fixture
def long_history(
    ask: Ask, default_garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Any]:
    """Replace the history by 200 transactions of 50 changes each."""

    async def make_history() -> None:
        done = await ask("PUT", "packages/seedshelf/upgrade", {})
        transaction_id = done.json["transaction"]["id"]
        read = FolderJournal.transactions

        def long_transactions(journal: FolderJournal) -> tuple[Transaction, ...]:
            transactions = read(journal)
            [one] = [
                transaction for transaction in transactions if transaction.id == transaction_id
            ]
            plan = replace(one.plan, changes=one.plan.changes * 50)
            return (
                *(replace(one, id=f"{transaction_id}-{n}", plan=plan) for n in range(200)),
                *transactions,
            )

        monkeypatch.setattr(FolderJournal, "transactions", long_transactions)

    return make_history


async def test_no_response_blocks_the_event_loop(
    ask: Ask,
    default_garden: Demo,
    loop_turns: list[tuple[float, str]],
    long_history: Callable[[], Any],
    http_server_client: Any,
    jp_auth_header: dict[str, str],
    jp_base_url: str,
) -> None:
    fill(default_garden.site_packages, 400)
    await long_history()
    for path in (
        "packages", "packages?check_updates=true", "packages/updates", "transactions",
        "openapi.json", "packages/by-id/seedshelf", "packages?kernelspec=garden",
    ):  # fmt: skip
        url = f"{jp_base_url}pkgwidgets/{path}"
        loop_turns.clear()
        answers = await asyncio.gather(
            *(
                http_server_client.fetch(url, headers=jp_auth_header, request_timeout=120.0)
                for _ in range(5)
            )
        )
        assert {answer.code for answer in answers} == {200}
        longest, what = max(loop_turns)
        assert longest < MAX_SECONDS, (path, longest, what)
    loop_turns.clear()
    answer = await http_server_client.fetch(
        f"{jp_base_url}pkgwidgets/plans", method="POST", body='{"upgrade": "all"}',
        headers={**jp_auth_header, "Content-Type": "application/json"}, request_timeout=120.0,
    )  # fmt: skip
    assert answer.code == 200
    longest, what = max(loop_turns)
    assert longest < MAX_SECONDS, (longest, what)
