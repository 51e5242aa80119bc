"""The loop is never kept from others for 50 ms, however much there is to say."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import thread_time
from typing import Any

import pytest
from filled_environment import fill
from server.asking import Ask

from pkgwidgets.backends.history.journal import FolderJournal
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.demo import Demo

pytestmark = pytest.mark.slow

LONGEST = 0.05
"""Seconds of the processor: on a machine that does much else, those of a clock prove nothing."""


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[float, str]]]:
    """Measure each turn of the loop."""
    measurements: list[tuple[float, str]] = []
    run, main = asyncio.Handle._run, threading.get_ident()

    def measured(handle: asyncio.Handle) -> None:
        begun, description = thread_time(), repr(handle)
        run(handle)
        if threading.get_ident() == main:
            measurements.append((thread_time() - begun, description))

    monkeypatch.setattr(asyncio.Handle, "_run", measured)
    yield measurements
    monkeypatch.undo()


@pytest.fixture
def long_history(ask: Ask, planted: Demo, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Let the history be one of 200 transactions of 50 changes."""

    async def made() -> None:
        done = await ask("PUT", "packages/seedshelf/upgrade", {})
        transaction_id = done.json["transaction"]["id"]
        read = FolderJournal.transactions

        def longer(journal: FolderJournal) -> tuple[Transaction, ...]:
            transactions = read(journal)
            [one] = [
                transaction for transaction in transactions if transaction.id == transaction_id
            ]
            plan = replace(one.plan, changes=one.plan.changes * 50)
            return (
                *(replace(one, id=f"{transaction_id}-{n}", plan=plan) for n in range(200)),
                *transactions,
            )

        monkeypatch.setattr(FolderJournal, "transactions", longer)

    return made


async def test_no_response_blocks_the_event_loop(
    ask: Ask,
    planted: Demo,
    turns: list[tuple[float, str]],
    long_history: Callable[[], Any],
    http_server_client: Any,
    jp_auth_header: dict[str, str],
    jp_base_url: str,
) -> None:
    fill(planted.site_packages, 400)
    await long_history()
    for path in (
        "packages", "packages?check_updates=true", "packages/updates", "transactions",
        "openapi.json", "packages/by-id/seedshelf", "packages?kernelspec=garden",
    ):  # fmt: skip
        url = f"{jp_base_url}pkgwidgets/{path}"
        turns.clear()
        answers = await asyncio.gather(
            *(
                http_server_client.fetch(url, headers=jp_auth_header, request_timeout=120.0)
                for _ in range(5)
            )
        )
        assert {answer.code for answer in answers} == {200}
        longest, what = max(turns)
        assert longest < LONGEST, (path, longest, what)
    turns.clear()
    answer = await http_server_client.fetch(
        f"{jp_base_url}pkgwidgets/plans", method="POST", body='{"upgrade": "all"}',
        headers={**jp_auth_header, "Content-Type": "application/json"}, request_timeout=120.0,
    )  # fmt: skip
    assert answer.code == 200
    longest, what = max(turns)
    assert longest < LONGEST, (longest, what)
