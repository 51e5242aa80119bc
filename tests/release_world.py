"""An index on loopback whose pages and files tests choose, and an environment that asks it."""

from __future__ import annotations

import hashlib
import io
import os
import sysconfig
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bad_index_server import Play, Server, environment, page, running

from pkgwidgets.connect import connect
from pkgwidgets.core import dependency_graph
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Plan
from pkgwidgets.demo.wheel_builder import BuiltWheel


def release(name: str, version: str, *requires: str) -> BuiltWheel:
    files = {f"{name}.py": f"version = {version!r}\n"}
    return BuiltWheel(name=name, version=version, requires=requires, files=files)


@dataclass
class World:
    """An index and environments that are asked from it."""

    server: Server
    folder: Path
    pages: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def publish(self, *wheels: BuiltWheel, **keys: object) -> None:
        """List wheels with further keys; `_` in a key is `-`."""
        for wheel in wheels:
            self.server.files[wheel.filename] = wheel.data
            self.server.files[f"{wheel.filename}.metadata"] = wheel.metadata_text.encode()
            self._list(wheel.name, wheel.filename, wheel.data, **keys)

    def publish_sdist(self, name: str, version: str) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            content = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
            member = tarfile.TarInfo(f"{name}-{version}/PKG-INFO")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        self.server.files[f"{name}-{version}.tar.gz"] = buffer.getvalue()
        self._list(name, f"{name}-{version}.tar.gz", buffer.getvalue())

    def _list(self, name: str, filename: str, data: bytes, **keys: object) -> None:
        row: dict[str, Any] = {"filename": filename, "url": f"/files/{filename}"}
        row |= {"hashes": {"sha256": hashlib.sha256(data).hexdigest()}}
        row |= {key.replace("_", "-"): value for key, value in keys.items()}
        self.pages.setdefault(name, []).append(row)
        self.serve(name, lambda request: request.answer(page(*self.pages[name])))

    def serve(self, name: str, play: Play) -> None:
        self.server.plays[name] = play

    def backend(self, *installed: BuiltWheel) -> Backend:
        return connect(environment(self.folder / "environment", installed), self.server.url)

    def plant(self, backend: Backend, name: str, metadata: str) -> None:
        """Install a distribution as a foreign installer would."""
        site = backend.environment.interpreter.scheme["purelib"]
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{metadata}\n"
        )
        (site / f"{name}.py").write_text("")
        rows = (f"{name}.py", f"{info.name}/METADATA", f"{info.name}/RECORD")
        (info / "RECORD").write_text("".join(f"{row},,\n" for row in rows))


@contextmanager
def world_in(folder: Path) -> Iterator[World]:
    """Serve an index until the block ends."""
    with running(Server()) as server:
        yield World(server, folder)


def reasons(plan: Plan) -> dict[str, str]:
    return {entry.id: entry.reason for entry in plan.held_back}


def versions(backend: Backend) -> dict[str, str]:
    installed = dependency_graph.installed_versions(backend.environment.distributions())
    return {name: str(version) for name, version in installed.items()}


def site_packages(python: Path) -> Path:
    roots = dict.fromkeys(("base", "platbase"), str(python.parents[1]))
    return Path(sysconfig.get_path("purelib", "venv", roots))


def status(line: str) -> Play:
    return lambda request: request.answer(b"trouble", line)


def run_case(find_fault: Callable[[World], object]) -> int:
    """Run a case in a new world; return its exit code: 1 if the fault is there, else 0."""
    with tempfile.TemporaryDirectory(prefix="case-") as folder, world_in(Path(folder)) as world:
        os.environ |= {"XDG_CACHE_HOME": f"{folder}/cache", "UV_HTTP_RETRIES": "0"}
        fault = find_fault(world)
    print(fault or "no fault")
    return 1 if fault else 0
