"""Events of a running transaction reach each reader; invalid lines are skipped."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from pkgwidgets.backends.history.event_log import EventLog, EventLogLimits
from pkgwidgets.core.events import Event, Stage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "0001"
    path.mkdir()
    return path


EVENTS = [
    Event(stage=Stage.FETCHING, total=2444),
    Event(stage=Stage.CHECKING, text="importing \N{GREEK SMALL LETTER PI}"),
    Event(stage=Stage.SAVING, id=canonicalize_name("pea"), done=1, total=3),
    Event(stage=Stage.INSTALLING, log="$ uv pip install\n+ pea 1.0\n"),
]


def test_written_events_are_read_with_their_transaction(folder: Path) -> None:
    log = EventLog(folder)
    for event in EVENTS:
        log.write(event)
    events, _ = EventLog(folder).read()
    assert [event.transaction for event in events] == ["0001"] * 4
    assert [(e.stage, e.text, e.id, e.done, e.total, e.log) for e in events] == [
        (e.stage, e.text, e.id, e.done, e.total, e.log) for e in EVENTS
    ]


def test_reader_returns_only_new_events(folder: Path) -> None:
    log, reader = EventLog(folder), EventLog(folder)
    seen = 0
    for event in EVENTS:
        log.write(event)
        (events,), seen = reader.read(seen)
        assert events.stage is event.stage
    assert reader.read(seen) == ((), seen)


def test_log_without_events_reads_as_empty(folder: Path) -> None:
    assert EventLog(folder).read() == ((), 0)
    assert EventLog(folder / "gone").read(7) == ((), 7)


def test_partially_written_line_is_read_later(folder: Path) -> None:
    EventLog(folder).write(EVENTS[0])
    whole = (folder / "events").read_bytes()
    for length in range(len(whole)):
        (folder / "events").write_bytes(whole[:length])
        assert EventLog(folder).read() == ((), 0)
    (folder / "events").write_bytes(whole)
    assert len(EventLog(folder).read()[0]) == 1


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{", b"[]", b"null", b"7", b'{"stage": "unknown"}', b'{"stage": 7}', b"\xff\xfe",
        b'{"text": "x"}', b"[" * 100_000, b'{"stage": "saving", "id": 7e999}' + b"}",
    ],
)  # fmt: skip
def test_invalid_line_is_skipped(folder: Path, line: bytes) -> None:
    log = EventLog(folder)
    log.write(EVENTS[0])
    with (folder / "events").open("ab") as file:
        file.write(line + b"\n")
    log.write(EVENTS[1])
    events, _ = log.read()
    assert [event.stage for event in events] == [Stage.FETCHING, Stage.CHECKING]


@pytest.mark.parametrize(
    "odd", [b'"text": 7', b'"done": "x"', b'"total": [1]', b'"log": null', b'"done": true']
)
def test_event_with_a_field_of_a_wrong_type_is_skipped(folder: Path, odd: bytes) -> None:
    lines = b'{"stage": "saving", ' + odd + b'}\n{"stage": "done"}\n'
    (folder / "events").write_bytes(lines)
    assert EventLog(folder).read()[0] == (Event(stage=Stage.DONE, transaction="0001"),)


def test_repeated_events_are_written_at_most_ten_times_a_second(
    folder: Path,
) -> None:
    clock = [0.0]
    log = EventLog(folder, clock=lambda: clock[0])
    for number in range(1000):
        clock[0] = number / 1000
        log.write(Event(stage=Stage.FETCHING, done=number, total=1000))
        log.write(Event(stage=Stage.FETCHING, done=number, total=1000))
    assert len(log.read()[0]) == 10
    clock[0] = 5.0
    for _ in range(1000):
        log.write(Event(stage=Stage.CHECKING))
        clock[0] += 0.05
    assert len(log.read()[0]) == 11


def test_event_that_adds_only_output_is_written(folder: Path) -> None:
    log = EventLog(folder)
    for output in ("", "$ uv pip install\n"):
        log.write(Event(stage=Stage.FETCHING, log=output))
    assert [event.log for event in log.read()[0]] == ["", "$ uv pip install\n"]


def test_event_and_log_files_are_limited_in_size(folder: Path) -> None:
    log = EventLog(folder, EventLogLimits(max_bytes=10_000))
    for number in range(500):
        log.write(Event(stage=Stage.FETCHING, text=str(number), log="x" * 100))
    sizes = [(folder / name).stat().st_size for name in ("events", "log")]
    assert max(sizes) < 20_000
    assert min(sizes) >= 10_000


def test_tool_output_is_kept_in_the_log_file(folder: Path) -> None:
    log = EventLog(folder)
    log.write(EVENTS[3])
    log.write(Event(stage=Stage.INSTALLING, log="y" * 100_000 + "\udcff"))
    kept = (folder / "log").read_text()
    assert kept.startswith("$ uv pip install\n+ pea 1.0\ny")
    assert kept.count("y") == 100_000
    assert len(log.read()[0][-1].log) < 5000


def test_cancellation_is_seen_by_another_event_log(folder: Path) -> None:
    log = EventLog(folder)
    assert not log.is_cancelled()
    EventLog(folder).cancel()
    EventLog(folder).cancel()
    assert log.is_cancelled()
