"""A check that uses the rows of the last one gives what a full computation gives."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import uv

from pkgwidgets import PackageService
from pkgwidgets.backends import row_texts
from pkgwidgets.connect import connect
from pkgwidgets.core.events import Event, PackageChecked
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.last_check import NoLastCheck
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import inventory

FRESH_SECONDS = 600.0
Rows = tuple[PackageInfo, ...]


class Clock:
    """The time of the index cache, which a test can set."""

    def __init__(self) -> None:
        self.shift = 0.0

    def __call__(self) -> float:
        return time.time() + self.shift


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let every answer be fresh for ten minutes, and every file be older than two seconds."""
    clock = Clock()
    monkeypatch.setattr(
        "pkgwidgets.backends.index.simple._freshness", lambda response: FRESH_SECONDS
    )
    for module in ("index.simple", "index.last_check"):
        monkeypatch.setattr(f"pkgwidgets.backends.{module}.time", clock)
    for module in ("environment.environment_stat_key", "history.transaction_cache"):
        monkeypatch.setattr(
            f"pkgwidgets.backends.{module}.time_ns", lambda: time.time_ns() + 5 * 10**9
        )
    return clock


def connected(garden: Demo) -> Backend:
    """Return a backend as a new process has it: it shares only files with others."""
    return connect(garden.python, garden.index_url)


def has_rows(backend: Backend) -> bool:
    return backend.last_check.load(backend.last_check.state()) is not None


def full_check(garden: Demo) -> Rows:
    return inventory.check_for_updates(replace(connected(garden), last_check=NoLastCheck()))


def row(rows: Rows, name: str) -> PackageInfo | None:
    return next((info for info in rows if info.id == name), None)


def edit(path: Path, old: str, new: str) -> None:
    """Change a file in place: its folder keeps its time."""
    text = path.read_text("utf-8")
    assert old in text
    with path.open("r+", encoding="utf-8") as file:
        file.write(text.replace(old, new))
        file.truncate()


# --- the rows of the last check


def test_new_process_uses_the_rows_of_the_last_check(garden: Demo) -> None:
    first = inventory.check_for_updates(connected(garden))
    asked = len(garden.index.requests)
    backend = connected(garden)
    assert has_rows(backend)
    assert inventory.check_for_updates(backend) == first == full_check(garden)
    assert len(garden.index.requests) == asked


def test_rows_need_neither_the_http_client_nor_msgspec(garden: Demo) -> None:
    """Both are processes of their own: what this one remembers of a Python may be older."""
    make_fresh = "from pkgwidgets.backends.index import simple; simple._freshness = lambda _: 600.0"
    code = (
        "import sys, time\n"
        "from pkgwidgets.connect import connect\n"
        "from pkgwidgets.backends.environment import environment_stat_key as keys\n"
        "keys.time_ns = lambda: time.time_ns() + 5 * 10**9\n"
        "exec(sys.argv[3])\n"
        "from pkgwidgets.operations import inventory\n"
        "rows = inventory.check_for_updates(connect(sys.argv[1], sys.argv[2]))\n"
        "print(len(rows), [n for n in ('requests', 'urllib3', 'griffe') if n in sys.modules])"
    )
    argv = [sys.executable, "-c", code, str(garden.python), garden.index_url]
    first = subprocess.run([*argv, make_fresh], check=True, capture_output=True, text=True)
    assert first.stdout.strip() == "11 ['requests', 'urllib3']"
    asked = len(garden.index.requests)
    second = subprocess.run([*argv, ""], check=True, capture_output=True, text=True)
    assert second.stdout.strip() == "11 []"
    assert len(garden.index.requests) == asked


def test_rows_of_one_package_come_from_the_last_check(garden: Demo) -> None:
    rows = inventory.check_for_updates(connected(garden))
    assert inventory.check_for_updates(connected(garden), "Raintable") == (row(rows, "raintable"),)
    with pytest.raises(Exception, match="nothing-like-it"):
        inventory.check_for_updates(connected(garden), "nothing_like-it")


