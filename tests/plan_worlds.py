"""Compare plans with uv's on generated environments, limits and indexes.

`python tests/plan_worlds.py 500` compares 500 of them and prints a table; `--from 250` starts at
the seed 250. The same seed gives the same world.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uv
from generated_worlds import World, make_world
from plan_outcomes import Outcome

from pkgwidgets import PackageService, PkgwidgetsError
from pkgwidgets.core.plans import Plan
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_installer import WheelInstallation


class WorldIndex(DemoIndex):
    """The index of a world; without JSON pages, its files have no upload times."""

    def __init__(self, world: World) -> None:
        super().__init__(world.published)
        self._world = world

    def _respond(self, target: str, accept: str) -> Any:
        file = target.rpartition("/")[2].removesuffix(".metadata")
        if file in self._world.missing_files:
            return super()._respond("/missing", accept)
        return super()._respond(target, accept if self._world.has_upload_times else "text/html")


@dataclass
class Laboratory:
    """A folder in which worlds are built, one after the other."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        home = self.folder / "home"
        home.mkdir()
        self.variables = {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "UV_CACHE_DIR": str(self.folder / "cache"),
        }

    def compare(self, world: World) -> Outcome:
        """Build a world, ask uv and pkgwidgets for a plan, and return both answers."""
        place = self.folder / f"world-{world.seed}"
        place.mkdir()
        with WorldIndex(world) as index, self._inside(place):
            (place / "uv.toml").write_text(world.uv_toml(index.url), encoding="utf-8")
            python = _make_environment(place / "env", world)
            theirs = _uv_changes(world, python)
            try:
                plan = _make_plan(world, python)
            except PkgwidgetsError as error:
                return Outcome(world, theirs, None, f"{type(error).__name__}: {error}")
            return Outcome(world, theirs, plan)

    @contextmanager
    def _inside(self, place: Path) -> Iterator[None]:
        """Work in a folder, with no other settings of uv and pip than the world's."""
        old_folder, old_variables = Path.cwd(), dict(os.environ)
        for name in [n for n in os.environ if n.startswith(("UV_", "PIP_"))]:
            del os.environ[name]
        os.environ.update(self.variables)
        os.chdir(place)
        try:
            yield
        finally:
            os.chdir(old_folder)
            os.environ.clear()
            os.environ.update(old_variables)


def _make_environment(prefix: Path, world: World) -> Path:
    """Make the environment of a world; return its Python."""
    make = [uv.find_uv_bin(), "venv", "--quiet", "--no-config", "--python", sys.executable]
    subprocess.run([*make, str(prefix)], check=True)
    python = prefix / "bin" / "python"
    site = next((prefix / "lib").glob("python*/site-packages"))
    scheme = {"purelib": site, "scripts": prefix / "bin", "data": prefix}
    for wheel in world.installed:
        WheelInstallation(wheel=wheel, python=python, scheme=scheme, requested=True).run()
        _make_odd(site / f"{wheel.stem}.dist-info", world.oddities.get(wheel.name))
    return python


def _make_odd(dist_info: Path, oddity: str | None) -> None:
    if oddity == "url":
        text = json.dumps({"url": "https://example.invalid/x.zip", "archive_info": {}})
        (dist_info / "direct_url.json").write_text(text, encoding="utf-8")
    elif oddity == "unreadable":
        metadata = dist_info / "METADATA"
        metadata.write_text(metadata.read_text("utf-8") + "Requires-Dist: ><\n", encoding="utf-8")


def _make_plan(world: World, python: Path) -> Plan:
    service = PackageService(python=str(python))
    if world.requirement is not None:
        return service.plan_install(world.requirement, allow=world.allow)
    return service.plan_upgrade(world.names, version=world.version, allow=world.allow)


def _uv_changes(world: World, python: Path) -> dict[str, str | None] | None:
    """Return what uv would change by the rules of pkgwidgets; None if it cannot.

    By these, all that is installed stays whole, and no upgrade goes down. What came from a URL
    does not change.
    """
    argv = [uv.find_uv_bin(), "pip", "install", "--dry-run", "--only-binary", ":all:"]
    argv += ["--python", str(python), "--output-format", "json", "--constraints", "rules.txt"]
    Path("rules.txt").write_text("\n".join(_rules(world)), encoding="utf-8")
    completed = subprocess.run(
        [*argv, *_uv_request(world)], capture_output=True, text=True, check=False
    )
    if completed.returncode != 0:
        return None
    changes: dict[str, str | None] = {}
    for row in json.loads(completed.stdout)["changes"]:
        if row["action"] == "installed":
            changes[row["name"]] = row["version"]
        else:
            changes.setdefault(row["name"], None)
    before = {wheel.name: wheel.version for wheel in world.installed}
    return {name: version for name, version in changes.items() if version != before.get(name)}


def _uv_request(world: World) -> Iterator[str]:
    """Yield the options and requirements for uv."""
    if world.requirement is not None:
        yield world.requirement
    for name in _upgraded(world):
        yield from ("--upgrade-package", name)
    yield from (wheel.name for wheel in world.installed)


def _rules(world: World) -> Iterator[str]:
    """Yield constraints: an override replaces requirements, but not these."""
    for wheel in world.installed:
        if world.version is not None and world.names == (wheel.name,):
            yield f"{wheel.name}=={world.version}"
        elif world.oddities.get(wheel.name) == "url":
            yield f"{wheel.name}=={wheel.version}"
        elif wheel.name in _upgraded(world):
            yield f"{wheel.name}>={wheel.version}"


def _upgraded(world: World) -> tuple[str, ...]:
    if world.version is not None or world.requirement is not None:
        return ()
    return world.names or tuple(wheel.name for wheel in world.installed)


def main(seeds: Iterable[int]) -> int:
    """Compare many worlds; print a table and what is wrong; return 1 if something is."""
    kinds: Counter[str] = Counter()
    reach: Counter[str] = Counter()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        laboratory = Laboratory(Path(folder))
        for seed in seeds:
            outcome = laboratory.compare(make_world(seed))
            kinds[outcome.kind] += 1
            reach.update(order for _, order in outcome.reach())
            problems = outcome.forbidden()
            if outcome.is_refused_wrongly:
                problems.append(outcome.error)
            if problems:
                wrong += 1
                print(f"{seed}: {outcome.kind}: {'; '.join(problems)[:300]}", flush=True)
    for kind, number in kinds.most_common():
        print(f"{number:5} {kind}")
    for order, number in reach.most_common():
        print(f"{number:5} requested packages reach {order}")
    print(f"{wrong:5} of {kinds.total()} with a forbidden version or a refusal")
    return 1 if wrong else 0


def _seeds() -> range:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--from", type=int, default=0, dest="start")
    arguments = parser.parse_args()
    return range(arguments.start, arguments.start + arguments.count)


if __name__ == "__main__":
    sys.exit(main(_seeds()))
