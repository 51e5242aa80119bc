"""Progress texts: which package, how many of how many, bytes, time so far."""

from __future__ import annotations

import json

import pytest

from pkgwidgets.backends.sandbox import probes
from pkgwidgets.backends.sandbox.import_steps import ImportProgress
from pkgwidgets.core.events import Event, Stage, describe
from pkgwidgets.presentation.task_payload import TaskProgress


@pytest.mark.parametrize(
    ("event", "seconds", "text"),
    [
        (Event(stage=Stage.VERIFYING), 0, "verifying"),
        (Event(stage=Stage.VERIFYING), 1.9, "verifying"),
        (Event(stage=Stage.VERIFYING), 2.9, "verifying (2 s)"),
        (Event(stage=Stage.VERIFYING), 59.9, "verifying (59 s)"),
        (Event(stage=Stage.VERIFYING), 60, "verifying (1 min 0 s)"),
        (Event(stage=Stage.ASKING, done=3, total=9), 4, "checking for updates, 3 of 9 (4 s)"),
        (Event(stage=Stage.FETCHING, total=8_100_000), 0, "fetching, 8.1 MB"),
        (
            Event(stage=Stage.FETCHING, text="fetching pea 1.0", total=8_100_000),
            3,
            "fetching pea 1.0, 8.1 MB (3 s)",
        ),
    ],
)
def test_event_is_described_with_counts_bytes_and_time(
    event: Event, seconds: float, text: str
) -> None:
    assert describe(event, seconds) == text


def test_panel_shows_the_time_so_far_but_its_log_does_not() -> None:
    now = [100.0]
    progress = TaskProgress("Upgrading pea", 5.0, clock=lambda: now[0])
    now[0] += 60
    progress.follow(Event(stage=Stage.INSTALLING, text="installing pea 1.0"))
    assert progress.payload["text"] == "installing pea 1.0… (1 min 5 s)"
    assert progress.payload["log"] == ["installing pea 1.0"]


def test_repeated_event_adds_only_time() -> None:
    now = [100.0]
    progress = TaskProgress("Upgrading pea", clock=lambda: now[0])
    event = Event(stage=Stage.CHECKING, text="checking the new versions: importing pea, 1 of 2")
    assert progress.follow(event)
    now[0] += 3
    assert not progress.follow(event)
    assert progress.payload["text"].endswith("importing pea, 1 of 2… (3 s)")
    assert progress.payload["log"] == [event.text]


@pytest.fixture
def events() -> list[Event]:
    return []


def step(*values: object) -> str:
    return probes.MARK + json.dumps(values)


def test_import_progress_says_which_module_of_how_many(events: list[Event]) -> None:
    progress = ImportProgress(Stage.CHECKING, ["pea", "pod"], events.append)
    for line in ("", step("trying", "pea"), step("fine", "pea"), step("trying", "pod")):
        progress.read(line)
        progress.tick()
    texts = [describe(event) for event in events]
    assert texts == [
        "checking the new versions",
        "checking the new versions: importing pea, 1 of 2",
        "checking the new versions: importing pea, 1 of 2",
        "checking the new versions: importing pod, 2 of 2",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "trying pea",
        f"{probes.MARK}{{",
        f"{probes.MARK}{'[' * 100_000}",
        step("trying", "\x1b[2J"),
        step("trying"),
        step("trying", ["pea"]),
    ],
    ids=["without mark", "not JSON", "deep", "other module", "no module", "no text"],
)
def test_output_of_modules_cannot_change_the_progress(line: str, events: list[Event]) -> None:
    progress = ImportProgress(Stage.VERIFYING, ["pea"], events.append)
    progress.read(line)
    progress.tick()
    assert events == [Event(stage=Stage.VERIFYING)]
