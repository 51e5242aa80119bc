"""The server during an upgrade: 50 concurrent lists, and how long its loop is blocked.

    python tests/benchmarks/server.py [--projects 388] [--rounds 5]

The `jupyter server` is a process of its own. The environment has `--projects` distributions more
than the demo. The upgrade waits in its own installed file until everything is measured. Each
request has its own connection. To measure the loop, its smallest answer is requested repeatedly.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

import requests
from tornado.httpclient import AsyncHTTPClient

sys.path[0] = str(Path(__file__).parent.parent)  # this file's own name is that of a folder there

from filled_environment import fill  # noqa: E402
from held_transactions import held_wheel  # noqa: E402
from server.server_process import TOKEN, start_server  # noqa: E402

from pkgwidgets import demo  # noqa: E402

AT_ONCE = 50
AIM = 0.25
LONGEST = 0.05
HEADERS = {"Authorization": f"token {TOKEN}"}


def main() -> None:
    """Measure, and print the results with their aims."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--projects", type=int, default=388)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        del os.environ[name]
    os.environ.update(PIP_CONFIG_FILE=os.devnull, UV_NO_CONFIG="1")
    with tempfile.TemporaryDirectory(prefix="pkgwidgets-bench-") as name:
        folder = Path(name)
        with demo.start(folder / "demo") as garden:
            fill(garden.site_packages, arguments.projects)
            gate = folder / "gate"
            garden.index.publish(held_wheel("1.9.0", gate, staged=False))
            (folder / "server").mkdir()
            with start_server(garden, folder / "server") as server:
                measure(f"{server.url}pkgwidgets", server.process, gate, arguments.rounds)


def measure(address: str, process: int, gate: Path, rounds: int) -> None:
    """Measure while idle, and during an upgrade."""
    AsyncHTTPClient.configure(None, max_clients=2 * AT_ONCE)
    count = len(requests.get(f"{address}/packages", headers=HEADERS, timeout=60).json()["packages"])
    print(f"{count} distributions, {AT_ONCE} lists at once, {rounds} rounds; seconds")
    asyncio.run(show("idle", address, process, rounds))
    started = requests.put(
        f"{address}/packages/seedshelf/upgrade",
        json={},
        headers={**HEADERS, "Prefer": "respond-async"},
        timeout=60,
    )
    assert started.status_code == 202, started.text
    asyncio.run(show("upgrading", address, process, rounds))
    status = requests.get(f"{address}/packages/by-id/seedshelf", headers=HEADERS, timeout=60)
    assert status.json()["package"]["status"] == "upgrading", "it ended before all was measured"
    gate.touch()


async def show(kind: str, address: str, process: int, rounds: int) -> None:
    """Print the times of lists, and of a small request meanwhile."""
    lists: list[float] = []
    small: list[float] = []
    before = processor(process)
    for _ in range(rounds):
        done = asyncio.Event()
        beside = asyncio.ensure_future(poll(address, done, small))
        lists += await asyncio.gather(
            *(seconds_to_answer(f"{address}/packages") for _ in range(AT_ONCE))
        )
        done.set()
        await beside
    print(
        f"{kind:10} lists: median {median(lists):.3f}, p95 {p95(lists):.3f} (aim {AIM}), "
        f"longest {max(lists):.3f}; smallest answer meanwhile: median {median(small):.3f}, "
        f"longest {max(small):.3f} (the loop stood still for less; aim {LONGEST}); "
        f"processor per answer: {(processor(process) - before) / len(lists + small):.4f}"
    )


async def poll(address: str, done: asyncio.Event, durations: list[float]) -> None:
    """Send small requests, which are refused at once, until the lists are answered."""
    while not done.is_set():
        durations.append(await seconds_to_answer(f"{address}/packages?none=1", 422))
        await asyncio.sleep(0.005)


async def seconds_to_answer(url: str, status: int = 200) -> float:
    """Return the seconds that an answer took."""
    started_at = perf_counter()
    answer = await AsyncHTTPClient().fetch(url, headers=HEADERS, raise_error=False)
    assert answer.code == status, answer.body
    return perf_counter() - started_at


def processor(process: int) -> float:
    """Return the processor seconds that a process has used."""
    used = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")


def p95(times: Sequence[float]) -> float:
    """Return the time in which 95 of 100 were answered."""
    return sorted(times)[max(0, round(len(times) * 0.95) - 1)]


if __name__ == "__main__":
    main()
