"""A service of a cluster over two environments in memory, for its panel."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.cluster.errors import ClusterFailed, ClusterRefused
from pkgwidgets.cluster.participants import EnvironmentEvent
from pkgwidgets.cluster.values import ClusterOutcome, ClusterPlan, ClusterTransaction
from pkgwidgets.core.errors import Cancelled
from pkgwidgets.core.events import Stage
from pkgwidgets.core.interfaces import Report, no_report
from pkgwidgets.core.plans import Change, Plan


def make_plan() -> ClusterPlan:
    name = canonicalize_name("pea")
    change = Change(id=name, name="pea", before=Version("1"), after=Version("2"))
    part = Plan(
        requested=("pea",),
        changes=(change,),
        environment_fingerprint="f",
        python=Path("/env/bin/python"),
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return ClusterPlan(requested=("pea",), plans=(("node:/a", part), ("node:/b", part)))


class FakeCluster:
    """A service over two environments in memory."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.fails = False
        self.gate = threading.Event()
        self.gate.set()

    def environments(self) -> pd.DataFrame:
        index = pd.Index(["node:/a", "node:/<b>"], name="environment")
        columns = {"host": ["node", "node"], "problem": [pd.NA, "<script>"]}
        return pd.DataFrame(columns, index=index, dtype="string")

    def drift(self) -> pd.DataFrame:
        index = pd.Index(["pea", "pod"], name="name")
        return pd.DataFrame({"node:/a": ["1", "1"], "differs": [True, False]}, index=index)

    def plan_upgrade(
        self, names: Iterable[str] | None = None, *, report: Report | None = None
    ) -> ClusterPlan:
        self.calls.append(names)
        if self.fails:
            raise ClusterRefused("node:/b", "pod 1 requires pea<2")
        return make_plan()

    def plan_align(self, *, to: str = "client", report: Report | None = None) -> ClusterPlan:
        self.calls.append(to)
        return ClusterPlan(requested=(), plans=())

    def plan_undo(self, *, report: Report | None = None) -> ClusterPlan:
        self.calls.append("undo")
        return make_plan()

    def apply(self, plan: ClusterPlan, *, report: Report | None = None) -> ClusterTransaction:
        self.calls.append(plan.id)
        tell = report or no_report
        event = EnvironmentEvent(
            stage=Stage.FETCHING, text="node:/a: prepared", environment="node:/a"
        )
        tell(event)
        assert self.gate.wait(30)
        try:
            tell(event)
        except Cancelled:
            states = ("node:/a: unchanged", "node:/b: unchanged")
            raise ClusterFailed("c", "it was cancelled", states) from None
        outcome = ClusterOutcome.COMMITTED
        return ClusterTransaction(id="c", plan=plan.id, outcome=outcome, environments=())

    def recover(self, *, report: Report | None = None) -> pd.DataFrame:
        self.calls.append("recover")
        return pd.DataFrame()
