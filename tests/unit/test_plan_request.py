"""A request for a plan is refused or planned alike from every front end."""

from __future__ import annotations

from typing import get_args

import pytest
from fakes import FakeKit

from pkgwidgets.commands import grammar
from pkgwidgets.commands.plan_request import BackendPlanner, PlanRequest, plan_for
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.lock import Export
from pkgwidgets.core.plan_choices import ALLOW_POLICIES, STEP_LIMITS
from pkgwidgets.core.plans import AllowPolicy, Plan, StepLimit
from pkgwidgets.operations import apply
from pkgwidgets.server import plan_body


@pytest.fixture
def fake() -> FakeKit:
    return FakeKit()


def changes_of(plan: Plan) -> list[str]:
    return [str(change) for change in plan.changes]


@pytest.mark.parametrize(
    ("words", "body", "changes"),
    [
        ("upgrade seedshelf", {"upgrade": ["seedshelf"]}, ["seedshelf 1.4.1 → 1.4.2"]),
        (
            "plan seedshelf --version 1.4.2",
            {"upgrade": ["seedshelf"], "version": "1.4.2"},
            ["seedshelf 1.4.1 → 1.4.2"],
        ),
        ("uninstall frostcall", {"uninstall": ["frostcall"]}, ["frostcall 1.9.3 (removed)"]),
        ("install seedshelf>=1.4.2", {"install": "seedshelf>=1.4.2"}, ["seedshelf 1.4.1 → 1.4.2"]),
    ],
)
def test_command_line_and_request_body_plan_the_same(
    fake: FakeKit, words: str, body: dict[str, object], changes: list[str]
) -> None:
    planner = BackendPlanner(fake.backend)
    plan = plan_for(grammar.parse(words.split()).plan_request, planner)
    assert changes_of(plan) == changes
    assert plan_for(plan_body.plan_request(body), planner).id == plan.id


def test_request_without_names_means_everything_or_the_last_transaction(
    fake: FakeKit,
) -> None:
    planner = BackendPlanner(fake.backend)
    everything = plan_for(PlanRequest(), planner)
    assert everything.requested == ("everything",)
    done = apply.apply_plan(fake.backend, plan_for(PlanRequest(names=("seedshelf",)), planner))
    assert plan_for(PlanRequest(action="undo"), planner).undoes == done.id
    assert plan_for(PlanRequest(action="undo", names=(done.id,)), planner).undoes == done.id


def test_backend_planner_reports_events(fake: FakeKit) -> None:
    events: list[Event] = []
    plan_for(PlanRequest(names=("seedshelf",)), BackendPlanner(fake.backend, events.append))
    assert [event.stage for event in events][:2] == [Stage.ASKING, Stage.RESOLVING]


