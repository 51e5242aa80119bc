"""Compare plans with uv's on generated environments, limits and indexes.

`python tests/plan_worlds.py 500` compares 500 of them and prints a table. Each number is a seed:
the same number gives the same world.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import uv
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from pkgwidgets import PackageService, PkgwidgetsError
from pkgwidgets.core.plans import Plan
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.demo.wheel_installer import WheelInstallation

PROJECTS = ("ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen")
VERSIONS = ("1.0", "1.1", "1.5", "2.0rc1", "2.0", "2.1", "3.0")
CUTOFF = datetime(2025, 1, 1, tzinfo=UTC)
UPLOADED = (datetime(2024, 6, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC))
FORMS = (
    "{p}>=1", "{p}<2", "{p}<3", "{p}>=1.0,<2.1", "{p}==1.*", "{p}!=1.5", "{p} (<2.1)", "{p}~=1.0",
    "{p}<3; python_version>='3'", "{p}>=1.*", "{p}<2; python_version<'3'", "{p}",
)  # fmt: skip
"""Requirements on another project; uv reads `>=1.*` and packaging does not."""


@dataclass(frozen=True, kw_only=True)
class World:
    """An index, what is installed, uv's configuration, and what to upgrade; None is everything."""

    seed: int
    published: Sequence[BuiltWheel]
    installed: Sequence[BuiltWheel]
    names: tuple[str, ...] | None
    constraint: str | None = None
    override: str | None = None
    is_cut_off: bool = False
    allows_prereleases: bool = False
    resolution: str | None = None
    oddities: Mapping[str, str] = field(default_factory=dict)
    """What is odd about installed packages: "url" (PEP 610) or "unreadable" metadata."""

    def uv_toml(self, index_url: str) -> str:
        """Return the text of `uv.toml`."""
        lines = []
        if self.constraint is not None:
            lines.append(f"constraint-dependencies = [{json.dumps(self.constraint)}]")
        if self.override is not None:
            lines.append(f"override-dependencies = [{json.dumps(self.override)}]")
        if self.is_cut_off:
            lines.append(f'exclude-newer = "{CUTOFF:%Y-%m-%dT%H:%M:%SZ}"')
        if self.allows_prereleases:
            lines.append('prerelease = "allow"')
        if self.resolution is not None:
            lines.append(f'resolution = "{self.resolution}"')
        lines += ["[[index]]", f'url = "{index_url}"', "default = true"]
        return "\n".join(lines) + "\n"


def make_world(seed: int) -> World:
    """Return the world of a seed."""
    rng = random.Random(seed)
    wheels = {project: _releases(rng, project) for project in PROJECTS}
    installed = _installed_set(rng, wheels)
    gone = _choose_gone(rng, installed)
    published = [w for w in chain(*wheels.values()) if w.filename not in gone]
    names = [wheel.name for wheel in installed]
    chosen = None if rng.random() < 0.4 else tuple(rng.sample(names, k=rng.choice((1, 1, 2, 3))))
    limited = rng.choice(names)
    return World(
        seed=seed,
        published=published,
        installed=installed,
        names=chosen,
        constraint=rng.choice(FORMS).format(p=limited) if rng.random() < 0.3 else None,
        override=f"{rng.choice(names)}>=1" if rng.random() < 0.15 else None,
        is_cut_off=rng.random() < 0.2,
        allows_prereleases=rng.random() < 0.15,
        resolution=rng.choice(("lowest", "lowest-direct")) if rng.random() < 0.1 else None,
        oddities={n: rng.choice(("url", "unreadable")) for n in names if rng.random() < 0.03},
    )


def _releases(rng: random.Random, project: str) -> list[BuiltWheel]:
    """Return the releases of a project; later projects depend on earlier ones."""
    earlier = PROJECTS[: PROJECTS.index(project)]
    count = rng.randint(2, 5)
    return [
        BuiltWheel(
            name=project,
            version=version,
            files={f"{project}.py": f"version = {version!r}\n"},
            requires=tuple(
                rng.choice(FORMS).format(p=other)
                for other in rng.sample(earlier, k=min(len(earlier), rng.choice((0, 0, 1, 2))))
            ),
            requires_python=rng.choice((None,) * 7 + (">=3.8", ">=3.99", ">=3.8.*")),
            yanked="broken" if rng.random() < 0.07 else None,
            uploaded=rng.choice(UPLOADED),
        )
        for version in sorted(rng.sample(VERSIONS, k=count), key=Version)
    ]


def _installed_set(
    rng: random.Random, wheels: Mapping[str, Sequence[BuiltWheel]]
) -> list[BuiltWheel]:
    """Return one release of most projects; three sets of four are consistent."""
    is_broken = rng.random() < 0.25
    best: list[BuiltWheel] = []
    for _ in range(200):
        chosen = [rng.choice(wheels[p]) for p in PROJECTS if rng.random() < 0.8]
        if len(chosen) < 3:
            continue
        best = chosen
        if is_broken or not unmet(chosen):
            break
    return best


def _choose_gone(rng: random.Random, installed: Sequence[BuiltWheel]) -> set[str]:
    """Return the file names of installed releases that the index offers no more."""
    return {wheel.filename for wheel in installed if rng.random() < 0.08}


def unmet(wheels: Iterable[BuiltWheel], override: str | None = None) -> set[tuple[str, str]]:
    """Return the requirements that these releases do not meet, by who requires them."""
    versions = {wheel.name: Version(wheel.version) for wheel in wheels}
    replaced = None if override is None else Requirement(override)
    problems = set()
    for wheel in wheels:
        for text in wheel.requires:
            requirement = read_requirement(text)
            if replaced is not None and requirement.name == replaced.name:
                requirement = replaced
            if requirement.marker is not None and not requirement.marker.evaluate():
                continue
            version = versions.get(requirement.name)
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                problems.add((wheel.name, text))
    return problems


