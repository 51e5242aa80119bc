"""The JSON of every value is that of 0.1, and stored JSON is read back unchanged."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fakes import change_of
from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.analysis.notebook_runs import KnownGoodVersions, NotebookCode
from pkgwidgets.backends.config.index_sources import IndexSources
from pkgwidgets.backends.history.event_log import EventLog
from pkgwidgets.backends.history.known_good import FolderKnownGood
from pkgwidgets.backends.http.network_settings import NetworkSettings
from pkgwidgets.backends.worker.launcher import ApplyRequest
from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.events import Event, PackageChecked, Stage
from pkgwidgets.core.kernels import Kernel, Restart
from pkgwidgets.core.limits import DeclaredMetadata, Limit, Limits
from pkgwidgets.core.origins import Origin
from pkgwidgets.core.packages import PackageInfo, PackageStatus, VersionStep
from pkgwidgets.core.plan_json import plan_from_json, plan_from_text, plan_to_json, plan_to_text
from pkgwidgets.core.plans import HeldBack, Plan
from pkgwidgets.core.transactions import Outcome, Transaction
from pkgwidgets.presentation import payloads

GOLDEN = Path(__file__).parent / "json"

AT = datetime(2026, 11, 2, 9, 30, 0, 123456, tzinfo=UTC)
PLAN = Plan(
    requested=("compost-log",),
    changes=(
        change_of(
            "Compost_Log",
            "0.9",
            "1!1.0rc1+wet.2",
            wheel="compost_log-1!1.0rc1+wet.2-py3-none-any.whl",
            sha256="ab" * 32,
            size=12_400_000,
            hashes=("ab" * 32, "cd" * 32),
            requested=True,
            startup_files=("compost.pth", "more.pth"),
        ),
        change_of("pea", "1", None, requested_after=False),
        change_of("bean", None, "2", reason="needed by pea"),
        change_of("leaf", "2", "1"),
    ),
    held_back=(
        HeldBack(
            id=canonicalize_name("Rain"),
            name="Rain",
            kept_version=Version("2.0"),
            latest=Version("3.1"),
            reason='"board" needs rain<3 → 🌧',
            how_to_unblock="3.1",
        ),
        HeldBack(
            id=canonicalize_name("sun"),
            name="sun",
            kept_version=Version("1.0"),
            latest=None,
            reason="it is pinned",
        ),
    ),
    environment_fingerprint="0123456789abcdef",
    python=Path("/env with \udcff/bin/python"),
    created=AT,
    allow="all",
    commands=("uv pip install 'x'",),
    undoes="20261101T000000-abc",
    from_save_point=True,
    notes=("cell 1 of ☂.ipynb fails as it is, too",),
)
SEEN = replace(
    PLAN,
    from_save_point=False,
    restart=Restart(
        needed=True, loaded=("pea",), required=("pea",), reasons=("pea is what a kernel runs on",)
    ),
    kernels=(
        Kernel(process=7, connection_file="/run/kernel-1.json", loaded=(canonicalize_name("pea"),)),
    ),
)
EMPTY = Plan(
    requested=("everything",),
    changes=(),
    environment_fingerprint="",
    python=Path("/env/bin/python"),
    created=datetime(2026, 11, 2, tzinfo=UTC),
)
PACKAGE = PackageInfo(
    name="Compost_Log",
    version="1.0",
    latest_version="2.0",
    compatible_version="1.5",
    change=VersionStep.MAJOR,
    blocked_by="pea",
    released=AT,
    status=PackageStatus.UPGRADING,
    requested=True,
    loaded_version="0.9",
    installed=AT,
    last_upgraded=datetime(2026, 11, 3, tzinfo=UTC),
    install_path=Path("/env/lib"),
    origin=Origin.VCS,
    summary="Logs compost ☂",
    links=(("Home", "https://h.invalid/"), ("Docs", "https://d.invalid/")),
    error="it failed",
)
BARE = PackageInfo(name="pea", version="1.0")
STARTED = Transaction(id="20261102T093000-abc", plan=PLAN, started=AT)
ENDED = replace(
    STARTED,
    finished=datetime(2026, 11, 2, 9, 31, tzinfo=UTC),
    outcome=Outcome.COMMITTED,
    failure='{"code": "cancelled"}',
    user="ada",
    requested_by="ada@hub",
    process="kernel",
    saved_bytes=4096,
    downloaded_bytes=0,
)
FAILED = replace(ENDED, outcome=Outcome.ROLLED_BACK, error="the disk is full")
NOTHING = Transaction(id="", plan=EMPTY, started=AT, finished=AT, outcome=Outcome.COMMITTED)
EVENTS = (
    Event(stage=Stage.FETCHING, total=2444),
    PackageChecked(stage=Stage.ASKING, done=0, total=3, transaction="0001", package=BARE),
    Event(stage=Stage.CHECKING, text="importing \N{GREEK SMALL LETTER PI}"),
    Event(stage=Stage.SAVING, id=canonicalize_name("Compost_Log"), done=1, total=3),
    Event(stage=Stage.INSTALLING, log="$ uv pip install\n+ pea 1.0\n\udcff"),
)
REQUEST = ApplyRequest(
    plan=PLAN,
    interpreter=Interpreter(
        python=Path("/env with \udcff/bin/python"),
        version="3.12.1",
        prefix=Path("/env"),
        base_prefix=Path("/usr"),
        scheme={"purelib": Path("/env/lib"), "data": Path("/env")},
        search=(Path("/env/lib"), Path("/more/site-packages")),
        markers={"python_version": "3.12", "implementation_name": "cpython"},
        tags=("cp312-cp312-linux_x86_64", "py3-none-any"),
        externally_managed="[externally-managed]\nError=no\n",
        stdlib=Path("/usr/lib/python3.12"),
    ),
    sources=IndexSources(
        indexes=("https://user:word@h.invalid/extra/", "https://h.invalid/simple/"),
        links=("/wheels",),
        strategy="first-index",
        before=(("", "2026-01-01"), ("pea", "2026-02-01")),
        access=NetworkSettings(
            insecure_hosts=("h.invalid",),
            certificates="/c.pem",
            use_system_store=True,
            client_certificate="/me.pem",
            proxies={"https": "http://p.invalid"},
            no_proxy="x",
            keyring=True,
        ),
        cache="/cache",
    ),
    asked_by="kernel",
    requested_by="ada@hub",
    limits=Limits(
        constraints=(Limit(requirement="pea<2", setting="UV_CONSTRAINT=c.txt"),),
        overrides=(Limit(requirement="pod==1", setting="uv.toml", package="pea", version="1.0"),),
        prereleases=(("", "allow"),),
        metadata=(DeclaredMetadata(package="pea", requires=("pod",)),),
    ),
)
GOOD = KnownGoodVersions(
    notebook=Path("/n/a.ipynb"),
    digest="d" * 64,
    versions={
        canonicalize_name("Compost_Log"): Version("1.0rc1"),
        canonicalize_name("a"): Version("1"),
    },
    at=AT,
)
CODE = NotebookCode(notebook=GOOD.notebook, sources=("1",), markers=(frozenset(),))


def event_lines(folder: Path) -> Any:
    log = EventLog(folder)
    for event in EVENTS:
        log.write(event)
    return [json.loads(line) for line in (folder / "events").read_text("utf-8").splitlines()]


def known_good_file(folder: Path) -> Any:
    FolderKnownGood(folder).remember(GOOD)
    (file,) = (folder / "known-good").glob("*.json")
    return json.loads(file.read_text("utf-8"))


VALUES: dict[str, Callable[[Path], Any]] = {
    "plan-empty": lambda _: plan_to_json(EMPTY),
    "answer-plan": lambda _: payloads.plan(SEEN),
    "answer-plan-empty": lambda _: payloads.plan(EMPTY),
    "answer-packages": lambda _: [payloads.package(PACKAGE), payloads.package(BARE)],
    "answer-restart": lambda _: payloads.restart(Restart(needed=False)),
    "answer-transactions": lambda _: [
        payloads.transaction(value) for value in (STARTED, ENDED, FAILED, NOTHING)
    ],
    "answer-results": lambda _: [
        payloads.results(STARTED),
        payloads.results(ENDED),
        payloads.results(FAILED),
        payloads.results(FAILED, "why"),
    ],
    "answer-events": lambda _: [payloads.event(value) for value in EVENTS],
    "events": event_lines,
    "known-good": known_good_file,
    "request": lambda _: json.loads(REQUEST.to_text()),
}


@pytest.mark.parametrize("name", VALUES)
def test_json_of_each_value_matches_its_golden_file(name: str, tmp_path: Path) -> None:
    data = VALUES[name](tmp_path)
    assert data == json.loads((GOLDEN / f"{name}.json").read_text("ascii"))


def test_every_golden_file_is_compared() -> None:
    assert {file.stem for file in GOLDEN.glob("*.json")} == {*VALUES, "plan-text", "plan-old"}


def test_plan_text_matches_its_golden_file_exactly() -> None:
    text = (GOLDEN / "plan-text.json").read_text("ascii")
    assert plan_to_text(PLAN) == text
    assert plan_from_text(text) == PLAN


def test_plan_text_without_notes_and_startup_files_is_read() -> None:
    old = plan_from_text((GOLDEN / "plan-old.json").read_text("ascii"))
    changes = tuple(replace(change, startup_files=()) for change in PLAN.changes)
    assert old == replace(PLAN, changes=changes, notes=())


@pytest.mark.parametrize("plan", [PLAN, EMPTY], ids=["full", "empty"])
def test_plan_survives_a_json_round_trip(plan: Plan) -> None:
    assert plan_from_json(json.loads(json.dumps(plan_to_json(plan)))) == plan


@pytest.mark.parametrize(
    "request_", [REQUEST, replace(REQUEST, sources=None)], ids=["full", "bare"]
)
def test_apply_request_survives_a_round_trip(request_: ApplyRequest) -> None:
    assert ApplyRequest.from_text(request_.to_text()) == request_


def test_events_survive_a_round_trip(tmp_path: Path) -> None:
    event_lines(tmp_path)
    events, _ = EventLog(tmp_path).read()
    names = {field.name for field in fields(Event)} - {"transaction"}
    expected = [
        Event(transaction=tmp_path.name, **{name: getattr(event, name) for name in names})
        for event in EVENTS
    ]
    assert list(events) == expected


def test_known_good_versions_survive_a_round_trip(tmp_path: Path) -> None:
    known_good_file(tmp_path)
    assert FolderKnownGood(tmp_path).recall(CODE) == GOOD
