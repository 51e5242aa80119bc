"""The update check against `uv pip list --outdated`, in one paired run: A B A B, medians, ratios.

    python tests/benchmarks/check.py [--pages DIR] [--environment TAR] [--pairs 5]

DIR holds one `<id>.json.gz` a project, its PEP 691 page; TAR the `*.dist-info` folders of an
environment that has them. Without them, pages and an environment of the same sizes are made here.
The index is played on loopback in a process of its own, 30 ms away, with ETags and gzip.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import subprocess
import sys
import tarfile
import tempfile
import threading
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from statistics import median
from time import perf_counter, sleep
from typing import TypeVar

import uv

from pkgwidgets.backends.cache import AnswerCache
from pkgwidgets.backends.index import SimpleIndex
from pkgwidgets.backends.settings import given
from pkgwidgets.connect import connect
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.operations import inventory

RTT = 0.03
PROJECTS = 388
AIMS = {"cold": 0.8, "revalidating": 0.8, "fresh cache": 0.05, "listing": 0.8}
T = TypeVar("T")
JSON = "application/vnd.pypi.simple.v1+json"


def main() -> None:
    """Measure, and print a table of medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", type=Path)
    parser.add_argument("--environment", type=Path)
    parser.add_argument("--pairs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pkgwidgets-bench-") as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = name
        pages = arguments.pages or made_pages(folder / "pages")
        python = made_environment(folder / "env", arguments.environment, pages)
        with served(pages) as url:
            compare(folder, python, url, arguments.pairs)


