"""The updates of a check are those of `uv pip list --outdated`, name by name."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pytest
from bad_index_server import Play, Request, Server, environment, file, page, running
from packaging.tags import sys_tags

from pkgwidgets import PackageService
from pkgwidgets.backends.installer import uv
from pkgwidgets.connect import connect
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import inventory

File = dict[str, Any]
NATIVE = next(str(tag) for tag in sys_tags() if tag.abi.startswith("cp"))
OLD_ABI = next(str(tag) for tag in sys_tags() if tag.abi == "abi3")
MINOR = sys.version_info.minor
SAME = "the same"


@dataclass(frozen=True)
class Case:
    """A project's files, and the expected latest version; None for no update.

    `uvs` is uv's answer if it differs, and `why` the reason for the difference.
    """

    name: str
    files: Sequence[File]
    newest: str | None = "2.0"
    installed: str = "1.0"
    uvs: str | None = SAME
    why: str = ""

    @property
    def id(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower())


def wheel(version: str, tag: str = "py3-none-any", name: str = "{name}", **more: Any) -> File:
    return file(f"{name}-{version}-{tag}.whl", **more)


def sdist(version: str, ending: str = ".tar.gz", name: str = "{name}", **more: Any) -> File:
    return file(f"{name}-{version}{ending}", **more)


OLD, NEW = wheel("1.0"), wheel("2.0")
SDISTS = "a source counts only if it is allowed"
PRE = "a pre-release counts if the installed one is"
CEILING = "this Python is excluded: uv reads of `requires-python` only from which one on"
HERE = ".".join(map(str, sys.version_info[:3]))

CASES = [
    # Versions.
    Case("newer", [OLD, NEW]),
    Case("newer first", [NEW, OLD]),
    Case("ten after nine", [wheel("1.9"), wheel("1.10")], "1.10"),
    Case("nothing newer", [OLD], None),
    Case("only older", [wheel("0.9")], None),
    Case("no files", [], None),
    Case("other zeros", [wheel("1.0.0"), wheel("1")], None),
    Case("other zeros newer", [OLD, wheel("2.0.0")], "2.0.0"),
    Case("leading zeros", [OLD, wheel("02.0")]),
    Case("post release", [OLD, wheel("1.0.post1")], "1.0.post1"),
    Case("post release of an older", [OLD, wheel("0.9.post1")], None),
    Case("implicit post release", [OLD, sdist("1.0-1")], None, uvs="1.0.post1", why=SDISTS),
    Case("epoch", [OLD, wheel("1!0.5"), NEW], "1!0.5"),
    Case("epoch installed", [NEW, wheel("1!0.5")], None, installed="1!0.5"),
    Case("local version", [OLD, wheel("1.0+here")], "1.0+here"),
    Case("local version installed", [OLD], None, installed="1.0+here"),
    Case("local version installed and another", [wheel("1.0+here"), wheel("1.0+there")],
         "1.0+there", installed="1.0+here"),
    Case("local version installed and newer", [OLD, NEW], installed="1.0+here"),
    Case("no version", [OLD, wheel("new")], None),
    # Pre-releases.
    Case("pre-release", [OLD, wheel("2.0rc1")], None),
    Case("dev release", [OLD, wheel("2.0.dev1")], None),
    Case("only pre-releases", [wheel("2.0a1"), wheel("2.0b1")], None),
    Case("final for a pre-release", [wheel("2.0rc1"), NEW], installed="2.0rc1"),
    Case("pre-release for a pre-release", [OLD, wheel("2.0rc1"), wheel("2.0rc2")], "2.0rc2",
         installed="2.0rc1", uvs=None, why=PRE),
    Case("only pre-releases and one installed", [wheel("2.0a1"), wheel("2.0b1")], "2.0b1",
         installed="2.0a1", uvs=None, why=PRE),
    Case("dev release for a dev release", [wheel("2.0.dev1"), wheel("2.0.dev2")], "2.0.dev2",
         installed="2.0.dev1", uvs=None, why=PRE),
    # Yanked.
    Case("yanked", [OLD, wheel("1.5"), wheel("2.0", yanked="bad")], "1.5"),
    Case("yanked without a reason", [OLD, wheel("2.0", yanked=True)], None),
    Case("all yanked", [wheel("1.0", yanked="x"), wheel("2.0", yanked="x")], None),
    Case("one of two wheels yanked", [wheel("2.0", yanked="x"), wheel("2.0", "py2.py3-none-any")]),
    Case("the one that fits yanked", [wheel("2.0", yanked="x"), wheel("2.0", "cp27-cp27m-win32")],
         None),
    Case("yanked wheel beside a source", [OLD, wheel("2.0", yanked="x"), sdist("2.0")], None,
         uvs="2.0", why=SDISTS),
    # Pythons.
    Case("another Python", [OLD, wheel("1.5"), wheel("2.0", requires_python=">=4")], "1.5"),
    Case("this Python", [OLD, wheel("2.0", requires_python=f">=3.{MINOR}")]),
    Case("next Python", [OLD, wheel("2.0", requires_python=f">=3.{MINOR + 1}")], None),
    Case("after this Python", [OLD, wheel("2.0", requires_python=f">3.{MINOR}")]),
    Case("older Pythons", [OLD, wheel("2.0", requires_python=f"<3.{MINOR}")], None,
         uvs="2.0", why=CEILING),
    Case("up to this Python", [OLD, wheel("2.0", requires_python=f"<=3.{MINOR}")], None,
         uvs="2.0", why=CEILING),
    Case("a series of Python", [OLD, wheel("2.0", requires_python=f"==3.{MINOR}.*")]),
    Case("another series", [OLD, wheel("2.0", requires_python=f"==3.{MINOR - 1}.*")], None,
         uvs="2.0", why=CEILING),
    Case("not this series", [OLD, wheel("2.0", requires_python=f"!=3.{MINOR}.*")], None,
         uvs="2.0", why=CEILING),
    Case("not this Python", [OLD, wheel("2.0", requires_python=f"!={HERE}")], None,
         uvs="2.0", why=CEILING),
    Case("compatible Python", [OLD, wheel("2.0", requires_python="~=3.8")]),
    Case("old Python 3", [OLD, wheel("2.0", requires_python="<4,>=2.7,!=3.0.*,!=3.1.*")]),
    Case("no specifier", [OLD, wheel("2.0", requires_python="sometimes")], None),
    Case("star with a floor", [OLD, wheel("2.0", requires_python=">=3.8.*")]),
    Case("star with a floor too high", [OLD, wheel("2.0", requires_python=">=4.1.*")], None),
    Case("wheels for two Pythons",
         [OLD, wheel("2.0", requires_python=">=4"), wheel("2.0", "py2.py3-none-any")]),
    Case("wheels for two Pythons, this one first",
         [OLD, wheel("2.0", requires_python=">=3"),
          wheel("2.0", "py2.py3-none-any", requires_python=">=4")]),
    Case("a source for another Python",
         [OLD, sdist("2.0", requires_python=">=4"), wheel("2.0")]),
    # Machines.
    Case("another machine", [OLD, wheel("2.0", "cp27-cp27m-win32")], None),
    Case("many other machines",
         [OLD, wheel("2.0", f"cp3{MINOR}-cp3{MINOR}-win_arm64"),
          wheel("2.0", f"cp3{MINOR}-cp3{MINOR}-macosx_99_0_arm64")], None),
    Case("this machine", [OLD, wheel("2.0", NATIVE)]),
    Case("this machine and another", [OLD, wheel("2.0", "cp27-cp27m-win32"), wheel("2.0", NATIVE)]),
    Case("stable ABI", [OLD, wheel("2.0", OLD_ABI)]),
    Case("next ABI", [OLD, wheel("2.0", NATIVE.replace(str(MINOR), str(MINOR + 1)))], None),
    Case("any of two Pythons", [OLD, wheel("2.0", "py2.py3-none-any")]),
    Case("this minor Python", [OLD, wheel("2.0", f"py3{MINOR}-none-any")]),
    Case("a newer minor Python", [OLD, wheel("2.0", f"py3{MINOR + 1}-none-any")], None),
    Case("an older minor Python", [OLD, wheel("2.0", "py36-none-any")]),
    Case("Python 2", [OLD, wheel("2.0", "py2-none-any")], None),
    Case("newest for another machine, then a newer",
         [OLD, wheel("1.5"), wheel("2.0", "cp27-cp27m-win32")], "1.5"),
    # Kinds of files.
    Case("source only", [sdist("1.0"), sdist("2.0")], None, uvs="2.0", why=SDISTS),
    Case("newest is a source", [OLD, wheel("1.5"), sdist("2.0")], "1.5", uvs="2.0", why=SDISTS),
    Case("source beside another machine's", [OLD, sdist("2.0"), wheel("2.0", "cp27-cp27m-win32")],
         None, uvs="2.0", why=SDISTS),
    Case("source beside a wheel", [OLD, sdist("2.0"), NEW]),
    Case("source as zip", [OLD, sdist("2.0", ".zip")], None, uvs="2.0", why=SDISTS),
    Case("source in old packings", [OLD, sdist("2.0", ".egg"), sdist("2.0", ".exe")], None),
    Case("build tag", [OLD, wheel("2.0-1")]),
    Case("build tags", [wheel("1.0-2"), wheel("2.0-1abc"), wheel("2.0-10")]),
    Case("build tag of the installed", [wheel("1.0-7")], None),
    Case("build tag without a number", [OLD, wheel("2.0-abc")], None),
    Case("too few parts", [OLD, file("{name}-2.0-py3-none.whl")], None),
    Case("name of another", [OLD, wheel("9.0", name="{name}_x"), sdist("9.0", name="{name}-x")],
         None),
    Case("spelt oddly", [OLD, wheel("2.0", name="Spelt.Oddly")]),
    Case("hash missing", [OLD, wheel("2.0", hashes={})]),
]  # fmt: skip
"""Each intended difference from uv has a reason; any other difference is a bug."""

KINDS = ("JSON", "HTML")


def as_html(files: Sequence[File]) -> bytes:
    links = []
    for entry in files:
        values = {"href": f"{entry['url']}#sha256={'0' * 64}"}
        if "requires-python" in entry:
            values["data-requires-python"] = entry["requires-python"]
        if "yanked" in entry:
            values["data-yanked"] = "" if entry["yanked"] is True else entry["yanked"]
        attributes = " ".join(f'{name}="{escape(text)}"' for name, text in values.items())
        links.append(f"<a {attributes}>{escape(entry['filename'])}</a><br>")
    return f"<!DOCTYPE html><title>Links for it</title>{''.join(links)}".encode()


def play_of(case: Case, kind: str) -> Play:
    stem = case.id.replace("-", "_")
    text = json.dumps(case.files).replace("{name}", stem)
    file_entries = json.loads(text)

    def play(request: Request) -> None:
        if kind == "JSON":
            request.answer(page(*file_entries, name=case.id))
        else:
            request.answer(as_html(file_entries), Content_Type="text/html")

    return play


@dataclass(frozen=True)
class LatestVersions:
    """The latest versions of every installed name, by our check and by uv."""

    ours: Mapping[str, PackageInfo]
    uvs: Mapping[str, str]


@pytest.fixture(scope="module", params=KINDS)
def answers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LatestVersions]:
    folder = tmp_path_factory.mktemp("outdated")
    wheels = [BuiltWheel(name=case.id, version=case.installed) for case in CASES]
    python = environment(folder / "env", wheels)
    server = Server(plays={case.id: play_of(case, request.param) for case in CASES})
    with running(server), pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        infos = inventory.check_for_updates(connect(python, server.url))
        done = subprocess.run(
            [uv.find_uv(), "pip", "list", "--outdated", "--format", "json", "--no-config",
             "--python", python, "--default-index", server.url],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        rows = json.loads(done.stdout)
        yield LatestVersions(
            ours={info.id: info for info in infos},
            uvs={row["name"]: row["latest_version"] for row in rows},
        )


def test_case_names_are_unique() -> None:
    assert len({case.id for case in CASES}) == len(CASES)
    assert all((case.uvs == SAME) is not bool(case.why) for case in CASES)


def test_every_case_has_a_result(answers: LatestVersions) -> None:
    assert set(answers.ours) == {case.id for case in CASES}
    assert set(answers.uvs) <= set(answers.ours)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_latest_version_agrees_with_uv_pip_list_outdated(
    answers: LatestVersions, case: Case
) -> None:
    info = answers.ours[case.id]
    ours = info.latest_version if info.update_available else None
    uvs = answers.uvs.get(case.id)
    if case.name == "name of another" and uvs == "9.0":
        uvs = None  # the first uv that we work with takes it
    assert (ours, uvs) == (case.newest, case.newest if case.uvs == SAME else case.uvs)


def test_package_without_installable_release_is_not_up_to_date(answers: LatestVersions) -> None:
    for case in CASES:
        info = answers.ours[case.id]
        assert (info.update_available is None) is bool(info.error)
        assert (info.latest_version is None) is bool(info.error)


# --- offered versions and plans

OFFERED: dict[str, tuple[list[BuiltWheel], str]] = {
    "a Python that is too new": (
        [
            BuiltWheel(name="pea", version="1.0"),
            BuiltWheel(name="pea", version="2.0", requires_python=f"<3.{MINOR}"),
        ],
        "1.0",
    ),
    "a pre-release within reach": (
        [
            BuiltWheel(name="pea", version="1.2rc1"),
            BuiltWheel(name="pea", version="1.5"),
            BuiltWheel(name="pea", version="1.6rc1"),
            BuiltWheel(name="pea", version="2.0"),
            BuiltWheel(name="pod", version="1.0", requires=("pea<2",)),
        ],
        "1.6rc1",
    ),
}
"""Releases of which the first is installed, as is who forbids one, and what the row offers."""


@pytest.mark.parametrize("name", OFFERED)
@pytest.mark.usefixtures("empty_index_cache")
def test_plan_upgrades_to_the_compatible_version_of_the_row(name: str, tmp_path: Path) -> None:
    wheels, offered = OFFERED[name]
    installed = wheels[0]
    python = environment(tmp_path / "env", [installed, *(w for w in wheels if w.name != "pea")])
    with DemoIndex(wheels) as index:
        service = PackageService(python, index_url=index.url)
        assert service.get_package("pea", check_updates=True).compatible_version == offered
        planned = [str(change.after) for change in service.plan_upgrade("pea").changes]
    assert planned == ([] if offered == installed.version else [offered])
