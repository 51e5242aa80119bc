"""Generate environments, limits and indexes; a seed always gives the same world."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain

from packaging.version import Version
from world_requirements import unmet

from pkgwidgets.core.plans import AllowPolicy
from pkgwidgets.demo.wheel_builder import BuiltWheel

PROJECTS = ("ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen")
VERSIONS = ("1.0", "1.1", "1.5", "2.0rc1", "2.0", "2.1", "3.0")
CUTOFF = datetime(2025, 1, 1, tzinfo=UTC)
UPLOADED = (datetime(2024, 6, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC))
FORMS = (
    "{p}>=1", "{p}<2", "{p}<3", "{p}>=1.0,<2.1", "{p}==1.*", "{p}!=1.5", "{p} (<2.1)", "{p}~=1.0",
    "{p}<3; python_version>='3'", "{p}>=1.*", "{p}<2; python_version<'3'", "{p}", "{p}[more]>=1",
    "{p}<2; sys_platform=='win32'", "{p}!=2.0; os_name=='posix' or python_version<'3'",
)  # fmt: skip
"""Requirements on another project; uv reads `>=1.*` and packaging does not."""
LIMITS = tuple(form for form in FORMS if "[" not in form and ">=1.*" not in form)
"""uv allows no extras in constraints, and reads `>=1.*` in metadata only."""


class SourceRelease(BuiltWheel):
    """A release of which the index has no wheel."""

    @property
    def filename(self) -> str:
        """The file name of a source distribution (PEP 625)."""
        return f"{self.stem}.tar.gz"


@dataclass(frozen=True, kw_only=True)
class World:
    """An index, what is installed, uv's configuration, and a request."""

    seed: int
    published: Sequence[BuiltWheel]
    installed: Sequence[BuiltWheel]
    names: tuple[str, ...] | None
    """What to upgrade; None is everything."""
    version: str | None = None
    """The version that is requested of the only name."""
    requirement: str | None = None
    """What to install, instead of an upgrade."""
    allow: AllowPolicy = "dependencies"
    constraint: str | None = None
    override: str | None = None
    scoped_override: tuple[str, str] | None = None
    """A project, and a requirement that replaces its own."""
    is_cut_off: bool = False
    cut_off: Mapping[str, bool] = field(default_factory=dict)
    """Whether `exclude-newer` holds, for single projects."""
    allows_prereleases: bool = False
    resolution: str | None = None
    has_upload_times: bool = True
    missing_files: frozenset[str] = frozenset()
    """File names that the index lists and does not have."""
    oddities: Mapping[str, str] = field(default_factory=dict)
    """What is odd about installed packages: "url" (PEP 610) or "unreadable" metadata."""

    def uv_toml(self, index_url: str) -> str:
        """Return the text of `uv.toml`."""
        cutoff = f"{CUTOFF:%Y-%m-%dT%H:%M:%SZ}"
        overrides = [json.dumps(self.override)] if self.override is not None else []
        if self.scoped_override is not None:
            name, requirement = self.scoped_override
            scope = f"package = {{ name = {json.dumps(name)} }}"
            overrides.append(f"{{ {scope}, dependencies = [{json.dumps(requirement)}] }}")
        cut_off = [f"{n} = {json.dumps(cutoff) if c else 'false'}" for n, c in self.cut_off.items()]
        lines = {
            f"constraint-dependencies = [{json.dumps(self.constraint)}]": self.constraint,
            f"override-dependencies = [{', '.join(overrides)}]": overrides,
            f'exclude-newer = "{cutoff}"': self.is_cut_off,
            f"exclude-newer-package = {{ {', '.join(cut_off)} }}": cut_off,
            'prerelease = "allow"': self.allows_prereleases,
            f'resolution = "{self.resolution}"': self.resolution,
        }
        texts = [line for line, is_set in lines.items() if is_set]
        texts += ["[[index]]", f'url = "{index_url}"', "default = true"]
        return "\n".join(texts) + "\n"

    def requires(self, wheels: Iterable[BuiltWheel]) -> dict[BuiltWheel, list[str]]:
        """Return what releases require, with the overrides."""
        return {wheel: self._overridden(wheel) for wheel in wheels}

    def _overridden(self, wheel: BuiltWheel) -> list[str]:
        """Return what a release requires; a scoped override wins, and may also add (uv)."""
        owner, scoped = self.scoped_override or ("", "")
        replacements = {project_of(self.override): self.override} if self.override else {}
        if owner == wheel.name:
            replacements[project_of(scoped)] = scoped
        lines = [
            line if project_of(line) not in replacements
            else replacements[project_of(line)] + ("; extra == 'more'" if "extra" in line else "")
            for line in wheel.requires
        ]  # fmt: skip
        if owner == wheel.name and project_of(scoped) not in map(project_of, wheel.requires):
            lines.append(scoped)
        return lines

    def is_too_new(self, wheel: BuiltWheel) -> bool:
        """Tell whether `exclude-newer` excludes a release; one of unknown age is excluded (uv)."""
        if not self.cut_off.get(wheel.name, self.is_cut_off):
            return False
        return not self.has_upload_times or wheel.uploaded >= CUTOFF


