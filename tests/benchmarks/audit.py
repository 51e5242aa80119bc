"""An audit against the bare requests that it makes, and again with fresh answers.

    python tests/benchmarks/audit.py --pages DIR --environment TAR [--pairs 5]

DIR holds one `<id>.json.gz` a project, its PEP 691 page; TAR the `*.dist-info` folders of an
environment that has them. An OSV service with the records of `tests/advisories` answers on
loopback after 30 ms. The bare side sends the same requests by `requests`, eight at once, and
reads nothing. Each measurement is a process of its own, in which the user has agreed before. What
either side imports for its requests counts, because it is imported when they are made. The start of
Python, pandas and the service are not measured.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from index_server import make_environment, serve_pages
from measure import Cost, clean_environment, paired, run_for_output
from table import Row, lines, row

TESTS = Path(__file__).parent.parent
SERVER = """
import json, sys, time, zipfile
sys.path.insert(0, sys.argv[1])
from osv_server import OsvServer
with zipfile.ZipFile(sys.argv[2]) as archive:
    records = [json.loads(archive.read(name)) for name in archive.namelist()]
with OsvServer(records) as server:
    def wait(path):
        time.sleep(0.03)
    server.fault = wait
    answer, known = server.answer, {}
    def answer_once(query):  # a real service has an index; its work must not hide ours
        key = json.dumps(query, sort_keys=True)
        if key not in known:
            known[key] = answer(query)
        return known[key]
    server.answer = answer_once
    print(server.url, flush=True)
    for line in sys.stdin:
        print(json.dumps(server.requests), flush=True)
        server.requests.clear()
"""
HEAD = """
import json, sys
from time import perf_counter, process_time
def measure(call):
    wall, processor = perf_counter(), process_time()
    call()
    print(json.dumps([perf_counter() - wall, process_time() - processor]))
"""
OURS = f"""{HEAD}
import pandas
from pkgwidgets import PackageService
service = PackageService(sys.argv[1], index_url=sys.argv[2])
measure(lambda: service.check_advisories())
"""
AGREE = """
import sys
from pkgwidgets import PackageService
PackageService(sys.argv[1], index_url=sys.argv[2]).use_advisories(sys.argv[3])
"""
BARE = f"""{HEAD}
source, index = sys.argv[1:3]
with open(sys.argv[3]) as file:
    batches, rest = json.load(file)
def call():
    import requests
    from concurrent.futures import ThreadPoolExecutor
    session = requests.Session()
    def send(request):
        path, body = request
        if body is None:
            session.get(path if path.startswith("http") else source + path).content
        else:
            session.post(source + path, json=body).content
    for batch in batches:
        send(batch)
    if rest:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(send, rest))
measure(call)
"""


def add_affected(python: Path, pages: Path) -> None:
    """Install, as `dist-info` folders, an affected release of each project that has a page."""
    site = next((python.parent.parent / "lib").glob("python*")) / "site-packages"
    with zipfile.ZipFile(TESTS / "advisories" / "records.zip") as archive:
        records = [json.loads(archive.read(name)) for name in sorted(archive.namelist())]
    affected = [entry for record in records for entry in record["affected"]]
    versions = {e["package"]["name"].lower(): e["versions"][-1] for e in affected if e["versions"]}
    installed = {_project(info): info for info in site.glob("*.dist-info")}
    for name, version in versions.items():
        stem = name.replace("-", "_")
        if not (pages / f"{name}.json.gz").exists():
            continue
        if name in installed:
            shutil.rmtree(installed[name])
        info = site / f"{stem}-{version}.dist-info"
        info.mkdir()
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (info / "METADATA").write_text(text)
        (info / "RECORD").write_text(f"{info.name}/METADATA,,\n{info.name}/RECORD,,\n")


def _project(info: Path) -> str:
    return info.name.partition("-")[0].lower().replace("_", "-")


@contextmanager
def osv_service() -> Iterator[tuple[str, Popen[str]]]:
    """Serve the records in a process of its own."""
    records = TESTS / "advisories" / "records.zip"
    argv = [sys.executable, "-c", SERVER, str(TESTS), str(records)]
    process = Popen(argv, stdin=PIPE, stdout=PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.wait()


def recorded_requests(process: Popen[str]) -> list[tuple[str, Any]]:
    """Return the requests since the last call."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return [(path, body) for path, body in json.loads(process.stdout.readline())]


def rows_of(pages: Path, environment: Path, pairs: int) -> list[Row]:
    """Measure the two rows, without affected packages and with an affected release of each."""
    with tempfile.TemporaryDirectory() as folder, osv_service() as (source, process):
        python = make_environment(Path(folder) / "env", environment, pages)
        with serve_pages(pages) as index:
            clean = _measure(Path(folder), python, index, source, process, pairs)
            add_affected(python, pages)
            affected = _measure(Path(folder, "a"), python, index, source, process, pairs)
            return [
                *clean,
                *(replace(r, what=f"{r.what}, with affected packages") for r in affected),
            ]


def _measure(
    folder: Path, python: Path, index: str, source: str, process: Popen[str], pairs: int
) -> list[Row]:
    def cost(argv: list[str], cache: str) -> Cost:
        variables = {"XDG_CACHE_HOME": str(folder / cache), "XDG_CONFIG_HOME": str(folder / "own")}
        seconds, processor = json.loads(run_for_output(argv, clean_environment() | variables)[1])
        return Cost(seconds=seconds, processor=processor, memory=0.0)

    def ours(cache: str) -> Cost:
        return cost([sys.executable, "-c", OURS, str(python), index], cache)

    variables = {"XDG_CONFIG_HOME": str(folder / "own")}
    agree = [sys.executable, "-c", AGREE, str(python), index, source]
    run_for_output(agree, clean_environment() | variables)

    numbers = iter(range(10_000))
    recorded_requests(process)
    ours(f"cold-{next(numbers)}")
    seen = recorded_requests(process)
    batches = [request for request in seen if request[1] is not None]
    queries = [query for _, body in batches for query in body["queries"]]
    affected = sorted({q["package"]["name"] for q in queries if "version" not in q})
    rest = [request for request in seen if request[1] is None]
    rest += [(f"{index}{name}/", None) for name in affected]
    folder.mkdir(exist_ok=True)
    (folder / "requests.json").write_text(json.dumps([batches, rest]))
    bare = [sys.executable, "-c", BARE, source, index, str(folder / "requests.json")]
    print(f"{len(batches)} batches, {len(rest)} other requests, {len(affected)} affected packages")
    ours("fresh")
    costs = paired(
        pairs, {"ours": lambda: ours(f"cold-{next(numbers)}"), "peer": lambda: cost(bare, "bare")}
    )
    fresh = paired(pairs, {"ours": lambda: ours("fresh"), "peer": lambda: cost(bare, "bare")})
    return [
        row("audit over its bare requests", costs, part="seconds", against="peer", aim=1.2),
        row("audit, answers fresh", fresh, part="seconds", against="peer", aim=0.1),
    ]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", type=Path, required=True)
    parser.add_argument("--environment", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=5)
    arguments = parser.parse_args()
    measured = rows_of(arguments.pages, arguments.environment, arguments.pairs)
    print("\n".join(lines(measured)))


if __name__ == "__main__":
    main()
