"""A check that asks again gives what a full computation gives, and reads what the index changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

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


@pytest.fixture
def no_metadata(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what makes each reading of metadata fail."""

    def refuse(*arguments: object) -> None:
        raise AssertionError("metadata was read")

    return lambda: monkeypatch.setattr("pkgwidgets.backends.environment.headers.read", refuse)


def connected(garden: Demo) -> Backend:
    """Return a backend as a new process has it: it shares only files with others."""
    return connect(garden.python, garden.index_url)


def full_check(garden: Demo) -> Rows:
    backend = replace(connected(garden), last_check=NoLastCheck())
    return inventory.check_for_updates(backend, refresh=True)


def row(rows: Rows, name: str) -> PackageInfo:
    return next(info for info in rows if info.id == name)


@pytest.mark.parametrize("refresh", [True, False])
def test_confirmed_answers_need_no_metadata(
    garden: Demo, clock: Clock, no_metadata: Callable[[], None], *, refresh: bool
) -> None:
    first = inventory.check_for_updates(connected(garden))
    clock.shift += FRESH_SECONDS + 1
    asked = len(garden.index.requests)
    no_metadata()
    events: list[Event] = []
    backend = connected(garden)
    assert inventory.check_for_updates(backend, refresh=refresh, report=events.append) == first
    assert len(garden.index.requests) == 2 * asked
    checked = [event.package for event in events if isinstance(event, PackageChecked)]
    assert {*checked} == {*first}


def test_confirmed_answers_are_fresh_again(garden: Demo, clock: Clock) -> None:
    first = inventory.check_for_updates(connected(garden))
    clock.shift += FRESH_SECONDS + 1
    inventory.check_for_updates(connected(garden))
    asked = len(garden.index.requests)
    assert inventory.check_for_updates(connected(garden)) == first
    assert len(garden.index.requests) == asked


def test_rows_are_not_known_after_another_process_asked(garden: Demo) -> None:
    first = inventory.check_for_updates(connected(garden))
    last_check = connected(garden).last_check
    assert last_check.known(last_check.state()) is not None
    inventory.check_for_updates(connected(garden), "seedshelf", refresh=True)
    last_check = connected(garden).last_check
    assert last_check.known(last_check.state()) is None
    assert inventory.check_for_updates(connected(garden), refresh=True) == first


@pytest.mark.parametrize("refresh", [True, False])
def test_new_answer_makes_a_new_row(garden: Demo, clock: Clock, *, refresh: bool) -> None:
    first = inventory.check_for_updates(connected(garden))
    garden.index.publish(BuiltWheel(name="seedshelf", version="9.0"))
    clock.shift += FRESH_SECONDS + 1
    rows = inventory.check_for_updates(connected(garden), refresh=refresh)
    assert row(rows, "seedshelf").latest_version == "9.0"
    assert {*first} ^ {*rows} == {row(first, "seedshelf"), row(rows, "seedshelf")}
    assert inventory.check_for_updates(connected(garden)) == rows == full_check(garden)


def test_withdrawn_project_is_an_error_in_its_row(garden: Demo) -> None:
    first = inventory.check_for_updates(connected(garden))
    garden.index.withdraw("seedshelf")
    rows = inventory.check_for_updates(connected(garden), refresh=True)
    assert row(rows, "seedshelf").error
    assert {*first} ^ {*rows} == {row(first, "seedshelf"), row(rows, "seedshelf")}
    assert rows == full_check(garden)


def test_index_that_is_down_leaves_the_last_answers(garden: Demo) -> None:
    inventory.check_for_updates(connected(garden))
    garden.index.down = True
    rows = inventory.check_for_updates(connected(garden), refresh=True)
    assert all(info.error and info.latest_version for info in rows)
    assert [info.latest_version for info in rows] == [
        info.latest_version for info in full_check(garden)
    ]


def test_index_without_entity_tags_is_read_again(
    garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = inventory.check_for_updates(connected(garden))
    monkeypatch.setattr(
        "pkgwidgets.backends.index.known_answers.KnownAnswers.etags", property(lambda self: {})
    )
    assert inventory.check_for_updates(connected(garden), refresh=True) == first


def test_package_that_is_uninstalled_meanwhile_has_no_row(garden: Demo) -> None:
    inventory.check_for_updates(connected(garden))
    garden.index.publish(BuiltWheel(name="sundrift", version="9.0"))
    (metadata,) = garden.site_packages.glob("seedshelf-*.dist-info/METADATA")

    def uninstall(event: Event) -> None:
        for file in metadata.parent.glob("*") if metadata.exists() else ():
            file.unlink()
        if metadata.parent.exists():
            metadata.parent.rmdir()

    rows = inventory.check_for_updates(connected(garden), refresh=True, report=uninstall)
    assert "seedshelf" not in {info.id for info in rows}
    assert rows == full_check(garden)


def test_setting_that_changed_counts(garden: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    inventory.check_for_updates(connected(garden))
    file = garden.folder / "constraints.txt"
    file.write_text("seedshelf<1.4.2\n")
    monkeypatch.setenv("UV_CONSTRAINT", str(file))
    rows = inventory.check_for_updates(connected(garden), refresh=True)
    assert row(rows, "seedshelf").blocked_by
    assert rows == full_check(garden)