def test_each_row_of_the_last_check_is_reported(garden: Demo) -> None:
    def reported(backend: Backend) -> dict[str, PackageInfo]:
        events: list[Event] = []
        inventory.check_for_updates(backend, report=events.append)
        checked = [event for event in events if isinstance(event, PackageChecked)]
        assert (checked[-1].done, checked[-1].total) == (len(checked), len(checked))
        return {event.package.id: event.package for event in checked}

    first = reported(connected(garden))
    assert has_rows(connected(garden))
    assert reported(connected(garden)) == first


def test_refresh_asks_the_index(garden: Demo) -> None:
    inventory.check_for_updates(connected(garden))
    asked = len(garden.index.requests)
    inventory.check_for_updates(connected(garden), refresh=True)
    assert len(garden.index.requests) > asked


def test_frames_of_a_service_are_independent(garden: Demo) -> None:
    service = PackageService(garden.python, index_url=garden.index_url)
    for ask in (service.get_packages, service.check_for_updates):
        frame = ask()
        whole = frame.copy()
        frame.loc["seedshelf", "version"] = "0"
        frame["more"] = 1
        frame.index.name = "other"
        assert ask().equals(whole)
        assert ask().index.name == "name"
        assert ask() is not ask()


def test_all_fields_are_kept() -> None:
    kept = {*row_texts._JSON_TYPES, "loaded_version"}
    assert {field.name for field in fields(PackageInfo)} == kept


# --- never stale


class Change(NamedTuple):
    """Something that a check must notice, and the package whose row it changes."""

    make: Callable[[Demo, pytest.MonkeyPatch, Clock], object]
    name: str


def install_with_uv(garden: Demo, *arguments: str) -> None:
    argv = [uv.find_uv_bin(), "pip", "install", "-q", "--python", str(garden.python), "--no-deps"]
    subprocess.run([*argv, "--index-url", garden.index_url, *arguments], check=True)


def dist_info(garden: Demo, name: str) -> Path:
    return next(garden.site_packages.glob(f"{name}-*.dist-info"))


def add_by_pth(garden: Demo) -> None:
    folder = garden.folder / "added"
    shutil.copytree(dist_info(garden, "sundrift"), folder / "other-2.0.dist-info")
    metadata = folder / "other-2.0.dist-info" / "METADATA"
    metadata.write_text("Metadata-Version: 2.1\nName: other\nVersion: 2.0\n")
    (garden.site_packages / "added.pth").write_text(f"{folder}\n")


def list_in_conda(garden: Demo) -> None:
    folder = garden.folder / "env" / "conda-meta"
    folder.mkdir()
    name = dist_info(garden, "sundrift").name
    (folder / "sundrift.json").write_text(json.dumps({"files": [f"lib/{name}/METADATA"]}))


def constrain_with_uv_toml(garden: Demo, patch: pytest.MonkeyPatch) -> None:
    folder = garden.folder / "project"
    folder.mkdir(exist_ok=True)
    (folder / "uv.toml").write_text('constraint-dependencies = ["seedshelf<1.4.2"]\n')
    patch.delenv("UV_NO_CONFIG")
    patch.chdir(folder)


def constrain_with_variable(garden: Demo, patch: pytest.MonkeyPatch) -> None:
    file = garden.folder / "constraints.txt"
    file.write_text("seedshelf<1.4.2\n")
    patch.setenv("UV_CONSTRAINT", str(file))


def yank(garden: Demo, clock: Clock) -> None:
    newest = "1.4.2"
    wheel = next(
        wheel
        for wheel in garden.index._wheels.values()
        if (wheel.id, wheel.version) == ("seedshelf", newest)
    )
    garden.index.publish(replace(wheel, yanked="wrong"))
    clock.shift += FRESH_SECONDS


def publish_and_refresh_elsewhere(garden: Demo) -> None:
    garden.index.publish(BuiltWheel(name="seedshelf", version="9.0"))
    inventory.check_for_updates(connected(garden), "seedshelf", refresh=True)


def upgrade(garden: Demo) -> None:
    PackageService(garden.python, index_url=garden.index_url).upgrade_package("seedshelf")


