"""The blockers that a row names are those of uv, row by row."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.backends.installer import uv
from pkgwidgets.connect import connect
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import inventory

USUAL: Mapping[str, Mapping[str, Any]] = {"1.0": {}, "1.5": {}, "2.0": {}}


@dataclass(frozen=True)
class Row:
    """A project and the packages that require it, by the end of their names.

    In a requirement `{t}` stands for the project, `{o}` and `{p}` for the packages with these ends.
    """

    name: str
    compatible: str
    needs: Mapping[str, Sequence[str]]
    blockers: tuple[str, ...] = ("o",)
    installed: str = "1.0"
    releases: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: USUAL)

    @property
    def id(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    @property
    def latest(self) -> str:
        eligible = [version for version, facts in self.releases.items() if not facts]
        return max(eligible, key=Version)

    def wheels(self) -> list[BuiltWheel]:
        built = [BuiltWheel(name=self.id, version=v, **facts) for v, facts in self.releases.items()]
        for end, requirements in self.needs.items():
            text = "\n".join(requirements)
            built.append(
                BuiltWheel(
                    name=f"{self.id}-{end}",
                    version="1.0",
                    requires=tuple(self.filled(requirement) for requirement in requirements),
                    extras=tuple(dict.fromkeys(re.findall(r"extra == ['\"]([^'\"]+)", text))),
                )
            )
        return built

    def filled(self, text: str) -> str:
        others = {end: f"{self.id}-{end}" for end in self.needs}
        return text.format(t=self.id, T=self.id.replace("-", "._").title(), **others)


def blocked(name: str, text: str, compatible: str = "1.5", **more: Any) -> Row:
    return Row(name, compatible, {"o": [text]}, **more)


def free(name: str, *texts: str, **more: Any) -> Row:
    needs = more.pop("needs", {"o": texts})
    releases = more.get("releases", USUAL)
    return Row(name, max(releases, key=Version), needs, blockers=(), **more)


BLOCKED = [
    blocked("less", "{t}<2"),
    blocked("less or equal", "{t}<=1.9"),
    blocked("less than zeros", "{t}<2.0.0"),
    blocked("less than a middle one", "{t}<1.6"),
    blocked("less than a pre-release", "{t}<2.0rc1"),
    blocked("less than a dev release", "{t}<2.dev0"),
    blocked("not the latest", "{t}!=2.0"),
    blocked("not its spelling", "{t}!=2"),
    blocked("not its series", "{t}!=2.*"),
    blocked("neither of two", "{t}!=2.0,!=1.5", "1.0"),
    blocked("a series", "{t}==1.*"),
    blocked("a narrow series", "{t}==1.0.*", "1.0"),
    blocked("exactly", "{t}==1.0", "1.0"),
    blocked("exactly in zeros", "{t}==1.0.0.0", "1.0"),
    blocked("exactly in short", "{t}==1", "1.0"),
    blocked("by its text", "{t}===1.0", "1.0"),
    blocked("compatible", "{t}~=1.0"),
    blocked("narrowly compatible", "{t}~=1.0.0", "1.0"),
    blocked("compatible with a post release", "{t}~=1.0.post0,!=1.5", "1.0.post1",
            installed="1.0.post1", releases={"1.0.post1": {}, "1.5": {}, "2.0": {}}),
    blocked("between", "{t}>=0.5,<2"),
    blocked("between in another order", "{t} <2 , >=0.5"),
    blocked("in parentheses", "{t} (<2)"),
    blocked("in capitals", "{T}<2"),
    blocked("odd.spelling of-a_name", "Odd_._Spelling...of-a-name<2"),
    Row("owner in odd spelling", "1.5", {"O_.x": ["{t}<2"]}, blockers=("O_.x",)),
    blocked("python true", "{t}<2; python_version >= '3.8'"),
    blocked("python by number and not by text", "{t}<2; python_version > '3.9'"),
    blocked("python reversed", "{t}<2; '3.8' <= python_version"),
    blocked("python series", "{t}<2; python_version == '3.*'"),
    blocked("python not in", "{t}<2; python_version not in '2.7 3.4'"),
    blocked("full python", "{t}<2; python_full_version >= '3.8.0'"),
    blocked("platform true", "{t}<2; sys_platform != 'win32'"),
    blocked("platform in", "{t}<2; sys_platform in 'linux darwin'"),
    blocked("implementation true", "{t}<2; platform_python_implementation == 'CPython'"),
    blocked("implementation by its other name", "{t}<2; implementation_name == 'cpython'"),
    blocked("either", "{t}<2; sys_platform == 'win32' or python_version >= '3'"),
    blocked("both", "{t}<2; os_name == 'posix' and python_version >= '3'"),
    Row("extra in use", "1.5", {"o": ["{t}<2; extra == 'bar'"], "p": ["{o}[bar]"]}),
    Row("extra in another spelling", "1.5",
        {"o": ["{t}<2; extra == 'Foo_Bar'"], "p": ["{o}[foo.bar]"]}),
    Row("extra with a marker", "1.5",
        {"o": ["{t}<2; extra == 'bar' and python_version >= '3'"], "p": ["{o}[bar]"]}),
    Row("extra of itself", "1.5",
        {"o": ["{o}[bar]; extra == 'all'", "{t}<2; extra == 'bar'"], "p": ["{o}[all]"]}),
    Row("extra of an extra", "1.5",
        {"o": ["{t}<2; extra == 'y'"], "p": ["{o}[y]; extra == 'x'"], "q": ["{p}[x]"]}),
    Row("extra and more than it", "1.5",
        {"o": ["{t}<2", "{t}<3; extra == 'bar'"], "p": ["{o}[bar]"]}),
    Row("two owners", "1.5", {"o": ["{t}<2"], "p": ["{t}!=2.0"]}, blockers=("o", "p")),
    Row("two owners of whom one", "1.5", {"o": ["{t}<2"], "p": ["{t}>=1"]}),
    Row("two owners leave nothing", "1.0", {"o": ["{t}<2"], "p": ["{t}!=1.5"]}),
    Row("three owners", "1.0", {"o": ["{t}<2"], "p": ["{t}<1.5"], "q": ["{t}==1.*"]},
        blockers=("o", "p", "q")),
    Row("two lines of an owner", "1.5", {"o": ["{t}>=1", "{t}<2"]}),
    Row("one another", "1.5", {"o": ["{t}<2"], "p": ["{o}<2", "{t}>=1"]}),
    blocked("pre-release installed", "{t}<2", installed="1.2rc1",
            releases={"1.2rc1": {}, "1.5": {}, "2.0": {}}),
    blocked("pre-release of the latest", "{t}!=2.0", "2.0rc1", installed="2.0rc1",
            releases={"1.5": {}, "2.0rc1": {}, "2.0": {}}),
    blocked("pre-release to pre-release", "{t}!=2.0rc2", "2.0rc1", installed="2.0rc1",
            releases={"1.0": {}, "2.0rc1": {}, "2.0rc2": {}}),
    blocked("pre-release between", "{t}<2", "1.6rc1", installed="1.2rc1",
            releases={"1.2rc1": {}, "1.5": {}, "1.6rc1": {}, "2.0": {}}),
    blocked("local version installed", "{t}<2", installed="1.0+here",
            releases={"1.0+here": {}, "1.5": {}, "2.0": {}}),
    blocked("local version of the latest", "{t}!=2.0",
            releases={"1.0": {}, "1.5": {}, "2.0+here": {}}),
    blocked("local version within reach", "{t}<2", "1.5+here",
            releases={"1.0": {}, "1.5+here": {}, "2.0": {}}),
    blocked("post release", "{t}<=2.0", "2.0", releases={"1.0": {}, "2.0": {}, "2.0.post1": {}}),
    blocked("epoch", "{t}<2", releases={"1.0": {}, "1.5": {}, "1!0.5": {}}),
    blocked("a yanked one is within reach", "{t}<2",
            releases={"1.0": {}, "1.5": {}, "1.6": {"yanked": "bad"}, "2.0": {}}),
    blocked("another Python's is within reach", "{t}<2",
            releases={"1.0": {}, "1.5": {}, "1.6": {"requires_python": ">=4"}, "2.0": {}}),
    blocked("another machine's is within reach", "{t}<2",
            releases={"1.0": {}, "1.5": {}, "1.6": {"tag": "cp27-cp27m-win32"}, "2.0": {}}),
]  # fmt: skip

FREE = [
    Row("nobody requires it", "2.0", {}, blockers=()),
    free("itself", needs={},
         releases={"1.0": {"requires": ("itself<2",)}, "1.5": {}, "2.0": {}}),
    free("any version", "{t}"),
    free("a floor", "{t}>=1.0"),
    free("a wide ceiling", "{t}<3"),
    free("a pre-release as ceiling", "{t}<=2.1rc1"),
    free("not the middle", "{t}!=1.5"),
    free("not its local version", "{t}!=2.0+here"),
    free("a wide compatible", "{t}~=1.0",
         releases={"1.0": {}, "1.5": {}}),
    free("python false", "{t}<2; python_version < '3'"),
    free("python false by number and not by text", "{t}<2; python_version < '3.9'"),
    free("python false series", "{t}<2; python_version == '2.*'"),
    free("platform false", "{t}<2; sys_platform == 'win32'"),
    free("implementation false", "{t}<2; platform_python_implementation == 'PyPy'"),
    free("not both", "{t}<2; python_version >= '3' and sys_platform == 'win32'"),
    free("one line of two holds", "{t}<2; python_version < '3'", "{t}<3; python_version >= '3'"),
    free("extra not in use", "{t}<2; extra == 'bar'"),
    free("another extra in use",
         needs={"o": ["{t}<2; extra == 'bar'", "{t}; extra == 'foo'"], "p": ["{o}[foo]"]}),
    free("extra in use under another Python",
         needs={"o": ["{t}<2; extra == 'bar'"], "p": ["{o}[bar]; python_version < '3'"]}),
    free("extra in use by an extra that is not",
         needs={"o": ["{t}<2; extra == 'bar'"], "p": ["{o}[bar]; extra == 'x'"], "q": ["{p}"]}),
    free("extra in use with a marker that is false",
         needs={"o": ["{t}<2; extra == 'bar' and sys_platform == 'win32'"], "p": ["{o}[bar]"]}),
    free("extra that nobody offers", needs={"o": ["{t}"], "p": ["{o}[bar]"]}),
    free("two owners who both admit it", needs={"o": ["{t}>=1"], "p": ["{t}<=2.0"]}),
    free("final release for a pre-release", "{t}>=1.2rc1", installed="1.2rc1",
         releases={"1.2rc1": {}, "1.5": {}, "2.0": {}}),
    free("pre-release for a pre-release", "{t}>=1", installed="2.0rc1",
         releases={"1.0": {}, "2.0rc1": {}, "2.0rc2": {}}),
    free("local version beside its release", "{t}>=1", installed="1.0+here",
         releases={"1.0+here": {}, "2.0": {}}),
    free("a local version as the latest", "{t}==2.0,==2.*", installed="2.0",
         releases={"2.0": {}, "2.0+here": {}}),
    free("a local version under its ceiling", "{t}<=2.0", releases={"1.0": {}, "2.0+here": {}}),
    free("a post release of what is excluded", "{t}!=2.0", releases={"1.0": {}, "2.0.post1": {}}),
    free("an epoch", "{t}>=1", releases={"1.0": {}, "2.0": {}, "1!0.5": {}}),
]  # fmt: skip

ROWS = [*BLOCKED, *FREE]


@dataclass(frozen=True)
class Meadow:
    """An environment in which all rows are installed, and its index."""

    python: Path
    url: str
    pins: Mapping[str, str]
    rows: Mapping[str, PackageInfo]

    def reached(self, row: Row, folder: Path, *, among: Mapping[str, str]) -> str:
        """Return the version to which uv would upgrade the project with the other pins kept."""
        project = row.id
        # One that is installed admits others, and all that could move else is pinned.
        admitted = Version(self.pins[project]).is_prerelease
        prereleases = ("--prerelease", "allow") if admitted else ()
        lines = {
            "all.txt": sorted(among),
            "keep.txt": [
                f"{name}=={version}" for name, version in among.items() if name != project
            ],
        }
        for name, pins in lines.items():
            (folder / name).write_text("\n".join(pins))
        done = run(
            "install", "--dry-run", "--python", str(self.python), "--default-index", self.url,
            "--upgrade-package", project, "-r", str(folder / "all.txt"),
            "-c", str(folder / "keep.txt"), *prereleases,
        )  # fmt: skip
        after: dict[str, str] = dict(re.findall(r"^ \+ (\S+)==(\S+)$", done, re.MULTILINE))
        assert set(after) <= {project}
        return after.get(project, self.pins[project])


def run(*arguments: str) -> str:
    """Run uv and return its output; show its errors if it fails."""
    done = subprocess.run(
        [uv.find_uv(), "pip", *arguments, "--no-config"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def meadow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meadow]:
    folder = tmp_path_factory.mktemp("meadow")
    wheels = [wheel for row in ROWS for wheel in row.wheels()]
    pins: dict[str, str] = {wheel.id: wheel.version for wheel in wheels}
    pins |= {row.id: row.installed for row in ROWS}
    python = folder / "env/bin/python"
    with DemoIndex(wheels) as index, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        subprocess.run([uv.find_uv(), "venv", "-q", "--no-config", folder / "env"], check=True)
        # `==2.0` is met by `2.0+here` too.
        (folder / "pins.txt").write_text("\n".join(f"{n}==={v}" for n, v in pins.items()))
        target = ("--python", str(python))
        run("install", *target, "--default-index", index.url, "-r", str(folder / "pins.txt"))
        run("check", *target)
        infos = inventory.check_for_updates(connect(python, index.url))
        rows: dict[str, PackageInfo] = {info.id: info for info in infos}
        yield Meadow(python, index.url, pins, rows)


def test_blocked_by_table_has_enough_blocked_and_free_rows() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)
    assert len(BLOCKED) >= 40
    assert len(FREE) >= 25


def test_every_row_is_installed_and_has_an_index_result(meadow: Meadow) -> None:
    assert {name: info.version for name, info in meadow.rows.items()} == meadow.pins
    assert {name: info.error for name, info in meadow.rows.items() if info.error} == {}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row_names_the_packages_that_block_the_latest_version(meadow: Meadow, row: Row) -> None:
    info = meadow.rows[row.id]
    assert info.latest_version == row.latest
    named = re.findall(r"(?:^|, )(\S+) \(", info.blocked_by)
    assert named == [canonicalize_name(f"{row.id}-{end}") for end in row.blockers]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_uv_resolves_to_the_compatible_version_of_the_row(
    meadow: Meadow, row: Row, tmp_path: Path
) -> None:
    info = meadow.rows[row.id]
    assert info.update_available
    own: dict[str, str] = {wheel.id: meadow.pins[wheel.id] for wheel in row.wheels()}
    # No project of a row requires one of another row: uv need not resolve all of them each time.
    required = {
        canonicalize_name(Requirement(text).name)
        for wheel in row.wheels()
        for text in wheel.requires
    }
    assert required <= own.keys()
    reached = meadow.reached(row, tmp_path, among=own)
    assert info.compatible_version == row.compatible
    assert reached == row.compatible
    assert (reached == info.latest_version) is not bool(info.blocked_by)


def test_uv_reaches_the_same_version_with_all_groups_installed(
    meadow: Meadow, tmp_path: Path
) -> None:
    (row,) = (row for row in ROWS if row.name == "two lines of an owner")
    assert meadow.reached(row, tmp_path, among=meadow.pins) == row.compatible


def test_no_other_package_has_an_update(meadow: Meadow) -> None:
    others = {
        name: info for name, info in meadow.rows.items() if name not in {row.id for row in ROWS}
    }
    assert {
        name for name, info in others.items() if info.update_available or info.blocked_by
    } == set()
