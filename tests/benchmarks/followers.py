"""The server under many followers, slow clients and a long history; many panels in one kernel.

    python tests/benchmarks/followers.py [--followers 300] [--history 1000] [--panels 50]

The `jupyter server` is a process of its own. An upgrade waits in its own installed file until all
is measured. The history is made of copies of one transaction.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter, process_time, sleep
from urllib.parse import urlsplit

import psutil
import requests
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

sys.path[0] = str(Path(__file__).parent.parent)  # this file's own name is that of a folder there

from held_transactions import held_wheel  # noqa: E402
from server.server_process import TOKEN, ServerProcess, start_server  # noqa: E402

from pkgwidgets import PackagePanel, PackageService, demo  # noqa: E402
from pkgwidgets.backends.store import journal_file  # noqa: E402
from pkgwidgets.demo import Demo  # noqa: E402

SECONDS = 5.0
"""How long each processor use is measured."""
SLOW_CLIENTS = 50
HEADERS = {"Authorization": f"token {TOKEN}"}
MEGABYTE = 1e6


def main() -> None:
    """Measure, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--followers", type=int, default=300)
    parser.add_argument("--history", type=int, default=1000)
    parser.add_argument("--panels", type=int, default=50)
    arguments = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        del os.environ[name]
    os.environ.update(PIP_CONFIG_FILE=os.devnull, UV_NO_CONFIG="1")
    with tempfile.TemporaryDirectory(prefix="pkgwidgets-bench-") as name:
        folder = Path(name)
        with demo.start(folder / "demo") as garden:
            show_panels(garden, 1)
            show_panels(garden, arguments.panels)
            gate = folder / "gate"
            garden.index.publish(held_wheel("1.9.0", gate, staged=False))
            (folder / "server").mkdir()
            with start_server(garden, folder / "server") as server:
                place = start_upgrade(server)
                asyncio.run(measure(server, place, gate, garden, arguments))


def start_upgrade(server: ServerProcess) -> str:
    """Start an upgrade that waits, and return the URL of its transaction."""
    begun = requests.put(
        f"{server.url}pkgwidgets/packages/seedshelf/upgrade",
        json={},
        headers={**HEADERS, "Prefer": "respond-async"},
        timeout=60,
    )
    assert begun.status_code == 202, begun.text
    parts = urlsplit(server.url)
    return f"{parts.scheme}://{parts.netloc}{begun.headers['Location']}"


async def measure(
    server: ServerProcess, place: str, gate: Path, garden: Demo, arguments: argparse.Namespace
) -> None:
    """Measure with a short and a long history, then with many followers and slow clients."""
    AsyncHTTPClient.configure(None, max_clients=2 * arguments.followers)
    process = psutil.Process(server.process)
    idle = await processor_share(process)
    one = [asyncio.ensure_future(follow(place))]
    await asyncio.sleep(3)  # the worker and the first look are not measured
    short = await processor_share(process) - idle
    lengthen_history(garden, place.rpartition("/")[2].partition("?")[0], arguments.history)
    long = await processor_share(process) - idle
    print(
        f"one follower, processor: {short:.4f} with 1 transaction, {long:.4f} with "
        f"{arguments.history} (ratio {long / max(short, 0.001):.1f}); idle {idle:.4f}"
    )
    await show_latency("one follower", server)
    memory = process.memory_info().rss
    many = [asyncio.ensure_future(follow(place)) for _ in range(arguments.followers - 1)]
    await asyncio.sleep(3)
    more = (process.memory_info().rss - memory) / MEGABYTE
    share = await processor_share(process) - idle
    print(f"{arguments.followers} followers: processor {share:.4f}, {more:.1f} MB more")
    await show_latency(f"{arguments.followers} followers", server)
    slow = [await open_slow_client(server, place) for _ in range(SLOW_CLIENTS)]
    slow += [await open_slow_client(server, place, sends=True) for _ in range(SLOW_CLIENTS)]
    await show_latency(f"and {2 * SLOW_CLIENTS} slow clients", server)
    gate.touch()
    ends = await asyncio.gather(*one, *many)
    print(f"the end reached all followers within {max(ends) - min(ends):.2f} s")
    for writer in slow:
        writer.close()


