"""The update check against `uv pip list --outdated`, in one paired run: A B A B, medians, ratios.

    python tests/benchmarks/check.py [--pages DIR] [--environment TAR] [--pairs 5] [--large 5000]

DIR holds one `<id>.json.gz` a project, its PEP 691 page; TAR the `*.dist-info` folders of an
environment that has them. Without them, pages and an environment of the same sizes are made here.
The index is served on loopback by a process of its own, 30 ms away, with ETags and gzip. Ours runs
in a process that has imported it, as a kernel has; uv is started each time, as it always is.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from statistics import median
from time import perf_counter, process_time

import uv
from index_server import (
    make_environment,
    make_pages,
    serve_pages,
)
from packaging.version import Version

from pkgwidgets.connect import connect
from pkgwidgets.operations import inventory

PROJECTS = 388
AIMS = {
    "cold": 0.8,
    "revalidating": 0.8,
    "fresh cache": 0.05,
    "fresh, new kernel": None,
    "listing": 0.8,
    "listing, pip": None,
}
GROWING = ("cold", "revalidating", "fresh cache", "listing")
Answers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one run: seconds, processor seconds and peak memory in MiB."""

    seconds: float
    processor: float
    memory: float


def main() -> None:
    """Measure, and print tables of medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", type=Path)
    parser.add_argument("--environment", type=Path)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--large", type=int, default=5000, help="0 leaves the growth out")
    arguments = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        del os.environ[name]
    os.environ.update(PIP_CONFIG_FILE=os.devnull, UV_NO_CONFIG="1")
    with tempfile.TemporaryDirectory(prefix="pkgwidgets-bench-") as name:
        folder = Path(name)
        pages = arguments.pages or make_pages(folder / "pages", PROJECTS)
        python = make_environment(folder / "env", arguments.environment, pages)
        with serve_pages(pages) as url:
            compare(folder, python, url, arguments.pairs)
        if arguments.large:
            grow(folder, arguments.large)


def compare(folder: Path, python: Path, url: str, pairs: int) -> None:
    """Run both sides in turn and print what came out."""
    rows: dict[str, list[tuple[Cost, Cost]]] = {kind: [] for kind in AIMS}
    mine: Answers = {}
    theirs: Answers = {}
    for number in range(pairs):
        kept, ours = folder / f"uv-{number}", folder / f"ours-{number}"
        ask_uv = partial(run_uv, python, "--outdated", "--index-url", url, "--cache-dir", str(kept))
        with kernel(python, url, ours) as ask:
            for kind in ("cold", "revalidating", "fresh cache"):
                other, theirs = ask_uv()
                own, mine = ask(kind)
                rows[kind].append((own, other))
            with kernel(python, url, ours) as ask_new:
                own, _ = ask_new("fresh cache")
            other, _ = ask_uv()
            rows["fresh, new kernel"].append((own, other))
            own, _ = ask("listing")
            rows["listing"].append((own, run_uv(python)[0]))
            rows["listing, pip"].append((own, run_pip(python)))
    print(f"{pairs} pairs; medians of seconds, of processor seconds, and of peak memory in MiB")
    print(f"{'':18}{'ours':>8}{'theirs':>8}{'ratio':>8}{'aim':>6}   processor    memory")
    for kind, pair in rows.items():
        print(line(kind, [own for own, _ in pair], [other for _, other in pair]))
    compare_answers(run_uv(python)[1], mine, theirs)


def compare_answers(installed: Answers, mine: Answers, theirs: Answers) -> None:
    """Print how the two differ; uv lists no newer pre-release of an installed one."""
    differ = {name for name, _ in set(mine.items()) ^ set(theirs.items())}
    early = {
        name for name in differ if Version(installed[name]).is_prerelease and name not in theirs
    }
    print(f"answers: {len(installed)} names, {len(theirs)} outdated by uv and {len(mine)} by us;")
    print(f"  {len(differ - early)} differ {sorted(differ - early)}")
    for name in sorted(early):
        print(f"  {name} {installed[name]} is a pre-release: {mine[name]} by us, nothing by uv")


def line(kind: str, own: list[Cost], other: list[Cost]) -> str:
    """Return one row of the table."""

    def both(part: Callable[[Cost], float]) -> tuple[float, float]:
        return median(map(part, own)), median(map(part, other))

    mine, theirs = both(lambda cost: cost.seconds)
    ratios = [a.seconds / b.seconds for a, b in zip(own, other, strict=True)]
    processor, memory = both(lambda cost: cost.processor), both(lambda cost: cost.memory)
    aim = AIMS[kind]
    return (
        f"{kind:18}{mine:8.3f}{theirs:8.3f}{median(ratios):8.3f}{aim or '':>6}"
        f"   {processor[0]:.2f} {processor[1]:.2f}   {memory[0]:.0f} {memory[1]:.0f}"
    )


def grow(folder: Path, large: int) -> None:
    """Print how much longer it takes for ten times as many distributions."""
    costs: dict[int, dict[str, Cost]] = {}
    for count in (large // 10, large):
        pages = make_pages(folder / f"pages-{count}", count)
        python = make_environment(folder / f"env-{count}", None, pages)
        with serve_pages(pages) as url, kernel(python, url, folder / f"grown-{count}") as ask:
            costs[count] = {kind: ask(kind)[0] for kind in GROWING}
            for kind in ("fresh cache", "listing"):
                again = [costs[count][kind], *(ask(kind)[0] for _ in range(4))]
                costs[count][kind] = sorted(again, key=lambda cost: cost.seconds)[2]
    few, many = costs
    print(f"\n{few} and {many} distributions: seconds, and how much per distribution (1 is linear)")
    for kind in GROWING:
        a, b = costs[few][kind], costs[many][kind]
        share = b.seconds / a.seconds * few / many
        print(f"{kind:18}{a.seconds:8.3f}{b.seconds:8.3f}{share:8.2f}   {b.memory:.0f} MiB")


@contextmanager
def kernel(python: Path, url: str, cache: Path) -> Iterator[Callable[[str], tuple[Cost, Answers]]]:
    """Start a process with pkgwidgets imported and its own cache; yield a function to query it."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve", str(python), url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    requests, responses = process.stdin, process.stdout

    def ask(kind: str) -> tuple[Cost, Answers]:
        requests.write(f"{kind}\n")
        requests.flush()
        cost, answers = json.loads(responses.readline())
        return Cost(*cost), answers

    assert responses.readline() == "ready\n"
    try:
        yield ask
    finally:
        requests.close()
        process.wait()


