"""All environments of a cluster get the same versions, or the plan is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.cluster import planner
from pkgwidgets.cluster.errors import ClusterRefused, EnvironmentUnreachable
from pkgwidgets.cluster.newcomers import merged_pins
from pkgwidgets.cluster.values import ClusterPlan
from pkgwidgets.core.errors import PackageNotFound, PkgwidgetsError, PlanImpossible
from pkgwidgets.core.plans import Change, Plan

Packages = dict[str, str]


def make_plan(own: Packages, after: Mapping[str, str], sha256: str = "0") -> Plan:
    changes = [
        Change(
            id=canonicalize_name(name),
            name=name,
            before=Version(own[name]) if name in own else None,
            after=Version(version),
            wheel=f"{name}-{version}.whl",
            sha256=sha256,
        )
        for name, version in after.items()
        if own.get(name) != version
    ]
    return Plan(
        requested=(),
        changes=tuple(changes),
        environment_fingerprint="f",
        python=Path("/env/bin/python"),
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )


class Cluster:
    """Environments, each with what it has, and with the latest versions that it can take."""

    def __init__(self, installed: dict[str, Packages], possible: dict[str, Packages]) -> None:
        self.installed = installed
        self.possible = possible
        self.hashes: dict[str, str] = {}
        self.asked: list[tuple[str, str]] = []
        self.errors: dict[str, PkgwidgetsError] = {}

    async def ask(self, environment: str, kind: str, arguments: Mapping[str, Any]) -> Plan:
        self.asked.append((environment, kind))
        if environment in self.errors:
            raise self.errors[environment]
        own, possible = self.installed[environment], self.possible[environment]
        after = dict(possible)
        if kind == "install":
            after = {}
            for text in arguments["requirements"]:
                requirement = Requirement(text)
                version = str(requirement.specifier).removeprefix("==")
                if Version(version) > Version(possible.get(requirement.name, version)):
                    raise PlanImpossible((text,), f"{text} needs more than {environment} has.")
                after[requirement.name] = version
        return make_plan(own, after, self.hashes.get(environment, "0"))

    def plan(self) -> ClusterPlan:
        arguments: dict[str, dict[str, Any]] = {key: {} for key in self.installed}
        return asyncio.run(
            planner.plan_together(self.ask, self.installed, "upgrade", arguments, ("pea",))
        )


def two_with_pea(*possible: str) -> Cluster:
    """Return two environments with pea 1, which can take these versions."""
    first, second = possible
    return Cluster(
        {"a": {"pea": "1"}, "b": {"pea": "1"}}, {"a": {"pea": first}, "b": {"pea": second}}
    )


def test_same_answers_need_one_round() -> None:
    cluster = Cluster(
        {"a": {"pea": "1"}, "b": {"pea": "1"}}, {"a": {"pea": "2"}, "b": {"pea": "2"}}
    )
    plan = cluster.plan()
    assert plan.pins == ("pea==2",)
    assert [key for key, _ in plan.changed] == ["a", "b"]
    assert len(cluster.asked) == 2


def test_lowest_version_of_all_is_taken_everywhere() -> None:
    cluster = Cluster(
        {"a": {"pea": "1"}, "b": {"pea": "1"}}, {"a": {"pea": "3"}, "b": {"pea": "2"}}
    )
    assert cluster.plan().pins == ("pea==2",)
    assert cluster.asked[2:] == [("a", "install")]


def test_environment_that_needs_no_change_follows_the_others() -> None:
    cluster = Cluster(
        {"a": {"pea": "1", "pod": "1"}, "b": {"pea": "2", "pod": "1"}},
        {"a": {"pea": "2", "pod": "2"}, "b": {}},
    )
    assert {key: plan.pins for key, plan in cluster.plan().plans} == {
        "a": ("pea==2", "pod==2"),
        "b": ("pod==2",),
    }


def test_environment_without_a_package_does_not_get_it() -> None:
    cluster = Cluster({"a": {"pea": "1"}, "b": {"pod": "1"}}, {"a": {"pea": "2"}, "b": {}})
    assert [key for key, _ in cluster.plan().changed] == ["a"]


def test_blocker_is_named_with_its_environment() -> None:
    cluster = Cluster(
        {"a": {"pea": "1", "pod": "1"}, "b": {"pea": "1", "pod": "1"}},
        {"a": {"pea": "2", "pod": "2"}, "b": {"pea": "2", "pod": "1"}},
    )
    with pytest.raises(ClusterRefused, match="b cannot get this plan: pod 2") as raised:
        cluster.plan()
    assert raised.value.environment == "b"


def test_refusal_of_one_environment_refuses_all() -> None:
    cluster = Cluster({"a": {"pea": "1"}, "b": {"pea": "1"}}, {"a": {"pea": "2"}, "b": {}})
    cluster.errors["b"] = PackageNotFound("pea")
    with pytest.raises(ClusterRefused, match="b cannot get this plan: pea is not installed"):
        cluster.plan()


def test_unreachable_environment_is_no_refusal() -> None:
    cluster = Cluster({"a": {"pea": "1"}}, {"a": {}})
    cluster.errors["a"] = EnvironmentUnreachable("a", "it is gone")
    with pytest.raises(EnvironmentUnreachable):
        cluster.plan()


def test_packages_of_the_running_cluster_are_refused() -> None:
    cluster = Cluster({"a": {"tornado": "6"}}, {"a": {"tornado": "7"}})
    with pytest.raises(ClusterRefused, match="scheduler and nannies are stopped"):
        cluster.plan()


def test_other_file_of_the_same_name_is_refused() -> None:
    cluster = Cluster(
        {"a": {"pea": "1"}, "b": {"pea": "1"}}, {"a": {"pea": "2"}, "b": {"pea": "2"}}
    )
    cluster.hashes["b"] = "1"
    with pytest.raises(ClusterRefused, match=r"another file of the name pea-2\.whl"):
        cluster.plan()


def test_id_of_a_plan_differs_with_each_of_its_parts() -> None:
    same = [Cluster({"a": {"pea": "1"}}, {"a": {"pea": "2"}}).plan().id for _ in range(2)]
    other = Cluster({"a": {"pea": "1"}}, {"a": {"pea": "3"}}).plan().id
    assert same[0] == same[1] != other


def test_text_of_a_plan_names_each_set_of_changes_once() -> None:
    cluster = Cluster(
        {"a": {"pea": "1"}, "b": {"pea": "1"}}, {"a": {"pea": "2"}, "b": {"pea": "2"}}
    )
    assert str(cluster.plan()) == "a and b: pea 1 → 2"


def test_names_are_split_by_where_they_are_installed() -> None:
    installed = {"a": {"pea": "1"}, "b": {"pod": "1", "pea": "1"}, "c": {}}
    assert planner.with_packages(installed, ("Pea", "pod")) == {
        "a": ("pea",),
        "b": ("pea", "pod"),
    }
    with pytest.raises(PackageNotFound, match="bean"):
        planner.with_packages(installed, ("pea", "bean"))


def test_newcomers_get_what_is_held_and_what_a_plan_changes() -> None:
    plan = ClusterPlan(requested=(), plans=(("a", make_plan({"pea": "1"}, {"pea": "2"})),))
    assert merged_pins(("bean==1", "pea==1"), plan) == ("bean==1", "pea==2")
