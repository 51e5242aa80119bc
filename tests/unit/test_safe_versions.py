"""The safe version is the exhaustive minimum, on generated advisories and blockers."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from fakes import FakeKit
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core import osv
from pkgwidgets.core.advisories import Effect
from pkgwidgets.core.advisory_sources import AdvisoryAnswer, AdvisoryResult
from pkgwidgets.core.audit import AuditRow
from pkgwidgets.core.interfaces import Report, no_report
from pkgwidgets.core.limits import Limit, Limits
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations.audit import audit

VERSIONS = ("1.0", "1.1", "1.2rc1", "1.2", "1.3", "2.0", "2.1", "3.0a1", "3.0", "3.1")
BLOCKERS = ("<2", "<2.1", "!=1.3", "==1.*", "<=3.0", "<3,!=2.0", ">=1", "~=1.1")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
PEA = NormalizedName("pea")


@dataclass
class Records:
    """A source that answers from a list."""

    records: Sequence[Mapping[str, Any]]
    address = "records"
    knows_projects = True

    def state(self) -> str:
        return ""

    def advisories_of(
        self, projects: Mapping[NormalizedName, Version | None], report: Report = no_report
    ) -> Mapping[NormalizedName, AdvisoryResult]:
        found = [osv.read_record(record) for record in self.records]
        return {
            name: AdvisoryAnswer(
                advisories=tuple(
                    advisory
                    for advisory in found
                    if version is None or advisory.effect(name, version) is not Effect.NOT_AFFECTED
                ),
                as_of=NOW,
            )
            for name, version in projects.items()
        }


@dataclass(frozen=True)
class Case:
    """Releases of pea, what requires pea, a hold, and advisories by the versions they affect."""

    installed: str
    yanked: Collection[str]
    blockers: Sequence[str]
    hold: str
    affected: Sequence[Collection[str]]


def make_case(seed: int) -> Case:
    rng = random.Random(seed)
    installed = rng.choice(("1.0", "1.1", "1.3"))
    others = [version for version in VERSIONS if version != installed]
    affected = [{*rng.sample(VERSIONS, rng.randint(0, 4)), installed}]
    affected += [set(rng.sample(VERSIONS, rng.randint(1, 4))) for _ in range(rng.randint(0, 3))]
    admitting = [text for text in BLOCKERS if SpecifierSet(text).contains(installed)]
    return Case(
        installed=installed,
        yanked=rng.sample(others, rng.randint(0, 2)),
        blockers=rng.sample(admitting, rng.randint(0, 2)),
        hold=rng.choice(["", "", rng.choice(admitting)]),
        affected=affected,
    )


def exhaustive_minimum(case: Case) -> Version | None:
    """Try every version: newer, final, not yanked, affected by nothing, admitted by all."""
    limits = [SpecifierSet(text) for text in (*case.blockers, case.hold)]
    safe = [
        Version(version)
        for version in VERSIONS
        if Version(version) > Version(case.installed)
        and not Version(version).is_prerelease
        and version not in case.yanked
        and not any(version in affected for affected in case.affected)
        and all(limit.contains(version) for limit in limits)
    ]
    return min(safe, default=None)


def as_record(number: int, affected: Collection[str], rng: random.Random) -> dict[str, Any]:
    """Return a record that affects exactly these versions: as a list, or as ranges."""
    part: dict[str, Any] = {"package": {"name": "pea", "ecosystem": "PyPI"}}
    if rng.random() < 0.5:
        part["versions"] = sorted(affected)
    else:
        ordered, events, was_in = sorted(VERSIONS, key=Version), [], False
        for version in ordered:
            if (version in affected) is not was_in:
                events.append({"fixed" if was_in else "introduced": version})
                was_in = not was_in
        rng.shuffle(events)
        part["ranges"] = [{"type": "ECOSYSTEM", "events": events}]
    return {"id": f"PYSEC-{number}", "affected": [part]}


def run(case: Case, seed: int) -> Sequence[AuditRow]:
    wheels = [
        BuiltWheel(
            name="pea",
            version=version,
            files={"pea.py": ""},
            yanked="bad" if version in case.yanked else None,
        )
        for version in VERSIONS
    ]
    owners = [
        BuiltWheel(name=f"pod{i}", version="1.0", files={}, requires=(f"pea{text}",))
        for i, text in enumerate(case.blockers)
    ]
    installed = [f"pea=={case.installed}", *(f"{owner.name}==1.0" for owner in owners)]
    kit = FakeKit(wheels=[*wheels, *owners], installed=installed)
    hold = Limit(requirement=f"pea{case.hold}", setting="a hold")
    limits = Limits(constraints=(hold,) if case.hold else ())
    rng = random.Random(seed)
    records = [as_record(i, affected, rng) for i, affected in enumerate(case.affected)]
    backend = replace(kit.backend, limits=lambda: limits)
    return audit(backend, [Records(records)], now=NOW).rows


@pytest.mark.parametrize("seed", range(200))
def test_safe_version_is_the_exhaustive_minimum(seed: int) -> None:
    case = make_case(seed)
    rows = run(case, seed)
    expected = sum(case.installed in affected for affected in case.affected)
    assert len(rows) == expected >= 1
    assert {row.safe_version for row in rows} == {exhaustive_minimum(case)}
    assert not any(row.error for row in rows)


@pytest.mark.parametrize("seed", range(200))
def test_what_blocks_is_named_exactly_if_a_smaller_release_is_unaffected(seed: int) -> None:
    case = make_case(seed)
    unlimited = replace(case, blockers=(), hold="")
    is_blocked = exhaustive_minimum(case) != exhaustive_minimum(unlimited)
    row = run(case, seed)[0]
    assert bool(row.blocked_by) is is_blocked
    smallest = str(exhaustive_minimum(unlimited))
    for number, text in enumerate(case.blockers if is_blocked else ()):
        forbids = not SpecifierSet(text).contains(smallest)
        # A hold that says the same is not repeated for each package.
        assert (f"pod{number} (" in row.blocked_by) is forbids or text == case.hold


def test_cases_are_worth_it() -> None:
    cases = [make_case(seed) for seed in range(200)]
    answers = [exhaustive_minimum(case) for case in cases]
    assert 30 < sum(answer is None for answer in answers) < 120
    assert sum(len(case.affected) > 1 for case in cases) > 80
    assert sum(bool(case.blockers) for case in cases) > 80