def serve(python: str, url: str) -> None:
    """Run as that process: read one kind a line, print its cost and answers."""
    # A kernel that was asked before has these.
    import pkgwidgets.backends.index.multi  # noqa: F401

    backend = connect(python, url)
    print("ready", flush=True)
    for request in sys.stdin:
        kind = request.strip()
        started_at, used = perf_counter(), process_time()
        if kind == "listing":
            rows = inventory.get_packages(backend)
        else:
            rows = inventory.check_for_updates(backend, refresh=kind == "revalidating")
        seconds, processor = perf_counter() - started_at, process_time() - used
        answers = {row.id: str(row.latest_version) for row in rows if row.update_available}
        memory = getrusage(RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps([[seconds, processor, memory], answers]), flush=True)


def run_uv(python: Path, *arguments: str) -> tuple[Cost, Answers]:
    """Return what uv lists as installed or outdated."""
    argv = [uv.find_uv_bin(), "pip", "list", "--quiet", "--python", str(python)]
    cost, output = run([*argv, "--format", "json", *arguments])
    rows = json.loads(output)
    return cost, {row["name"]: row.get("latest_version", row["version"]) for row in rows}


def run_pip(python: Path) -> Cost:
    """Let pip list what is installed."""
    pip = [sys.executable, "-m", "pip", "--python", str(python), "list", "--format", "json"]
    return run([*pip, "--disable-pip-version-check"])[0]


def run(argv: list[str]) -> tuple[Cost, str]:
    """Run a process; its memory is the peak of all processes so far."""
    started_at, before = perf_counter(), getrusage(RUSAGE_CHILDREN)
    output = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    after = getrusage(RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(perf_counter() - started_at, processor, after.ru_maxrss / 1024), output


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(*sys.argv[2:4])
    else:
        main()
