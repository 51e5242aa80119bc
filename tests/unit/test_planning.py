"""Plans upgrade as far as no package breaks, and give reasons for what they hold back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import FakeKit, Kit
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version
from plan_cases import NEWER, applied, changes_of, pea

from pkgwidgets.core.errors import (
    EnvironmentRefused,
    IndexUnavailable,
    InvalidRequest,
    PackageNotFound,
    PkgwidgetsError,
    PlanImpossible,
    ProjectNotFound,
    ResolutionFailed,
    StillNeeded,
)
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.hints import Hint
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import (
    Backend,
    ProjectResult,
    Report,
    ResolveRequest,
    no_report,
)
from pkgwidgets.core.plans import AllowPolicy, ChangeKind, Plan
from pkgwidgets.core.versions import checked_version
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_uninstall, plan_upgrade
from pkgwidgets.presentation.change_text import change_reason

# --- upgrading


def test_several_names_are_one_plan(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, ["seedshelf", "Frostcall", "seedshelf"])
    assert changes_of(plan) == ["frostcall 1.9.3 → 2.0.0", "seedshelf 1.4.1 → 1.4.2"]
    assert plan.requested == ("frostcall", "seedshelf")


@pytest.mark.parametrize("name", ["beanpoles", "coldframe", "compost-log", "moonsower"])
def test_plan_for_an_up_to_date_package_is_empty(kit: Kit, name: str) -> None:
    plan = plan_upgrade(kit.backend, name)
    assert not plan
    assert (plan.changes, plan.held_back, plan.commands) == ((), (), ())


def test_plan_id_is_the_same_for_the_same_environment(kit: Kit) -> None:
    first, second = (plan_upgrade(kit.backend, "seedshelf") for _ in range(2))
    assert first.id == second.id
    assert first.id != plan_upgrade(kit.backend, "frostcall").id


def test_plan_has_the_equivalent_shell_command(kit: Kit) -> None:
    (command,) = plan_upgrade(kit.backend, "seedshelf").commands
    assert command.startswith("uv pip install --python ")
    assert command.endswith(" --no-deps seedshelf==1.4.2")


def test_planning_reports_its_stages(kit: Kit) -> None:
    events: list[Event] = []
    plan_upgrade(kit.backend, "seedshelf", report=events.append)
    assert [event.stage for event in events][:2] == [Stage.ASKING, Stage.RESOLVING]


def test_index_error_of_one_name_does_not_stop_the_others(kit: Kit) -> None:
    kit.publish(pea("1.0"))
    applied(kit, plan_install(kit.backend, "pea"))
    index = kit.backend.index
    failure = IndexUnavailable("http://h/simple/", "it answered 503")

    class PartlyDown:
        url = index.url

        def releases_of(
            self, query: IndexQuery, report: Report = no_report
        ) -> Mapping[NormalizedName, ProjectResult]:
            answers = index.releases_of(query, report)
            return {name: failure if name == "pea" else answers[name] for name in answers}

    backend = replace(kit.backend, index=PartlyDown())
    plan = plan_upgrade(backend, ["pea", "seedshelf"])
    assert changes_of(plan) == ["seedshelf 1.4.1 → 1.4.2"]
    assert [str(entry) for entry in plan.held_back] == [
        "pea 1.0: the index http://h/simple/ is not available: it answered 503"
    ]
    with pytest.raises(IndexUnavailable):
        plan_upgrade(backend, "pea")


def test_packages_that_cannot_be_resolved_are_held_back_from_everything(kit: Kit) -> None:
    """Two of them; each would stop the whole resolution."""
    installer = kit.backend.installer
    bad = {canonicalize_name("frostcall"), canonicalize_name("harvestscale")}

    class Stubborn:
        stage, install, dependencies = installer.stage, installer.install, installer.dependencies

        def resolve(self, request: ResolveRequest) -> Mapping[NormalizedName, Version | None]:
            if bad & set(request.upgrade):
                raise PlanImpossible(request.upgrade, "It cannot be resolved.")
            return installer.resolve(request)

    plan = plan_upgrade(replace(kit.backend, installer=Stubborn()))
    assert changes_of(plan) == [change for change in NEWER if change.partition(" ")[0] not in bad]
    assert {entry.id: entry.reason for entry in plan.held_back} == dict.fromkeys(
        bad, "It cannot be resolved."
    )


def test_installer_that_always_fails_is_an_error(kit: Kit) -> None:
    installer = kit.backend.installer
    requests = []

    class Failing:
        stage, install, dependencies = installer.stage, installer.install, installer.dependencies

        def resolve(self, request: ResolveRequest) -> Mapping[NormalizedName, Version | None]:
            requests.append(request)
            raise ResolutionFailed("it has no memory")

    with pytest.raises(ResolutionFailed):
        plan_upgrade(replace(kit.backend, installer=Failing()))
    assert len(requests) <= 3


# --- upgrading to a version


def test_older_version_is_a_downgrade(kit: Kit) -> None:
    applied(kit, plan_upgrade(kit.backend, "frostcall"))
    plan = plan_upgrade(kit.backend, "frostcall", version="1.9.3")
    assert changes_of(plan) == ["frostcall 2.0.0 → 1.9.3"]
    assert plan.changes[0].kind is ChangeKind.DOWNGRADE


def test_plan_for_the_installed_version_is_empty(kit: Kit) -> None:
    assert not plan_upgrade(kit.backend, "seedshelf", version="1.4.1")


@pytest.mark.parametrize(
    ("name", "version", "blockers"),
    [
        ("raintable", "3.1.0", ("allotboard",)),
        ("raintable", "9", ()),
        ("coldframe", "2.0.0", ()),
    ],
    ids=["forbidden", "not on the index", "another Python"],
)
def test_impossible_version_is_explained(
    kit: Kit, name: str, version: str, blockers: tuple[str, ...]
) -> None:
    before = kit.tree()
    with pytest.raises(PlanImpossible) as caught:
        plan_upgrade(kit.backend, name, version=version)
    assert caught.value.requirements == (f"{name}=={version}",)
    assert caught.value.explanation
    assert caught.value.blockers == blockers
    assert (caught.value.advice is Hint.UNBLOCK_OR_ALTERNATIVE) is bool(blockers)
    assert kit.tree() == before


def test_allow_all_is_not_suggested_if_it_cannot_help(kit: Kit) -> None:
    hold = {canonicalize_name("allotboard"): "it is held"}
    with pytest.raises(PlanImpossible) as caught:
        plan_upgrade(kit.backend, "raintable", version="3.1.0", hold=hold)
    assert caught.value.advice is Hint.OTHER_VERSION
    with pytest.raises(PlanImpossible) as caught:
        plan_upgrade(kit.backend, "raintable", version="9", allow="all")
    assert caught.value.advice is Hint.OTHER_VERSION


# --- refusals


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"names": ""}, "name"),
        ({"names": []}, "name"),
        ({"names": ["seedshelf", "--index-url=http://x"]}, "name"),
        ({"names": [5]}, "name"),
        ({"names": b"ab"}, "name"),
        ({"names": "seedshelf", "version": "latest"}, "version"),
        ({"names": "seedshelf", "version": "1.0 --pre"}, "version"),
        ({"names": "seedshelf", "version": "1" * 5000}, "version"),
        ({"names": "seedshelf", "version": ""}, "version"),
        ({"names": "seedshelf", "version": 1.4}, "version"),
        ({"version": "1.0"}, "version"),
        ({"names": ["seedshelf", "frostcall"], "version": "1.0"}, "version"),
        ({"names": "seedshelf", "allow": "everything"}, "allow"),
        ({"names": "seedshelf", "allow": ["all"]}, "allow"),
    ],
    ids=range(14),
)
def test_invalid_request_is_refused_without_asking_the_index(
    arguments: dict[str, str], field: str
) -> None:
    kit = FakeKit()
    with pytest.raises(InvalidRequest) as caught:
        plan_upgrade(kit.backend, **arguments)  # type: ignore[arg-type]
    assert caught.value.field == field
    assert kit.index.requests == []


@pytest.mark.parametrize("plan", [plan_upgrade, plan_uninstall])
def test_missing_package_raises_package_not_found(
    kit: Kit, plan: Callable[[Backend, list[str]], Plan]
) -> None:
    with pytest.raises(PackageNotFound, match="peas is not installed"):
        plan(kit.backend, ["seedshelf", "peas"])


def test_read_only_environment_refuses_every_plan() -> None:
    kit = FakeKit()
    kit.environment.refused = "It is frozen"
    for plan in (plan_upgrade, lambda b: plan_install(b, "pea"), lambda b: plan_uninstall(b, "x")):
        with pytest.raises(EnvironmentRefused, match="It is frozen"):
            plan(kit.backend)
    with pytest.raises(EnvironmentRefused):
        plan_undo(kit.backend)


def test_plan_fails_without_the_index(kit: Kit) -> None:
    kit.go_down()
    with pytest.raises(IndexUnavailable):
        plan_upgrade(kit.backend, "seedshelf")
    with pytest.raises(IndexUnavailable):
        plan_install(kit.backend, "pea")


# --- installing


@pytest.mark.parametrize("requirement", ["seedshelf", "seedshelf>=1.4", "SeedShelf==1.4.1"])
def test_install_of_a_satisfied_requirement_is_an_empty_plan(kit: Kit, requirement: str) -> None:
    assert not plan_install(kit.backend, requirement)


@pytest.mark.parametrize(
    "requirement",
    ["", "--pre", "-e .", "pip @ file:///etc/passwd", "x @ https://u:p@host.invalid/x.whl",
     "numpy; python_version<'4'", "numpy==1.0 --hash=sha256:aa", "numpy[", "numpy\n--pre",
     "a" * 101, "git+https://host.invalid/r", "http://host.invalid/x.whl", "n\u00fcmpy", 5, None],
)  # fmt: skip
def test_invalid_requirement_is_refused(requirement: str) -> None:
    kit = FakeKit()
    with pytest.raises(InvalidRequest):
        plan_install(kit.backend, requirement)
    assert kit.index.requests == []


def test_unknown_project_raises_project_not_found(kit: Kit) -> None:
    with pytest.raises(ProjectNotFound, match="has no project peas"):
        plan_install(kit.backend, "peas>=1")


@pytest.mark.parametrize(
    ("requirement", "sentence"),
    [
        (
            "moonsower==9",
            "moonsower 9 does not exist; the newest is 5.0.1 (6.0.0rc1 is a pre-release).",
        ),
        (
            "Moonsower>=6",
            "No release of Moonsower satisfies Moonsower>=6; "
            "the newest is 5.0.1 (6.0.0rc1 is a pre-release).",
        ),
        (
            "moonsower==9.*",
            "No release of moonsower satisfies moonsower==9.*; "
            "the newest is 5.0.1 (6.0.0rc1 is a pre-release).",
        ),
        ("seedshelf==9", "seedshelf 9 does not exist; the newest is 1.4.2."),
    ],
)
@pytest.mark.parametrize("allow", ["self", "dependencies", "all"])
def test_requirement_that_no_release_meets_is_refused(
    kit: Kit, requirement: str, sentence: str, allow: AllowPolicy
) -> None:
    with pytest.raises(PlanImpossible) as caught:
        plan_install(kit.backend, requirement, allow=allow)
    assert caught.value.sentence() == sentence
    assert caught.value.advice is Hint.OTHER_VERSION


@pytest.mark.parametrize("plan_it", [
    lambda backend: plan_install(backend, "coldframe==2.0.0"),
    lambda backend: plan_install(backend, "coldframe>1.2.0"),
    lambda backend: plan_upgrade(backend, "coldframe", version="2.0.0"),
])  # fmt: skip
def test_release_for_another_python_is_refused_with_what_it_requires(
    kit: Kit, plan_it: Callable[[Backend], Plan]
) -> None:
    with pytest.raises(PlanImpossible) as caught:
        plan_it(kit.backend)
    python = kit.backend.environment.interpreter.version
    assert caught.value.sentence() == (
        f"coldframe 2.0.0 requires Python>=4, but this environment has Python {python}."
    )
    assert caught.value.advice is Hint.OTHER_PYTHON


def test_install_of_an_installed_package_says_so(kit: Kit) -> None:
    plan = plan_install(kit.backend, ["moonsower", "seedshelf>=1"])
    assert str(plan) == (
        "nothing to change. moonsower 5.0.1 is already installed. "
        "seedshelf 1.4.1 is already installed"
    )


def test_plan_for_everything_does_not_say_that_a_package_was_requested(kit: Kit) -> None:
    reasons = {change.name: change_reason(change) for change in plan_upgrade(kit.backend).changes}
    assert reasons.pop("raintable") == "part of Upgrade all, with allotboard"
    assert {*reasons.values()} <= {"part of Upgrade all", "needed by the other changes"}
    assert "part of Upgrade all" in reasons.values()
    assert change_reason(plan_upgrade(kit.backend, "seedshelf").changes[0]) == "requested"


# --- uninstalling


def test_uninstall_names_the_packages_that_still_need_it(kit: Kit) -> None:
    with pytest.raises(StillNeeded, match="Cannot uninstall sundrift: bedplanner requires it"):
        plan_uninstall(kit.backend, "sundrift")
    plan = plan_uninstall(kit.backend, ["sundrift", "bedplanner"])
    assert changes_of(plan) == ["sundrift 1.0.4 (removed)", "bedplanner 2.1.0 (removed)"]


# --- undoing


def test_undo_without_history_is_refused(kit: Kit) -> None:
    with pytest.raises(InvalidRequest, match="There is nothing to undo"):
        plan_undo(kit.backend)
    with pytest.raises(InvalidRequest, match="no committed transaction has this id"):
        plan_undo(kit.backend, "unknown")
    nothing = plan_upgrade(kit.backend, "sundrift", version="1.0.4")
    with pytest.raises(InvalidRequest, match="This transaction changed nothing"):
        plan_undo(kit.backend, applied(kit, nothing).id)


def test_undo_after_a_redo_undoes_the_redone_transaction(kit: Kit) -> None:
    applied(kit, plan_upgrade(kit.backend, "frostcall"))
    applied(kit, plan_upgrade(kit.backend, "seedshelf"))
    undo = applied(kit, plan_undo(kit.backend))
    applied(kit, plan_undo(kit.backend, undo.id))
    assert changes_of(plan_undo(kit.backend)) == ["seedshelf 1.4.2 → 1.4.1"]


def test_undone_transaction_cannot_be_undone_again(kit: Kit) -> None:
    done = applied(kit, plan_upgrade(kit.backend, "seedshelf"))
    undo = applied(kit, plan_undo(kit.backend))
    with pytest.raises(InvalidRequest, match=f"{undo.id} undid it already"):
        plan_undo(kit.backend, done.id)
    redo = applied(kit, plan_undo(kit.backend, undo.id))
    assert changes_of(plan_undo(kit.backend, done.id)) == ["seedshelf 1.4.2 → 1.4.1"]
    with pytest.raises(InvalidRequest, match=f"{redo.id} undid it already"):
        plan_undo(kit.backend, undo.id)


def test_unrelated_older_transaction_is_undone_from_its_save_point(kit: Kit) -> None:
    older = applied(kit, plan_upgrade(kit.backend, "seedshelf"))
    applied(kit, plan_upgrade(kit.backend, "frostcall"))
    kit.go_down()
    assert plan_undo(kit.backend, older.id).from_save_point
    applied(kit, plan_undo(kit.backend, older.id))


def test_rolled_back_transaction_cannot_be_undone(kit: Kit) -> None:
    with pytest.raises(PkgwidgetsError):
        applied(kit, plan_upgrade(kit.backend, "harvestscale"))
    (failed,) = kit.backend.journal.transactions()
    for transaction_id in (None, failed.id):
        with pytest.raises(InvalidRequest):
            plan_undo(kit.backend, transaction_id)


def test_plan_names_the_interpreter_of_the_environment(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, "seedshelf")
    assert plan.python == kit.backend.environment.interpreter.python
    assert isinstance(plan.python, Path)
    assert checked_version(str(plan.changes[0].after)) == plan.changes[0].after
    assert plan.changes[0].id == canonicalize_name("SeedShelf")