class Recorder:
    """A planner that has a method for each action, as the service does."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def plan_upgrade(
        self,
        names: tuple[str, ...] | None,
        version: str | None,
        allow: AllowPolicy,
        *,
        step: StepLimit | None,
        project: bool,
    ) -> Plan:
        return self._plan("upgrade", names, version, allow, step, *self._extra(project))

    def plan_install(
        self, requirements: tuple[str, ...], allow: AllowPolicy, *, project: bool
    ) -> Plan:
        return self._plan("install", requirements, allow, *self._extra(project))

    def plan_uninstall(self, names: tuple[str, ...], *, project: bool) -> Plan:
        return self._plan("uninstall", names, *self._extra(project))

    def plan_undo(self, transaction: str | None) -> Plan:
        return self._plan("undo", transaction)

    def plan_fix(self, names: tuple[str, ...] | None, *, sources: tuple[str, ...]) -> Plan:
        return self._plan("fix", names, sources)

    def plan_restore(self, source: str | Export | None, exact: bool, *, as_of: str | None) -> Plan:
        return self._plan("restore", source, exact, as_of)

    def _extra(self, project: bool) -> tuple[str, ...]:
        return ("project",) if project else ()

    def _plan(self, *call: object) -> Plan:
        self.calls.append(call)
        return BackendPlanner(FakeKit().backend).plan_uninstall(("frostcall",), project=False)


def test_planners_get_the_same_request() -> None:
    planner = Recorder()
    for request in (
        PlanRequest(names=("pea",), version="1.0", allow="all"),
        PlanRequest(allow="self", step="minor"),
        PlanRequest(action="install", names=("pea>1", "pod"), allow="self"),
        PlanRequest(action="uninstall", names=("pea",)),
        PlanRequest(names=("pea",), project=True),
        PlanRequest(action="install", names=("pea",), project=True),
        PlanRequest(action="uninstall", names=("pea",), project=True),
        PlanRequest(action="undo", names=("0001",)),
        PlanRequest(action="undo"),
        PlanRequest(action="fix", sources=("records.zip",)),
        PlanRequest(action="fix", names=("pea",)),
        PlanRequest(action="restore", names=("pylock.toml",), exact=True),
        PlanRequest(action="restore", as_of="2026-10-01"),
        PlanRequest(action="restore", lock=Export(file_name="", text="pea==1.0")),
    ):
        plan_for(request, planner)
    assert planner.calls == [
        ("upgrade", ("pea",), "1.0", "all", None),
        ("upgrade", None, None, "self", "minor"),
        ("install", ("pea>1", "pod"), "self"),
        ("uninstall", ("pea",)),
        ("upgrade", ("pea",), None, "dependencies", None, "project"),
        ("install", ("pea",), "dependencies", "project"),
        ("uninstall", ("pea",), "project"),
        ("undo", "0001"),
        ("undo", None),
        ("fix", None, ("records.zip",)),
        ("fix", ("pea",), ()),
        ("restore", "pylock.toml", True, None),
        ("restore", None, False, "2026-10-01"),
        ("restore", Export(file_name="", text="pea==1.0"), False, None),
    ]


@pytest.mark.parametrize(
    "request_",
    [
        PlanRequest(action="install"),
        PlanRequest(action="uninstall"),
        PlanRequest(action="undo", names=("0001", "0002")),
        PlanRequest(names=("p e a",)),
        PlanRequest(action="uninstall", names=("pea>1",)),
        PlanRequest(action="install", names=("pea>",)),
        PlanRequest(version="1.0"),
        PlanRequest(names=("pea", "pod"), version="1.0"),
        PlanRequest(names=("pea",), version="one"),
        PlanRequest(action="install", names=("pea",), version="1.0"),
        PlanRequest(action="install", names=("pea",), step="minor"),
        PlanRequest(names=("pea",), version="1.0", step="minor"),
        PlanRequest(action="undo", project=True),
        PlanRequest(action="fix", project=True),
        PlanRequest(names=("pea",), allow="all", project=True),
        PlanRequest(names=("pea",), step="minor", project=True),
    ],
)
def test_invalid_plan_request_is_refused_before_any_work(
    request_: PlanRequest,
) -> None:
    with pytest.raises(InvalidRequest):
        request_.check()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"install": "pea", "version": "1"}, "A version can only be given for an upgrade; "),
        ({"undo": "last", "version": "1"}, "A version can only be given for an upgrade; "),
        ({"upgrade": "all", "version": "1"}, "'1' is not a valid version: a version can be given"),
        (
            {"upgrade": ["pea"], "allow": "any"},
            "'any' is not a valid value of allow: use one of self, ",
        ),
        (
            {"install": "pea", "allow": "any"},
            "'any' is not a valid value of allow: use one of self, ",
        ),
        (
            {"uninstall": ["pea"], "allow": "all"},
            "'all' is not a valid value of allow: only upgrade ",
        ),
    ],
)
def test_request_body_with_a_wrong_version_or_policy_is_refused(
    body: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        plan_body.plan_request(body)
    assert caught.value.sentence().startswith(message)


def test_words_of_the_help_are_those_of_the_types() -> None:
    assert get_args(AllowPolicy) == ALLOW_POLICIES
    assert get_args(StepLimit) == STEP_LIMITS


@pytest.mark.parametrize("verb", ["upgrade", "install", "uninstall"])
def test_project_is_an_option_of_every_change_and_a_field_of_the_body(verb: str) -> None:
    request = grammar.parse([verb, "pea", "--project"]).plan_request
    assert (request.action, request.project) == (verb, True)
    assert plan_body.plan_request({verb: ["pea"], "project": True}) == request
    assert not plan_body.plan_request({verb: ["pea"]}).project
    with pytest.raises(InvalidRequest, match="it must be true or false"):
        plan_body.plan_request({verb: ["pea"], "project": "yes"})
