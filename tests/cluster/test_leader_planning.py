"""The plan that comes with a survey is the first answer; further ones need a process each."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.cluster import messages
from pkgwidgets.cluster.cluster_kinds import IPYPARALLEL, ClusterKind
from pkgwidgets.cluster.environments import (
    SurveyedEnvironment,
    locate_environments,
    survey_environments,
)
from pkgwidgets.cluster.errors import ClusterRefused
from pkgwidgets.cluster.leader_planning import LeaderPlanning
from pkgwidgets.cluster.transport import RemoteOutput, WorkerPlace
from pkgwidgets.core.error_json import error_to_json
from pkgwidgets.core.errors import PlanImpossible
from pkgwidgets.core.plan_json import plan_to_json
from pkgwidgets.core.plans import Change, Plan


def make_plan(version: str) -> dict[str, Any]:
    name = canonicalize_name("pea")
    change = Change(id=name, name="pea", before=Version("1"), after=Version(version))
    plan = Plan(
        requested=("pea",),
        changes=(change,),
        environment_fingerprint="f",
        python=Path("/env/bin/python"),
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return {"plan": plan_to_json(plan)}


class FakeTransport:
    """Two workers of one environment, whose leader has one answer to a survey."""

    def __init__(self, first: Any = None, kind: ClusterKind = IPYPARALLEL) -> None:
        self.kind = kind
        self.first = first
        self.asked: list[dict[str, Any]] = []

    async def places(self) -> list[WorkerPlace]:
        return [
            WorkerPlace(
                name=name, address=name, has_nanny=False, host="node",
                python="/env/bin/python", prefix="/env", python_version="3.11.7",
            )
            for name in ("1", "0")
        ]  # fmt: skip

    async def run(self, address: str, argv: Any, stdin: str, seconds: float) -> RemoteOutput:
        request = json.loads(stdin)
        self.asked.append(request)
        answer = {"packages": {"pea": "1"}, "problem": "", "pkgwidgets": "1", "first": self.first}
        if request["do"] == "plan":
            answer = make_plan("3")
        return RemoteOutput(returncode=0, stdout=messages.success(answer), stderr="")

    async def run_on_scheduler(self, stdin: str, seconds: float) -> RemoteOutput:
        raise NotImplementedError

    async def loaded(self) -> dict[str, None]:
        raise NotImplementedError

    def exclusive(self, seconds: float) -> Any:
        raise NotImplementedError


def survey(transport: FakeTransport) -> tuple[SurveyedEnvironment, ...]:
    question = {"kind": "upgrade", "arguments": {"names": ["pea"]}}
    return asyncio.run(survey_environments(transport, {}, question, "http://index"))


def test_first_answer_needs_no_second_process() -> None:
    transport = FakeTransport(make_plan("2"))
    surveyed = survey(transport)
    assert [entry.environment.id for entry in surveyed] == ["node:/env"]
    assert surveyed[0].environment.workers == ("0", "1")
    leaders = LeaderPlanning(surveyed, None)
    plan: Plan = asyncio.run(leaders.ask("node:/env", "upgrade", {}))
    assert plan.pins == ("pea==2",)
    (request,) = transport.asked
    assert (request["plan"]["kind"], request["index_url"]) == ("upgrade", "http://index")
    second: Plan = asyncio.run(leaders.ask("node:/env", "install", {}))
    assert second.pins == ("pea==3",)
    assert [request["do"] for request in transport.asked] == ["survey", "plan"]


def test_leader_that_planned_nothing_is_asked() -> None:
    transport = FakeTransport()
    plan = asyncio.run(LeaderPlanning(survey(transport), None).ask("node:/env", "upgrade", {}))
    assert plan.pins == ("pea==3",)


def test_error_that_came_with_the_survey_is_raised() -> None:
    error = PlanImpossible(("pea==2",), "no version of pea fits.")
    leaders = LeaderPlanning(survey(FakeTransport({"error": error_to_json(error)})), None)
    with pytest.raises(PlanImpossible, match="no version of pea fits"):
        asyncio.run(leaders.ask("node:/env", "upgrade", {}))


def test_environment_that_is_gone_is_refused() -> None:
    with pytest.raises(ClusterRefused, match="no worker"):
        asyncio.run(LeaderPlanning((), None).ask("node:/env", "upgrade", {}))


def test_place_is_found_without_a_process() -> None:
    transport = FakeTransport()
    (located,) = asyncio.run(locate_environments(transport, {}))
    assert located.environment.python_version == "3.11.7"
    assert transport.asked == []


def test_workers_without_a_nanny_are_refused_where_nannies_restart_them() -> None:
    kind = ClusterKind(packages=frozenset(), live="", needs_nannies=True)
    with pytest.raises(ClusterRefused, match="no nanny"):
        LeaderPlanning(survey(FakeTransport(make_plan("2"), kind)), None)


def test_public_names_load_no_library_of_clusters() -> None:
    code = (
        "import sys, pkgwidgets\n"
        "names = pkgwidgets.ClusterService, pkgwidgets.ClusterPanel\n"
        "print(*{'distributed', 'ipyparallel'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr
