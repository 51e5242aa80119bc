"""After a refused plan for everything, the next one leaves out the new versions that break it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pkgwidgets.connect import connect
from pkgwidgets.core.errors import StageFailed
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.packages import PackageStatus
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Outcome, Transaction
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.demo.wheel_installer import WheelInstallation
from pkgwidgets.operations import apply, dismissal, inventory
from pkgwidgets.operations.planning import plan_upgrade
from pkgwidgets.operations.skip_failing import apply_without_failing, plan_without_failing

BROKEN_IN_DEMO = ("harvestscale",)
"""A package of the demo whose new version cannot be imported."""
Wheels = list[BuiltWheel]


def wheel(name: str, version: str, code: str = "", *requires: str, **files: str) -> BuiltWheel:
    paths = {f"{module}.py": text for module, text in files.items()}
    return BuiltWheel(
        name=name, version=version, files={f"{name}/__init__.py": code, **paths}, requires=requires
    )


EXTENDED = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
SPADE = wheel("spade", "1.0", "version = 1\n", spade_parts="")
BARROW = wheel("barrow", "1.0", "from spade import version\n", "spade")
CASES: dict[str, tuple[Wheels, Wheels, str]] = {
    "a module is gone": (
        [SPADE, wheel("barrow", "1.0")],
        [wheel("spade", "2.0"), wheel("barrow", "2.0", "import spade_parts\n")],
        "with spade 2.0, barrow 2.0 cannot be imported "
        "(ModuleNotFoundError: No module named 'spade_parts')",
    ),
    "a name is gone": (
        [SPADE, BARROW],
        [wheel("spade", "2.0")],
        "with spade 2.0, barrow 1.0 cannot be imported "
        "(ImportError: cannot import name 'version' from 'spade')",
    ),
    "an attribute is gone": (
        [SPADE, wheel("barrow", "1.0", "import spade\nspade.version\n", "spade")],
        [wheel("spade", "2.0")],
        "with spade 2.0, barrow 1.0 cannot be imported "
        "(AttributeError: module 'spade' has no attribute 'version')",
    ),
    "a dependent fails for another reason": (
        [SPADE, wheel("barrow", "1.0", "import spade\nassert spade.version < 2, 'old'\n", "spade")],
        [wheel("spade", "2.0", "version = 2\n")],
        "with spade 2.0, barrow 1.0 cannot be imported (AssertionError: old)",
    ),
    "a name of a part of a namespace is gone": (
        [
            BuiltWheel(name="shed", version="1.0", files={"shed/__init__.py": EXTENDED}),
            BuiltWheel(
                name="spade",
                version="1.0",
                files={"shed/spade/__init__.py": "version = 1\n"},
            ),
            wheel("barrow", "1.0", "from shed.spade import version\n", "spade"),
        ],
        [
            BuiltWheel(name="shed", version="2.0", files={"shed/__init__.py": EXTENDED}),
            BuiltWheel(
                name="spade",
                version="2.0",
                files={"shed/spade/__init__.py": ""},
            ),
        ],
        "with spade 2.0, barrow 1.0 cannot be imported "
        "(ImportError: cannot import name 'version' from 'shed.spade')",
    ),
    "the new version itself fails": (
        [SPADE],
        [wheel("spade", "2.0", "1 / 0\n")],
        "spade 2.0 cannot be imported (ZeroDivisionError: division by zero)",
    ),
    "a new package that it brings fails": (
        [SPADE],
        [wheel("spade", "2.0", "", "handle"), wheel("handle", "1.0", "1 / 0\n")],
        "with spade 2.0, handle 1.0 cannot be imported (ZeroDivisionError: division by zero)",
    ),
}


SLOW = (
    "an attribute is gone",
    "a dependent fails for another reason",
    "the new version itself fails",
)


def install(backend: Backend, garden: Demo, wheels: Wheels) -> None:
    scheme = backend.environment.interpreter.scheme
    for built in wheels:
        WheelInstallation(wheel=built, python=garden.python, scheme=scheme, requested=True).run()
    garden.index.publish(*wheels)


def refuse(backend: Backend) -> StageFailed:
    """Apply a plan for everything, which the check refuses."""
    with pytest.raises(StageFailed) as raised:
        apply.apply_plan(backend, plan_upgrade(backend))
    return raised.value


def reasons(plan: Plan) -> dict[str, str]:
    return {package.id: package.reason for package in plan.held_back}


@pytest.fixture
def refused(backend: Backend, garden: Demo) -> Backend:
    """An environment in which spade 2 broke barrow, so that a plan for everything was refused."""
    install(backend, garden, [SPADE, BARROW])
    garden.index.publish(wheel("spade", "2.0"))
    refuse(backend)
    return backend


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in CASES]
)
def test_next_plan_for_everything_leaves_out_what_breaks_it(
    backend: Backend, garden: Demo, name: str
) -> None:
    old, new, reason = CASES[name]
    install(backend, garden, old)
    garden.index.publish(*new)
    error = refuse(backend)
    assert {*error.kept} == {"spade", *BROKEN_IN_DEMO}
    assert "the new plan keeps the installed " in error.hint
    plan = plan_upgrade(backend)
    assert reasons(plan)["spade"] == reason
    assert apply.apply_plan(backend, plan).outcome is Outcome.COMMITTED
    changed = {change.id for change in plan.changes}
    assert "seedshelf" in changed
    assert "spade" not in changed


def test_package_that_is_named_is_planned_all_the_same(refused: Backend) -> None:
    assert [change.id for change in plan_upgrade(refused, "spade").changes] == ["spade"]


def test_new_release_is_tried(refused: Backend, garden: Demo) -> None:
    assert "spade" in reasons(plan_upgrade(refused))
    later = datetime.now(UTC) + timedelta(minutes=1)
    fixed = BuiltWheel(
        name="spade", version="2.1", files={"spade/__init__.py": "version = 2\n"}, uploaded=later
    )
    garden.index.publish(fixed)
    assert "spade==2.1" in plan_upgrade(refused).pins


def test_new_release_is_tried_where_the_index_has_no_upload_times(
    refused: Backend, garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    respond = garden.index._respond
    monkeypatch.setattr(garden.index, "_respond", lambda target, _: respond(target, "text/html"))
    assert "spade" in reasons(plan_upgrade(refused))
    garden.index.publish(wheel("spade", "2.1", "version = 2\n"))
    assert "spade==2.1" in plan_upgrade(refused).pins


def test_release_that_the_failed_plan_could_not_take_is_not_new(
    backend: Backend, garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    respond = garden.index._respond
    monkeypatch.setattr(garden.index, "_respond", lambda target, _: respond(target, "text/html"))
    install(backend, garden, [SPADE, BARROW, wheel("trowel", "1.0", "", "spade<3")])
    garden.index.publish(wheel("spade", "2.0"), wheel("spade", "3.0"))
    refuse(backend)
    plan = plan_upgrade(backend)
    assert "spade" in reasons(plan)
    assert not [pin for pin in plan.pins if pin.startswith("spade")]


def test_upgrade_is_tried_again_once_what_it_broke_is_newer(refused: Backend, garden: Demo) -> None:
    assert "spade" in reasons(plan_upgrade(refused))
    garden.index.publish(wheel("barrow", "1.1", "import spade\n", "spade"))
    apply.apply_plan(refused, plan_upgrade(refused, "barrow"))
    assert "spade==2.0" in plan_upgrade(refused).pins


def test_only_the_blamed_packages_are_marked(refused: Backend) -> None:
    rows = {str(row.id): row for row in inventory.get_packages(refused)}
    marked = {name for name, row in rows.items() if row.failed_change}
    assert marked == {"spade", *BROKEN_IN_DEMO}
    assert rows["spade"].failed_change.startswith("The upgrade failed: with spade 2.0, barrow 1.0")
    assert {row.status for row in rows.values()} == {PackageStatus.INSTALLED}


def test_dismissed_note_is_gone_for_other_sessions_and_changes_no_plan(refused: Backend) -> None:
    dismissal.dismiss_note(refused, "spade")
    other = connect(refused.environment.interpreter.python, refused.index.url)
    for backend in (refused, other):
        rows = inventory.get_packages(backend)
        assert {str(row.id) for row in rows if row.failed_change} == {*BROKEN_IN_DEMO}
    assert "spade" in reasons(plan_upgrade(other))


def test_release_that_failed_alone_is_left_out_of_a_plan_for_everything(
    backend: Backend,
) -> None:
    with pytest.raises(StageFailed) as raised:
        apply.apply_plan(backend, plan_upgrade(backend, "harvestscale"))
    assert (raised.value.named, raised.value.can_skip) == (True, False)
    assert "Choose another version" in raised.value.hint
    plan = plan_upgrade(backend)
    assert "harvestscale 3.3.0 cannot be imported" in reasons(plan)["harvestscale"]
    assert apply.apply_plan(backend, plan).outcome is Outcome.COMMITTED


def test_everything_else_is_upgraded_after_refusals(backend: Backend, garden: Demo) -> None:
    install(backend, garden, [SPADE, BARROW])
    garden.index.publish(wheel("spade", "2.0"))
    plans = []

    def apply_plan(plan: Plan) -> Transaction:
        plans.append(plan)
        return apply.apply_plan(backend, plan)

    done = apply_without_failing(plan_upgrade(backend), lambda: plan_upgrade(backend), apply_plan)
    assert done.outcome is Outcome.COMMITTED
    assert {*reasons(done.plan)} >= {"spade", *BROKEN_IN_DEMO}
    assert len(plans) == 2


def test_plan_that_would_fail_again_is_not_returned(backend: Backend) -> None:
    plan = plan_upgrade(backend)
    error = refuse(backend)
    with pytest.raises(StageFailed) as raised:
        plan_without_failing(error, lambda: plan)
    assert raised.value is error


def test_refused_plan_for_one_package_holds_nothing_back(backend: Backend, garden: Demo) -> None:
    install(backend, garden, [SPADE, BARROW])
    garden.index.publish(wheel("spade", "2.0"))
    with pytest.raises(StageFailed) as raised:
        apply.apply_plan(backend, plan_upgrade(backend, "spade"))
    assert raised.value.breakages == ()
    assert "Choose another version" in raised.value.hint
    assert "spade==2.0" in plan_upgrade(backend).pins