def make_world(seed: int) -> World:
    """Return the world of a seed."""
    rng = random.Random(seed)
    wheels = {project: _releases(rng, project) for project in PROJECTS}
    installed = _installed_set(rng, wheels)
    gone = {wheel.filename for wheel in installed if rng.random() < 0.08}
    published = [w for w in chain(*wheels.values()) if w.filename not in gone]
    names = [wheel.name for wheel in installed]
    limited = rng.choice(names)
    world = World(
        seed=seed,
        published=[_as_source(rng, wheel, installed) for wheel in published],
        installed=installed,
        names=None if rng.random() < 0.4 else tuple(rng.sample(names, k=rng.choice((1, 1, 2, 3)))),
        constraint=rng.choice(LIMITS).format(p=limited) if rng.random() < 0.3 else None,
        override=f"{rng.choice(names)}>=1" if rng.random() < 0.15 else None,
        is_cut_off=rng.random() < 0.2,
        cut_off={rng.choice(names): rng.random() < 0.6} if rng.random() < 0.15 else {},
        allows_prereleases=rng.random() < 0.2,
        resolution=rng.choice(("lowest", "lowest-direct")) if rng.random() < 0.1 else None,
        has_upload_times=rng.random() < 0.85,
        missing_files=frozenset(w.filename for w in published if rng.random() < 0.01),
        oddities={n: rng.choice(("url", "unreadable")) for n in names if rng.random() < 0.03},
    )
    return _with_request(rng, _with_scoped_override(rng, world))


def _releases(rng: random.Random, project: str) -> list[BuiltWheel]:
    """Return the releases of a project; later projects depend on earlier ones."""
    earlier = PROJECTS[: PROJECTS.index(project)]
    versions = sorted(rng.sample(VERSIONS, k=rng.randint(2, 5)), key=Version)
    return [
        BuiltWheel(
            name=project,
            version=version,
            files={f"{project}.py": f"version = {version!r}\n"},
            requires=_requirements(rng, earlier),
            extras=("more",),
            requires_python=rng.choice((None,) * 7 + (">=3.8", ">=3.99", ">=3.8.*")),
            yanked="broken" if rng.random() < 0.07 else None,
            uploaded=rng.choice(UPLOADED),
        )
        for version in versions
    ]


def _requirements(rng: random.Random, earlier: Sequence[str]) -> tuple[str, ...]:
    own = rng.sample(earlier, k=min(len(earlier), rng.choice((0, 0, 1, 2))))
    lines = [rng.choice(FORMS).format(p=project) for project in own]
    if earlier and rng.random() < 0.3:
        form = rng.choice([form for form in LIMITS if ";" not in form])
        lines.append(f"{form.format(p=rng.choice(earlier))}; extra == 'more'")
    return tuple(lines)


def _as_source(
    rng: random.Random, wheel: BuiltWheel, installed: Sequence[BuiltWheel]
) -> BuiltWheel:
    """Return a release, now and then without a wheel."""
    if rng.random() >= 0.04 or wheel in installed:
        return wheel
    return SourceRelease(
        name=wheel.name, version=wheel.version, requires=wheel.requires, uploaded=wheel.uploaded
    )


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
        if is_broken or not unmet({wheel: wheel.requires for wheel in chosen}):
            break
    return best


def _with_scoped_override(rng: random.Random, world: World) -> World:
    owners = [wheel.name for wheel in world.installed if wheel.name != PROJECTS[0]]
    if rng.random() >= 0.15 or not owners:
        return world
    owner = rng.choice(owners)
    project = rng.choice(PROJECTS[: PROJECTS.index(owner)])
    return replace(world, scoped_override=(owner, f"{project}>=1"))


def _with_request(rng: random.Random, world: World) -> World:
    """Return the world with an installation or a version in the place of some upgrades."""
    if rng.random() < 0.5 or world.names is None:
        return world
    allowed = replace(world, allow="all")
    installed = {wheel.name for wheel in world.installed}
    kind = rng.choice(("upgrade", "install", "install", "version"))
    if kind == "install":
        release = rng.choice(world.published)
        form = rng.choice(("{p}>={v}", "{p}", "{p}<={v}", "{p}=={v}", "{p}[more]"))
        requirement = form.format(p=release.name, v=release.version)
        return replace(allowed, names=None, requirement=requirement)
    if kind == "version":
        release = rng.choice([wheel for wheel in world.published if wheel.name in installed])
        return replace(allowed, names=(release.name,), version=release.version)
    return allowed


def project_of(requirement: str) -> str:
    """Return the project of a requirement of these worlds; all have names of three letters."""
    return requirement[:3]
