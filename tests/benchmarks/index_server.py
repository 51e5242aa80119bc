"""An index on loopback, and an environment for it, for the benchmarks.

Run as a program, it serves the pages of a folder and prints its address.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import subprocess
import sys
import tarfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

RTT = 0.03
"""Seconds of a round trip; a new connection takes another one."""
SIZES = 100
JSON = "application/vnd.pypi.simple.v1+json"
HEAD = f"ETag: %s\r\nCache-Control: max-age=600, public\r\nContent-Type: {JSON}\r\n"


_WHEEL_SERVER = """
import sys, threading
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_builder import BuiltWheel
names = [f"project-{number}" for number in range(int(sys.argv[1]))]
wheels = [BuiltWheel(name=name, version=text) for name in names for text in ("1.1", "1.2")]
print(DemoIndex(wheels).start().url, flush=True)
threading.Event().wait()
"""


@contextmanager
def serve_pages(pages: Path) -> Iterator[str]:
    """Serve the index in a process of its own: it must not share our interpreter."""
    argv = [sys.executable, __file__, str(pages)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


@contextmanager
def serve_wheels(projects: int) -> Iterator[str]:
    """Serve two releases of each project, `project-N`, in a process of its own."""
    argv = [sys.executable, "-c", _WHEEL_SERVER, str(projects)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


class PageServer:
    """The pages, compressed as they are sent."""

    def __init__(self, pages: Path) -> None:
        packed = {path.name.removesuffix(".json.gz"): path.read_bytes() for path in pages.iterdir()}
        self.known = {
            name: (f'"{sha256(body).hexdigest()[:32]}"', body) for name, body in packed.items()
        }

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await asyncio.sleep(RTT)
            while True:
                request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                await asyncio.sleep(RTT)
                writer.write(self.answer(request))
                await writer.drain()
        writer.close()

    def answer(self, request: str) -> bytes:
        """Return the full HTTP response to a request."""
        name = request.split(" ", 2)[1].strip("/").rpartition("/")[2]
        tag, body = self.known.get(name, ("", b""))
        if not tag:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        if tag in request:
            return f"HTTP/1.1 304 Not Modified\r\n{HEAD % tag}\r\n".encode()
        size = f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n"
        return f"HTTP/1.1 200 OK\r\n{HEAD % tag}{size}\r\n".encode() + body


async def serve(pages: Path) -> None:
    """Serve the index until the process ends."""
    server = await asyncio.start_server(PageServer(pages).handle, "127.0.0.1", 0, backlog=512)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/simple/", flush=True)
    await server.serve_forever()


def make_environment(folder: Path, tar: Path | None, pages: Path) -> Path:
    """Create an environment with dist-info folders but no code; return its interpreter."""
    venv.create(folder, symlinks=True)
    site = next((folder / "lib").glob("python*")) / "site-packages"
    if tar is not None:
        with tarfile.open(tar) as opened:
            opened.extractall(site, filter="data")
    else:
        fill(site, pages)
    return folder / "bin" / "python"


def fill(site: Path, pages: Path) -> None:
    """Add a dist-info folder for each page, with requirements between them, but no code."""
    chance = random.Random(11)
    names = sorted((page.name.removesuffix(".json.gz") for page in pages.iterdir()), key=_numbered)
    for number, name in enumerate(names):
        info = site / f"{name.replace('-', '_')}-1.1.dist-info"
        info.mkdir()
        needs = [f"{other}>=1.0" for other in chance.sample(names, min(2, len(names)))]
        needs += [f"{other}; extra == 'all'" for other in chance.sample(names, min(8, len(names)))]
        if number % 5 == 0:
            needs.append(f"{names[(number + 1) % len(names)]}<1.3")
        lines = "".join(f"Requires-Dist: {need}\n" for need in needs)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.1\n{lines}\n" + "text\n" * 400
        )
        files = (f"{info.name}/{file}" for file in ("METADATA", "INSTALLER", "RECORD"))
        (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
        (info / "INSTALLER").write_text("uv\n")


def make_pages(folder: Path, projects: int) -> Path:
    """Make pages whose sizes are distributed like real ones: a few huge, most small.

    The sizes repeat after `SIZES` pages: ten times as many pages are ten times the work.
    """
    folder.mkdir()
    chance = random.Random(7)
    sizes = [
        (min(900, int(9 * chance.paretovariate(0.7))), chance.choice([1, 1, 1, 2, 40]))
        for _ in range(SIZES)
    ]
    for number in range(projects):
        name = f"project-{number}"
        many, wheels = sizes[number % SIZES]
        versions = [f"1.{minor}" for minor in range(many)]
        files = [make_file(name, version, wheel) for version in versions for wheel in range(wheels)]
        page = {"meta": {"api-version": "1.1"}, "name": name, "versions": versions, "files": files}
        (folder / f"{name}.json.gz").write_bytes(gzip.compress(json.dumps(page).encode(), 6))
    return folder


def _numbered(name: str) -> tuple[int, str]:
    """Return a sort key that orders numbered names by their number."""
    return len(name), name


def make_file(name: str, version: str, wheel: int) -> dict[str, object]:
    """Return one file of a page; the first wheel of a version fits every platform."""
    tag = "py3-none-any" if wheel == 0 else f"cp3{wheel}-cp3{wheel}-win_amd64"
    filename = f"{name.replace('-', '_')}-{version}-{tag}.whl"
    return {
        "filename": filename,
        "hashes": {"sha256": sha256(filename.encode()).hexdigest()},
        "requires-python": ">=3.8",
        "size": 100_000,
        "upload-time": "2026-03-01T12:00:00.000000Z",
        "url": f"../../files/{filename}",
        "yanked": False,
    }


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