CHANGES = {
    "uv installs": Change(lambda g, p, c: install_with_uv(g, "seedshelf==1.4.2"), "seedshelf"),
    "removed": Change(lambda g, p, c: shutil.rmtree(dist_info(g, "seedshelf")), "seedshelf"),
    "METADATA edited": Change(
        lambda g, p, c: edit(dist_info(g, "seedshelf") / "METADATA", "1.4.1", "1.4.0"), "seedshelf"
    ),
    "INSTALLER edited": Change(
        lambda g, p, c: (dist_info(g, "sundrift") / "INSTALLER").write_text("conda\n"), "sundrift"
    ),
    "REQUESTED removed": Change(
        lambda g, p, c: (dist_info(g, "seedshelf") / "REQUESTED").unlink(), "seedshelf"
    ),
    "direct_url.json added": Change(
        lambda g, p, c: (dist_info(g, "sundrift") / "direct_url.json").write_text(
            json.dumps({"url": "file:///src", "dir_info": {"editable": True}})
        ),
        "sundrift",
    ),
    "editable finder added": Change(
        lambda g, p, c: (
            g.site_packages / f"__editable__.{dist_info(g, 'sundrift').name[:-10]}.pth"
        ).touch(),
        "sundrift",
    ),
    "RECORD rewritten": Change(
        lambda g, p, c: (dist_info(g, "seedshelf") / "RECORD").touch(), "seedshelf"
    ),
    "a .pth file adds a folder": Change(lambda g, p, c: add_by_pth(g), "other"),
    "conda lists it": Change(lambda g, p, c: list_in_conda(g), "sundrift"),
    "uv.toml": Change(lambda g, p, c: constrain_with_uv_toml(g, p), "seedshelf"),
    "variable": Change(lambda g, p, c: constrain_with_variable(g, p), "seedshelf"),
    "yanked, after the answers were fresh": Change(lambda g, p, c: yank(g, c), "seedshelf"),
    "another process asked again": Change(
        lambda g, p, c: publish_and_refresh_elsewhere(g), "seedshelf"
    ),
    "an upgrade": Change(lambda g, p, c: upgrade(g), "seedshelf"),
}


@pytest.mark.parametrize("label", CHANGES)
def test_change_is_seen(
    garden: Demo, monkeypatch: pytest.MonkeyPatch, clock: Clock, label: str
) -> None:
    change = CHANGES[label]
    same, before = connected(garden), inventory.check_for_updates(connected(garden))
    assert inventory.check_for_updates(same) == before
    change.make(garden, monkeypatch, clock)
    new = connected(garden)
    assert not has_rows(new)
    assert not has_rows(same)
    after = inventory.check_for_updates(new)
    assert row(after, change.name) != row(before, change.name)
    assert after == inventory.check_for_updates(same) == full_check(garden)