def read_requirement(text: str) -> Requirement:
    """Read a requirement as uv does: `>=1.*` means `>=1`."""
    try:
        return Requirement(text)
    except InvalidRequirement:
        return Requirement(text.replace(".*", ""))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What uv and pkgwidgets make of a world; each maps a name to its new version."""

    world: World
    uv_changes: Mapping[str, str | None] | None
    """None if uv finds no solution that keeps all installed packages."""
    plan: Plan | None
    error: str = ""

    @property
    def changes(self) -> dict[str, str | None]:
        """The changes of the plan."""
        changes = () if self.plan is None else self.plan.changes
        return {c.id: None if c.after is None else str(c.after) for c in changes}

    @property
    def kind(self) -> str:
        """How the two answers compare."""
        if self.plan is None:
            return "refused" if self.uv_changes is not None else "both refuse"
        if self.uv_changes is None:
            return "plan where uv refuses"
        return _compare(self.changes, self.uv_changes)

    def forbidden(self) -> list[str]:
        """Return what the plan does that the limits forbid."""
        theirs = self.uv_changes or {}
        problems = [
            problem
            for name, version in self.changes.items()
            if version is None or theirs.get(name) != version
            for problem in _forbidden_change(self.world, name, version)
        ]
        after = _after(self.world, self.changes)
        override = self.world.override
        new = unmet(after, override) - unmet(self.world.installed, override)
        return [*problems, *(f"{owner} misses {text}" for owner, text in sorted(new))]


def _compare(ours: Mapping[str, str | None], theirs: Mapping[str, str | None]) -> str:
    if ours == theirs:
        return "the same plan"
    if ours.keys() == theirs.keys():
        return "the same packages, other versions"
    return "fewer changes" if len(ours) < len(theirs) else "other changes"


def _after(world: World, changes: Mapping[str, str | None]) -> list[BuiltWheel]:
    """Return the releases that are installed after these changes."""
    published = {(wheel.name, wheel.version): wheel for wheel in world.published}
    kept = [wheel for wheel in world.installed if wheel.name not in changes]
    return kept + [published[name, v] for name, v in changes.items() if v is not None]


def _forbidden_change(world: World, name: str, version: str | None) -> Iterator[str]:
    """Yield why a change is not allowed."""
    installed = {wheel.name: wheel for wheel in world.installed}
    if version is None:
        yield f"{name} is uninstalled"
        return
    published = {(wheel.name, wheel.version): wheel for wheel in world.published}
    wheel = published.get((name, version))
    if wheel is None:
        yield f"{name} {version} is not on the index"
        return
    before = installed.get(name)
    if name in world.oddities:
        yield f"{name} may not change: {world.oddities[name]}"
    if wheel.yanked is not None:
        yield f"{name} {version} is yanked"
    if wheel.requires_python == ">=3.99":
        yield f"{name} {version} is for another Python"
    if world.is_cut_off and wheel.uploaded >= CUTOFF:
        yield f"{name} {version} is too new"
    was_prerelease = before is not None and Version(before.version).is_prerelease
    if Version(version).is_prerelease and not (world.allows_prereleases or was_prerelease):
        final = [w for w in world.published if w.name == name and w.version != version]
        if final:
            yield f"{name} {version} is a pre-release"
    if before is not None and Version(version) < Version(before.version) and world.resolution:
        yield f"{name} goes down to {version}"
    if world.constraint is not None:
        limit = read_requirement(world.constraint)
        applies = limit.marker is None or limit.marker.evaluate()
        if applies and limit.name == name and not _admits(limit.specifier, version):
            yield f"{name} {version} is against the constraint {world.constraint}"


def _admits(specifier: SpecifierSet, version: str) -> bool:
    return specifier.contains(version, prereleases=True)


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
        with DemoIndex(world.published) as index, self._inside(place):
            (place / "uv.toml").write_text(world.uv_toml(index.url), encoding="utf-8")
            python = _make_environment(place / "env", world)
            theirs = _uv_changes(world, python)
            try:
                plan = PackageService(python=str(python)).plan_upgrade(world.names)
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


def _uv_changes(world: World, python: Path) -> dict[str, str | None] | None:
    """Return what uv would change when it protects everything installed; None if it cannot."""
    upgraded = world.names or [wheel.name for wheel in world.installed]
    argv = [uv.find_uv_bin(), "pip", "install", "--dry-run", "--only-binary", ":all:"]
    argv += ["--python", str(python), "--output-format", "json"]
    for name in upgraded:
        argv += ["--upgrade-package", name]
    argv += [wheel.name for wheel in world.installed]
    completed = subprocess.run(argv, capture_output=True, text=True, check=False)
    if completed.returncode != 0:
        return None
    changes: dict[str, str | None] = {}
    for row in json.loads(completed.stdout)["changes"]:
        if row["action"] == "installed":
            changes[row["name"]] = row["version"]
        else:
            changes.setdefault(row["name"], None)
    return changes


def main(count: int) -> int:
    """Compare many worlds; print a table and what is wrong; return 1 if something is."""
    kinds: Counter[str] = Counter()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        laboratory = Laboratory(Path(folder))
        for seed in range(count):
            outcome = laboratory.compare(make_world(seed))
            kinds[outcome.kind] += 1
            problems = outcome.forbidden()
            if outcome.error:
                problems.append(outcome.error)
            if problems:
                wrong += 1
                print(f"{seed}: {outcome.kind}: {'; '.join(problems)[:300]}", flush=True)
    for kind, number in kinds.most_common():
        print(f"{number:5} {kind}")
    print(f"{wrong:5} of {count} with a forbidden version or a refusal")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
