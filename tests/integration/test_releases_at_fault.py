"""A release that cannot be fetched or is not intact after the installation stops no other."""

from __future__ import annotations

import re

import pytest
from fakes import change_of, plan_of
from malformed_wheels import MalformedWheel

from pkgwidgets.connect import connect
from pkgwidgets.core.breakages import Breakage
from pkgwidgets.core.errors import InstallFailed, TransactionError, VerificationFailed
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Outcome, Transaction
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply, inventory
from pkgwidgets.operations.breakages import blame_installer
from pkgwidgets.operations.planning import plan_upgrade
from pkgwidgets.operations.skip_failing import apply_without_failing

CODE = {"seedshelf.py": "version = 5\n"}
OTHER = BuiltWheel(name="seedshelf", version="1.5", files={"seedshelf.py": "evil = 1\n"})
REPLACED = MalformedWheel(name="seedshelf", version="1.5", files=CODE, damage=lambda _: OTHER.data)
"""Other bytes than those whose hash the index lists."""
NOT_INTACT = MalformedWheel(
    name="seedshelf",
    version="1.5",
    files=CODE,
    record=lambda text: re.sub(r"f\.py,sha256=[^,]*", "f.py,sha512=" + "0" * 128, text),
)
"""A RECORD with the hash of another file."""
CASES = {
    "replaced": (REPLACED, InstallFailed, "Hash mismatch"),
    "not intact": (NOT_INTACT, VerificationFailed, "differs from its hash in RECORD"),
}


@pytest.fixture
def backend(garden: Demo) -> Backend:
    garden.index.withdraw("harvestscale", "3.3.0")
    return connect(garden.python, garden.index_url)


@pytest.mark.parametrize("name", CASES)
def test_next_plan_for_everything_leaves_the_release_at_fault_out(
    backend: Backend, garden: Demo, name: str
) -> None:
    wheel, kind, reason = CASES[name]
    garden.index.publish(wheel)
    with pytest.raises(kind) as raised:
        apply.apply_plan(backend, plan_upgrade(backend))
    error = raised.value
    assert isinstance(error, InstallFailed | VerificationFailed)
    assert (error.kept, error.can_skip) == (("seedshelf",), True)
    assert "the new plan keeps the installed seedshelf" in error.hint
    notes = {row.name: row.failed_change for row in inventory.get_packages(backend)}
    assert {package for package, note in notes.items() if note} == {"seedshelf"}
    start = "The upgrade failed: seedshelf 1.5 cannot be installed ("
    assert notes["seedshelf"].startswith(start)
    assert reason in notes["seedshelf"]

    plan = plan_upgrade(backend)
    (kept,) = (held for held in plan.held_back if held.id == "seedshelf")
    assert "seedshelf 1.5 cannot be installed" in kept.reason
    assert "seedshelf" not in {change.id for change in plan.changes}
    assert apply.apply_plan(backend, plan).outcome is Outcome.COMMITTED


def test_everything_else_is_upgraded_after_failures_of_several_kinds(garden: Demo) -> None:
    backend = connect(garden.python, garden.index_url)  # harvestscale fails the check
    garden.index.publish(NOT_INTACT)
    failures: list[TransactionError] = []

    def apply_plan(plan: Plan) -> Transaction:
        try:
            return apply.apply_plan(backend, plan)
        except TransactionError as error:
            failures.append(error)
            raise

    done = apply_without_failing(plan_upgrade(backend), lambda: plan_upgrade(backend), apply_plan)
    assert [error.code for error in failures] == ["stage-failed", "verification-failed"]
    kept = {held.id for held in done.plan.held_back}
    assert {"harvestscale", "seedshelf"} <= kept
    assert "frostcall" in {change.id for change in done.changes}


def test_named_package_is_planned_all_the_same(backend: Backend, garden: Demo) -> None:
    garden.index.publish(REPLACED)
    with pytest.raises(InstallFailed) as raised:
        apply.apply_plan(backend, plan_upgrade(backend, "seedshelf"))
    assert (raised.value.named, raised.value.can_skip) == (True, False)
    assert [change.id for change in plan_upgrade(backend, "seedshelf").changes] == ["seedshelf"]


@pytest.mark.parametrize(
    ("output", "blamed"),
    [
        ("Failed to download `pea-pod==2.0`. Hash mismatch for `pea-pod==2.0`", {"pea-pod"}),
        ("Failed to install: pea_pod-2.0-py3-none-any.whl (pea-pod==2.0)", {"pea-pod"}),
        ("The wheel pea_pod-2.0-py3-none-any.whl is invalid", {"pea-pod"}),
        ("Hash mismatch for `pea-pod==1.9`", set()),
        ("Failed to install: pea-pod==2.0: No space left on device (os error 28)", set()),
        ("Failed to fetch pea-pod==2.0: error sending request for url", set()),
        ("Failed to fetch pea-pod==2.0: HTTP status server error (503)", set()),
        ("`pod==1.0` has an invalid hash", set()),
    ],
)
def test_installer_blames_releases_but_not_for_disk_or_network(
    output: str, blamed: set[str]
) -> None:
    plan = plan_of(change_of("pea-pod", "1.0", "2.0"), change_of("pod", None, "1.0"))
    assert {breakage.culprit for breakage in blame_installer(plan, output)} == blamed


def test_release_that_cannot_be_installed_is_read_back_from_a_journal() -> None:
    text = "pea==2.0 cannot be installed: its hash: differs"
    breakage = Breakage.parse(text)
    assert breakage is not None
    assert str(breakage) == text
    assert breakage.reason == "pea 2.0 cannot be installed (its hash: differs)"