def test_pip_configuration_is_seen(garden: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_INDEX_URL", garden.index_url)
    monkeypatch.setenv("PIP_INDEX_URL", garden.index_url)

    def check() -> Rows:
        return inventory.check_for_updates(connect(garden.python))

    before = check()
    constraints = garden.folder / "constraints.txt"
    constraints.write_text("seedshelf<1.4.2\n")
    monkeypatch.setenv("PIP_CONSTRAINT", str(constraints))
    monkeypatch.delenv("UV_INDEX_URL")
    after = check()
    assert row(before, "seedshelf") != row(after, "seedshelf")


def test_clock_that_was_set_back_makes_the_answers_stale(garden: Demo, clock: Clock) -> None:
    inventory.check_for_updates(connected(garden))
    assert has_rows(connected(garden))
    clock.shift = -60
    assert not has_rows(connected(garden))
    asked = len(garden.index.requests)
    inventory.check_for_updates(connected(garden))
    assert len(garden.index.requests) > asked


def test_answers_are_used_until_they_are_no_longer_fresh(garden: Demo, clock: Clock) -> None:
    inventory.check_for_updates(connected(garden))
    clock.shift = FRESH_SECONDS - 30
    assert has_rows(connected(garden))
    clock.shift = FRESH_SECONDS
    assert not has_rows(connected(garden))


def test_another_index_has_rows_of_its_own(garden: Demo) -> None:
    inventory.check_for_updates(connected(garden))
    other = garden.index_url.replace("127.0.0.1", "localhost")
    assert not has_rows(connect(garden.python, other))
    inventory.check_for_updates(connect(garden.python, other))
    assert has_rows(connect(garden.python, other))
    assert has_rows(connected(garden))


def test_another_python_has_rows_of_its_own(garden: Demo) -> None:
    inventory.check_for_updates(connected(garden))
    link = garden.python.with_name("other-python")
    link.symlink_to(garden.python.name)
    assert not has_rows(connect(link, garden.index_url))


def test_rows_of_a_project_that_the_index_lacks_are_not_kept(garden: Demo) -> None:
    garden.index.withdraw("seedshelf")
    inventory.check_for_updates(connected(garden))
    assert not has_rows(connected(garden))


def test_rows_from_an_index_that_is_down_are_not_kept(garden: Demo, clock: Clock) -> None:
    inventory.check_for_updates(connected(garden))
    clock.shift, garden.index.down = FRESH_SECONDS, True
    rows = inventory.check_for_updates(connected(garden))
    assert all(info.error and info.latest_version for info in rows)
    garden.index.down = False
    assert not has_rows(connected(garden))
    assert not any(info.error for info in inventory.check_for_updates(connected(garden)))


def test_rows_are_not_kept_while_files_are_new(
    garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pkgwidgets.backends.environment.environment_stat_key.time_ns", lambda: 0)
    inventory.check_for_updates(connected(garden))
    assert connected(garden).last_check.state() == ""
    assert not has_rows(connected(garden))


def test_folder_of_links_is_read_each_time(garden: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_INDEX_URL", garden.index_url)
    monkeypatch.setenv("UV_FIND_LINKS", str(garden.folder))
    backend = connect(garden.python)
    inventory.check_for_updates(backend)
    assert backend.last_check.state() == ""


def test_cutoff_is_applied_each_time(garden: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_INDEX_URL", garden.index_url)
    monkeypatch.setenv("UV_EXCLUDE_NEWER", "1 week")
    backend = connect(garden.python)
    inventory.check_for_updates(backend)
    assert backend.last_check.state() == ""


# --- the file


def kept_file(tmp: Path) -> Path:
    (file,) = tmp.glob("pkgwidgets/checks-*/*.json")
    return file


@pytest.fixture
def cache(tmp_path: Path, garden: Demo, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_file_is_of_this_user_alone_and_holds_no_credentials(garden: Demo, cache: Path) -> None:
    url = garden.index_url.replace("http://", "http://gardener:s3cret-token@")
    inventory.check_for_updates(connect(garden.python, url))
    file = kept_file(cache)
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0
    assert b"s3cret" not in file.read_bytes()
    assert b"gardener" not in file.read_bytes()
    assert has_rows(connect(garden.python, url))


@pytest.mark.parametrize("seed", range(40))
def test_damaged_file_is_ignored(garden: Demo, cache: Path, seed: int) -> None:
    rows = inventory.check_for_updates(connected(garden))
    file, chance = kept_file(cache), random.Random(seed)
    body = bytearray(file.read_bytes())
    if seed % 2:
        del body[chance.randrange(len(body)) :]
    else:
        position = chance.randrange(len(body))
        body[position] ^= 1 << chance.randrange(8)
    file.write_bytes(body)
    assert not has_rows(connected(garden))
    assert inventory.check_for_updates(connected(garden)) == rows
    assert has_rows(connected(garden))


Columns = dict[str, Any]
HOSTILE: dict[str, Callable[[Columns], object]] = {
    "a number as name": lambda columns: columns["name"].__setitem__(0, 5),
    "an invalid version": lambda columns: columns["latest_version"].__setitem__(0, "latest"),
    "an unknown status": lambda columns: columns["status"].__setitem__(0, "fine"),
    "a time without a zone": lambda c: c["installed"].__setitem__(0, "2026-01-01T00:00:00"),
    "a link that runs code": lambda c: c["links"].__setitem__(0, [["x", "javascript:alert(1)"]]),
    "a link of three parts": lambda c: c["links"].__setitem__(0, [["x", "https://x", "y"]]),
    "a column less": lambda columns: columns.pop("summary"),
    "a column more": lambda columns: columns.update(loaded_version=columns["version"]),
    "a shorter column": lambda columns: columns["summary"].pop(),
    "a number as flag": lambda columns: columns["requested"].__setitem__(0, 1),
    "a column that is a text": lambda columns: columns.update(summary="x" * len(columns["name"])),
}


@pytest.mark.parametrize("label", HOSTILE)
def test_content_that_no_check_wrote_is_ignored(garden: Demo, cache: Path, label: str) -> None:
    rows = inventory.check_for_updates(connected(garden))
    file = kept_file(cache)
    _, head, body = file.read_text("utf-8").split("\n", 2)
    columns = json.loads(body)
    HOSTILE[label](columns)
    body = json.dumps(columns)
    file.write_text(f"{sha256((head + body).encode()).hexdigest()}\n{head}\n{body}", "utf-8")
    assert not has_rows(connected(garden))
    assert inventory.check_for_updates(connected(garden)) == rows


def test_few_files_are_kept(garden: Demo, cache: Path) -> None:
    inventory.check_for_updates(connected(garden))
    file = kept_file(cache)
    for number in range(40):
        (file.parent / f"{number}.json").write_text("")
    time.sleep(0.01)
    garden.index.publish(BuiltWheel(name="seedshelf", version="9.0"))
    inventory.check_for_updates(connected(garden), refresh=True)
    assert len(list(file.parent.iterdir())) == 32
    assert file.exists()


def test_folder_that_cannot_be_written_keeps_nothing(garden: Demo, cache: Path) -> None:
    (cache / "pkgwidgets").mkdir()
    (cache / "pkgwidgets" / "checks-1").write_text("a file")
    rows = inventory.check_for_updates(connected(garden))
    assert inventory.check_for_updates(connected(garden)) == rows
    assert not has_rows(connected(garden))


# --- any sequence of changes


def step(garden: Demo, clock: Clock, patch: pytest.MonkeyPatch, chance: random.Random) -> None:
    """Change something by chance."""
    name = chance.choice(["seedshelf", "sundrift", "raintable", "beanpoles"])
    version = f"{chance.randrange(4)}.{chance.randrange(4)}"
    metadata = next(garden.site_packages.glob(f"{name}-*.dist-info")) / "METADATA"

    def write(text: str) -> None:
        (metadata.parent / "METADATA").write_text(text)

    changes: list[Callable[[], object]] = [
        lambda: write(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"),
        lambda: write(metadata.read_text().replace("Name", "Requires-Dist: seedshelf<1.4\nName")),
        lambda: (metadata.parent / "INSTALLER").write_text(chance.choice(["uv\n", "conda\n"])),
        lambda: (metadata.parent / "REQUESTED").unlink(missing_ok=True),
        lambda: (metadata.parent / "REQUESTED").touch(),
        lambda: garden.index.publish(
            BuiltWheel(name=name, version=f"{version}.{chance.random()}"[:8])
        ),
        lambda: garden.index.publish(BuiltWheel(name=name, version="8.0", yanked="wrong")),
        lambda: setattr(clock, "shift", clock.shift + chance.choice([1, 300, 700, -100])),
        lambda: inventory.check_for_updates(connected(garden), name, refresh=True),
        lambda: patch.setenv("UV_PRERELEASE", chance.choice(["allow", "disallow"])),
    ]
    chance.choice(changes)()


@pytest.mark.parametrize("seed", range(6))
def test_rows_are_those_of_a_full_check_after_any_changes(
    garden: Demo, clock: Clock, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance, running = random.Random(seed), connected(garden)
    used = 0
    for _ in range(12):
        for _ in range(chance.randrange(3)):
            step(garden, clock, monkeypatch, chance)
        used += has_rows(running)
        new, again = (
            inventory.check_for_updates(backend) for backend in (connected(garden), running)
        )
        assert new == again == full_check(garden)
        assert inventory.get_packages(running) == inventory.get_packages(connected(garden))
    assert used