def compare(folder: Path, python: Path, url: str, pairs: int) -> None:
    """Run both sides in turn and print what came out."""
    rows: dict[str, list[tuple[float, float]]] = {kind: [] for kind in AIMS}
    answers: dict[str, set[tuple[str, str]]] = {}
    projects = 0
    for number in range(pairs):
        kept = folder / f"uv-{number}"
        backend = connected(python, url, folder / f"ours-{number}")
        for kind in ("cold", "revalidating", "fresh cache"):
            theirs, found = timed(partial(outdated, python, url, kept))
            ours, rows_found = timed(
                partial(inventory.check_for_updates, backend, refresh=kind == "revalidating")
            )
            rows[kind].append((ours, theirs))
            answers["uv"], projects = found, len(rows_found)
            answers["ours"] = {
                (row.id, str(row.latest_version)) for row in rows_found if row.update_available
            }
        theirs, _ = timed(partial(listed, python))
        ours, _ = timed(partial(inventory.get_packages, backend))
        rows["listing"].append((ours, theirs))
    print(f"{projects} projects, {pairs} pairs; medians in seconds")
    print(f"{'':14}{'ours':>8}{'uv':>8}{'ratio':>8}{'aim':>8}")
    for kind, pair in rows.items():
        ours, theirs = (median(side) for side in zip(*pair, strict=True))
        ratio = ours / theirs
        print(f"{kind:14}{ours:8.3f}{theirs:8.3f}{ratio:8.2f}{AIMS[kind]:8.2f}")
    mine, children = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
    print(f"processor: ours {mine.ru_utime + mine.ru_stime:.1f} s", end=", ")
    print(f"uv {children.ru_utime + children.ru_stime:.1f} s; peak memory", end=" ")
    print(f"ours {mine.ru_maxrss >> 10} MiB, uv {children.ru_maxrss >> 10} MiB")
    differ = answers["ours"] ^ answers["uv"]
    print(f"answers: {len(answers['uv'])} outdated by uv, {len(differ)} differ {sorted(differ)}")


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Return how long it took, and what came out."""
    begun = perf_counter()
    out = work()
    return perf_counter() - begun, out


def connected(python: Path, url: str, cache: Path) -> Backend:
    """Return a backend with a cache of its own, which begins empty."""
    from dataclasses import replace

    index = SimpleIndex(given(url), AnswerCache(url, cache))
    return replace(connect(python, url), index=index)


def outdated(python: Path, url: str, cache: Path) -> set[tuple[str, str]]:
    """Ask uv what is newer."""
    command = ["--outdated", "--default-index", url, "--cache-dir", str(cache)]
    rows = json.loads(run_uv(python, *command))
    return {(row["name"], row["latest_version"]) for row in rows}


def listed(python: Path) -> str:
    """Ask uv what is installed."""
    return run_uv(python)


def run_uv(python: Path, *arguments: str) -> str:
    """Run `uv pip list` and return its JSON."""
    argv = [uv.find_uv_bin(), "pip", "list", "--quiet", "--no-config", "--python", str(python)]
    command = [*argv, "--format", "json", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextmanager
def served(pages: Path) -> Iterator[str]:
    """Play the index in a process of its own: it must not share our interpreter."""
    argv = [sys.executable, __file__, "--serve", str(pages)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def serve(pages: Path) -> None:
    """Answer as an index does, one round trip away."""
    packed = {path.name.removesuffix(".json.gz"): path.read_bytes() for path in pages.iterdir()}
    tags = {name: f'"{sha256(body).hexdigest()[:32]}"' for name, body in packed.items()}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            sleep(RTT)
            name = self.path.strip("/").rpartition("/")[2]
            known = name in packed and self.headers.get("If-None-Match") == tags[name]
            self.send_response(404 if name not in packed else 304 if known else 200)
            body = b"" if known else packed.get(name, b"")
            self.send_header("ETag", tags.get(name, ""))
            self.send_header("Cache-Control", "max-age=600, public")
            self.send_header("Content-Type", JSON)
            if not known:
                self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(f"http://127.0.0.1:{server.server_port}/simple/", flush=True)
        threading.Thread(target=server.serve_forever).run()


def made_environment(folder: Path, tar: Path | None, pages: Path) -> Path:
    """Return the interpreter of an environment that has the dist-info folders, and no code."""
    venv.create(folder, symlinks=True)
    site = next((folder / "lib").glob("python*")) / "site-packages"
    if tar is not None:
        with tarfile.open(tar) as opened:
            opened.extractall(site, filter="data")
    else:
        for page in pages.iterdir():
            name = page.name.removesuffix(".json.gz")
            info = site / f"{name.replace('-', '_')}-1.0.dist-info"
            info.mkdir()
            needs = "".join(f"Requires-Dist: project-{n}\n" for n in range(0, 60, 9))
            (info / "METADATA").write_text(
                f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}\n" + "text\n" * 400
            )
            (info / "RECORD").write_text("")
    return folder / "bin" / "python"


def made_pages(folder: Path) -> Path:
    """Make pages whose sizes are distributed like real ones: a few huge, most small."""
    folder.mkdir()
    chance = random.Random(7)
    for number in range(PROJECTS):
        name = f"project-{number}"
        versions = [f"1.{minor}" for minor in range(min(300, int(chance.paretovariate(0.8)) + 5))]
        wheels = chance.choice([1, 1, 1, 2, 12])
        files = [made_file(name, version, wheel) for version in versions for wheel in range(wheels)]
        page = {"meta": {"api-version": "1.1"}, "name": name, "versions": versions, "files": files}
        (folder / f"{name}.json.gz").write_bytes(gzip.compress(json.dumps(page).encode(), 6))
    return folder


def made_file(name: str, version: str, wheel: int) -> dict[str, object]:
    """Make one file of a page; the first wheel of a version fits everywhere."""
    tag = "py3-none-any" if wheel == 0 else f"cp3{wheel}-cp3{wheel}-win_amd64"
    filename = f"{name.replace('-', '_')}-{version}-{tag}.whl"
    return {
        "filename": filename,
        "url": f"../../files/{filename}",
        "hashes": {"sha256": sha256(filename.encode()).hexdigest()},
        "requires-python": ">=3.8",
        "size": 100_000,
        "upload-time": "2026-03-01T12:00:00.000000Z",
        "yanked": False,
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(Path(sys.argv[2]))
    else:
        main()