async def follow(place: str) -> float:
    """Follow a transaction; return the time of its end."""
    parts: list[bytes] = []
    request = HTTPRequest(
        place,
        headers={**HEADERS, "Accept": "text/event-stream"},
        streaming_callback=parts.append,
        request_timeout=600.0,
        connect_timeout=600.0,
    )
    await AsyncHTTPClient().fetch(request)
    assert b"event: end" in b"".join(parts)
    return perf_counter()


async def open_slow_client(
    server: ServerProcess, place: str, *, sends: bool = False
) -> asyncio.StreamWriter:
    """Open a connection that reads nothing of a stream, or that never ends its body."""
    parts = urlsplit(server.url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1024)
    path = urlsplit(place)
    line = (
        "POST /pkgwidgets/plans HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 999"
        if sends
        else f"GET {path.path}?{path.query} HTTP/1.1\r\nAccept: text/event-stream"
    )
    authorization = f"Authorization: {HEADERS['Authorization']}"
    writer.write(f"{line}\r\nHost: {parts.netloc}\r\n{authorization}\r\n\r\n".encode())
    await writer.drain()
    return writer


async def processor_share(process: psutil.Process) -> float:
    """Return the processor seconds that a process uses per second."""
    before, started_at = process.cpu_times(), perf_counter()
    await asyncio.sleep(SECONDS)
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return used / (perf_counter() - started_at)


async def show_latency(what: str, server: ServerProcess) -> None:
    """Print how long a small answer and a list take."""
    small = [await seconds_to_answer(f"{server.url}pkgwidgets/packages?no=1") for _ in range(30)]
    lists = [await seconds_to_answer(f"{server.url}pkgwidgets/packages") for _ in range(5)]
    print(f"{what}: smallest answer {spread(small)}, list of packages {spread(lists)}")


def spread(seconds: Sequence[float]) -> str:
    """Return the median and the longest time as text."""
    return f"median {median(seconds):.3f} s, longest {max(seconds):.3f} s"


async def seconds_to_answer(url: str) -> float:
    """Return the seconds that an answer took."""
    started_at = perf_counter()
    await AsyncHTTPClient().fetch(url, headers=HEADERS, raise_error=False, request_timeout=600.0)
    return perf_counter() - started_at


def lengthen_history(garden: Demo, transaction_id: str, count: int) -> None:
    """Copy a transaction into the past, committed and with valid checksums."""
    history = garden.folder / "env" / ".pkgwidgets" / "txn"
    source = history / transaction_id
    lines = [json.loads(line) for line in (source / "journal").read_bytes().splitlines()]
    for number in range(count - 1):
        new_id = f"20250101T{number:06}000000-{number:06x}"
        (history / new_id).mkdir()
        shutil.copy(source / "plan.json", history / new_id)
        text = b""
        for line in [*lines, {**lines[-1], "t": "COMMIT"}]:
            copied = {name: value for name, value in line.items() if name != "crc"}
            copied["txn"] = new_id
            copied["crc"] = journal_file._checksum(copied)
            text += json.dumps(copied).encode() + b"\n"
        (history / new_id / "journal").write_bytes(text)


def show_panels(garden: Demo, count: int) -> None:
    """Print what panels cost in one process, while they are displayed and nothing happens."""
    process, service = psutil.Process(), PackageService(garden.python, index_url=garden.index_url)
    memory, started_at = process.memory_info().rss, perf_counter()
    panels = [PackagePanel(service, check_updates=False) for _ in range(count)]
    seconds = perf_counter() - started_at
    for number, panel in enumerate(panels):
        panel._on_connection({"type": "here", "view": str(number)})
    sleep(1)
    before, started_at = process_time(), perf_counter()
    sleep(SECONDS)
    share = (process_time() - before) / (perf_counter() - started_at)
    more = (process.memory_info().rss - memory) / MEGABYTE
    print(
        f"{count} panels: created in {seconds:.2f} s, processor {share:.4f}, {more:.1f} MB, "
        f"{process.num_threads()} threads"
    )
    for panel in panels:
        panel.close()


if __name__ == "__main__":
    main()
