"""All followers of a transaction share one look at it, and see nothing of other environments."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import change_of, plan_of
from server.client import Ask, Spec, kernel
from tornado.httpclient import HTTPClientError

from pkgwidgets import demo
from pkgwidgets.backends.history.event_log import EventLog
from pkgwidgets.backends.worker.launcher import WorkerLauncher
from pkgwidgets.connect import connect
from pkgwidgets.core.errors import DiskFailed
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.demo import Demo
from pkgwidgets.operations import transactions
from pkgwidgets.server import progress
from pkgwidgets.server.event_feed import EventFeeds

PLAN = plan_of(change_of("pea", "1", "2"))
FOLLOWERS = 300


@pytest.fixture
def backend(garden: Demo) -> Iterator[Backend]:
    """Connect to an environment that a transaction has locked."""
    connected = connect(garden.python, garden.index_url, detached=True)
    with connected.environment.locked("the test"):
        yield connected


def write(backend: Backend, transaction_id: str, *texts: str) -> None:
    log = EventLog(backend.journal.folder(transaction_id))
    for text in texts:
        log.write(Event(stage=Stage.FETCHING, text=text))


async def follow(feeds: EventFeeds, backend: Backend, transaction_id: str, seen: int = 0) -> str:
    messages = progress.stream(feeds, backend, transaction_id, seen)
    return "".join([message async for message in messages if message[0] != ":"])


def texts_in(stream: str) -> list[str]:
    lines = [line for line in stream.splitlines() if line.startswith("data: ")]
    return [json.loads(line[6:])["text"] for line in lines[:-1]]


async def test_followers_share_the_reads_of_a_transaction(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0
    read = WorkerLauncher.events

    def counting(self: WorkerLauncher, transaction: str, seen: int = 0) -> Any:
        nonlocal reads
        reads += 1
        return read(self, transaction, seen)

    monkeypatch.setattr(WorkerLauncher, "events", counting)
    transaction_id = backend.journal.start(PLAN).id
    feeds = EventFeeds()
    write(backend, transaction_id, "one")
    following = [
        asyncio.ensure_future(follow(feeds, backend, transaction_id)) for _ in range(FOLLOWERS)
    ]
    while reads < 3:
        await asyncio.sleep(0.01)
    write(backend, transaction_id, "two", "three")
    backend.journal.record(transaction_id, "COMMIT")
    streams = await asyncio.gather(*following)
    assert len(set(streams)) == 1
    assert texts_in(streams[0]) == ["one", "two", "three"]
    assert streams[0].count("event: end") == 1
    assert reads < FOLLOWERS
    assert len(feeds) == 0


async def test_look_at_a_transaction_reads_no_other(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = type(backend.journal)
    read: list[str] = []
    lines = journal.lines  # type: ignore[attr-defined]

    def noting(self: Any, transaction: str) -> Any:
        read.append(transaction)
        return lines(self, transaction)

    for _ in range(20):
        backend.journal.record(backend.journal.start(PLAN).id, "COMMIT")
    transaction_id = backend.journal.start(PLAN).id
    monkeypatch.setattr(journal, "lines", noting)
    assert transactions.find_ended(backend, transaction_id) is None
    backend.journal.record(transaction_id, "COMMIT")
    assert transactions.find_ended(backend, transaction_id) is not None
    assert set(read) == {transaction_id}


async def test_stream_continues_within_what_was_read_at_once(backend: Backend) -> None:
    transaction_id = backend.journal.start(PLAN).id
    write(backend, transaction_id, "one")
    _, middle = transactions.get_worker(backend).events(transaction_id)
    write(backend, transaction_id, "two", "three")
    feeds = EventFeeds()
    async with aclosing(progress.stream(feeds, backend, transaction_id)) as first:
        assert "one" in await anext(first)  # all three were read at once
        later = asyncio.ensure_future(follow(feeds, backend, transaction_id, middle))
        beyond = asyncio.ensure_future(follow(feeds, backend, transaction_id, 10**9))
        await asyncio.sleep(0.3)
        backend.journal.record(transaction_id, "COMMIT")
        assert texts_in(await later) == ["two", "three"]
        assert texts_in(await beyond) == []
    assert len(feeds) == 0


async def test_error_of_reading_reaches_the_follower(backend: Backend) -> None:
    transaction_id = backend.journal.start(PLAN).id
    feeds = EventFeeds()
    following = asyncio.ensure_future(follow(feeds, backend, transaction_id))
    await asyncio.sleep(0.2)
    journal = backend.journal.folder(transaction_id) / "journal"
    journal.unlink()
    journal.mkdir()
    with pytest.raises(DiskFailed):
        await following
    assert len(feeds) == 0


@pytest.mark.slow
async def test_transaction_is_only_followed_in_its_own_environment(
    ask: Ask, default_garden: Demo, write_spec: Spec, tmp_path: Path
) -> None:
    done = await ask("PUT", "packages/seedshelf/upgrade", {})
    transaction_id = done.json["transaction"]["id"]
    with demo.start(tmp_path / "other") as other:
        write_spec("other", *kernel(other.python))
        relative = f"..%2F..%2F..%2F{default_garden.folder.name}%2Fenv%2F.pkgwidgets%2Ftxn%2F"
        for name in (transaction_id, relative + transaction_id, "..", "%2e%2e%2ftxn"):
            for headers in ({}, {"Accept": "text/event-stream"}):
                path = f"transactions/{name}?kernelspec=other"
                answer = await ask("GET", path, headers=headers)
                assert (answer.status, answer.code) == (404, "transaction-not-found")


@asynccontextmanager
async def started_transaction(garden: Demo) -> AsyncIterator[str]:
    """Yield a transaction that counts as running: the environment is locked."""
    backend = connect(garden.python, garden.index_url)
    with backend.environment.locked("the test"):
        transaction_id = backend.journal.start(PLAN).id
        write(backend, transaction_id, "one")
        yield transaction_id
        backend.journal.record(transaction_id, "ABORTED")


def change_context(server: Any, **seconds: float) -> EventFeeds:
    settings = server.web_app.settings
    settings["pkgwidgets"] = replace(settings["pkgwidgets"], **seconds)
    feeds: EventFeeds = settings["pkgwidgets"].feeds
    return feeds


async def test_reader_that_takes_nothing_is_disconnected(
    ask: Ask,
    default_garden: Demo,
    jp_serverapp: Any,
    http_server_client: Any,
    jp_auth_header: dict[str, str],
    jp_base_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pkgwidgets.server.handlers.reads import TransactionHandler

    async def stall(self: TransactionHandler) -> None:
        await asyncio.Event().wait()

    feeds = change_context(jp_serverapp, stalled_seconds=0.1)
    async with started_transaction(default_garden) as transaction_id:
        monkeypatch.setattr(TransactionHandler, "flush", stall)
        with pytest.raises((HTTPClientError, OSError)):
            await http_server_client.fetch(
                f"{jp_base_url}pkgwidgets/transactions/{transaction_id}",
                headers={**jp_auth_header, "Accept": "text/event-stream"},
                request_timeout=60.0,
            )
        assert len(feeds) == 0


async def test_sender_that_never_ends_its_body_is_disconnected(
    ask: Ask, jp_serverapp: Any, jp_auth_header: dict[str, str], jp_base_url: str, jp_http_port: int
) -> None:
    change_context(jp_serverapp, body_seconds=0.3)
    head = "\r\n".join(
        (f"POST {jp_base_url}pkgwidgets/plans HTTP/1.1", f"Host: 127.0.0.1:{jp_http_port}",
         f"Authorization: {jp_auth_header['Authorization']}", "Content-Type: application/json",
         "Content-Length: 1000", "", "{")
    )  # fmt: skip
    reader, writer = await asyncio.open_connection("127.0.0.1", jp_http_port)
    writer.write(head.encode())
    await writer.drain()
    assert (await ask("GET", "packages")).status == 200  # others are answered meanwhile
    assert await asyncio.wait_for(reader.read(), 60) == b""
    writer.close()
