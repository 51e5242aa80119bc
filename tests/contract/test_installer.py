"""The installer resolves without changing anything, and installs exactly the plan."""

from __future__ import annotations

import csv
import hashlib
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from fakes import FakeKit, Kit, Oracle, change_of, plan_of
from malformed_wheels import MalformedWheel
from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets import PackageService
from pkgwidgets.backends.installer import uv
from pkgwidgets.backends.processes import process
from pkgwidgets.connect import connect
from pkgwidgets.core.environment import Distribution
from pkgwidgets.core.errors import (
    Cancelled,
    IndexUnavailable,
    InstallerUnavailable,
    InstallFailed,
    PkgwidgetsError,
    PlanImpossible,
    ResolutionFailed,
)
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import Backend, ResolveRequest, no_report
from pkgwidgets.core.limits import NO_LIMITS
from pkgwidgets.core.plans import Change, Plan
from pkgwidgets.demo import Demo, catalog
from pkgwidgets.demo.wheel_builder import BuiltWheel

SEEDSHELF, RAINTABLE, ALLOTBOARD, BEDPLANNER = map(
    canonicalize_name, ("seedshelf", "raintable", "allotboard", "bedplanner")
)
NAMES = tuple(canonicalize_name(pin.partition("==")[0]) for pin in catalog.INSTALLED)
PINS = tuple(
    f"{canonicalize_name(n)}=={v}" for n, _, v in (p.partition("==") for p in catalog.INSTALLED)
)


def staged(kit: Kit, plan: Plan) -> Path:
    folder = kit.backend.journal.start(plan).id
    stage = kit.backend.journal.folder(folder) / "stage"
    kit.backend.installer.stage(plan, stage, no_report)
    return stage


def versions(kit: Kit) -> dict[str, str]:
    distributions = kit.backend.environment.distributions()
    return {
        name: str(d.version) for name, d in distributions.items() if isinstance(d, Distribution)
    }


def with_hashes(kit: Kit, name: str, before: str | None, after: str, **more: bool) -> Change:
    normalized_name = canonicalize_name(name)
    answer = kit.backend.index.releases_of(IndexQuery([normalized_name]))[normalized_name]
    assert not isinstance(answer, PkgwidgetsError)
    (wheel,) = next(r.wheels for r in answer if r.version == Version(after))
    assert wheel.sha256 is not None
    return change_of(name, before, after, hashes=(wheel.sha256,), **more)


# --- resolving


def test_resolution_without_changes_is_empty(kit: Kit) -> None:
    before = kit.tree()
    assert kit.backend.installer.resolve(ResolveRequest(requirements=NAMES)) == {}
    assert kit.backend.installer.resolve(ResolveRequest(requirements=PINS, keep=PINS)) == {}
    assert kit.tree() == before


def test_named_package_resolves_to_its_compatible_version(kit: Kit) -> None:
    before = kit.tree()
    resolved = kit.backend.installer.resolve(
        ResolveRequest(requirements=(*NAMES, "raintable>=2.1"), keep=("allotboard==1.40.0",))
    )
    assert resolved == {RAINTABLE: Version("2.4.0")}
    resolved = kit.backend.installer.resolve(
        ResolveRequest(requirements=NAMES, upgrade=(SEEDSHELF,))
    )
    assert resolved == {SEEDSHELF: Version("1.4.2")}
    assert kit.tree() == before


def test_blocking_package_is_upgraded_if_it_may_change(kit: Kit) -> None:
    resolved = kit.backend.installer.resolve(
        ResolveRequest(requirements=(*NAMES, "raintable==3.1.0"))
    )
    assert resolved == {RAINTABLE: Version("3.1.0"), ALLOTBOARD: Version("1.67.0")}


def test_new_dependency_is_part_of_the_resolution(kit: Kit) -> None:
    kit.publish(BuiltWheel(name="pea", version="1.0", requires=("pod>=1",)))
    kit.publish(BuiltWheel(name="pod", version="1.5"))
    resolved = kit.backend.installer.resolve(ResolveRequest(requirements=(*NAMES, "pea")))
    assert resolved == {"pea": Version("1.0"), "pod": Version("1.5")}


KEPT = ("allotboard==1.40.0",)


@pytest.mark.parametrize(
    ("question", "blockers"),
    [
        (ResolveRequest(requirements=(*NAMES, "raintable==3.1.0"), keep=KEPT), ("allotboard",)),
        (ResolveRequest(requirements=(*NAMES, "seedshelf==9"), keep=KEPT), ()),
        (ResolveRequest(requirements=("nothing-of-that-name",)), ()),
        (ResolveRequest(requirements=(*NAMES, "coldframe>=2"), keep=KEPT), ()),
        (ResolveRequest(requirements=("seedshelf<1.4", "seedshelf>1.4")), ()),
    ],
    ids=["kept", "no such version", "no such project", "another Python", "contradiction"],
)
def test_impossible_resolution_is_explained(
    kit: Kit, question: ResolveRequest, blockers: tuple[str, ...]
) -> None:
    before = kit.tree()
    with pytest.raises(PlanImpossible) as caught:
        kit.backend.installer.resolve(question)
    assert caught.value.explanation
    assert caught.value.blockers == blockers
    assert caught.value.requirements == question.requirements
    assert kit.tree() == before


def test_dependencies_of_a_requirement_are_listed(kit: Kit) -> None:
    installer = kit.backend.installer
    assert installer.dependencies("bedplanner>=2.3", configured=NO_LIMITS) == {
        "beanpoles",
        "sundrift",
    }
    assert installer.dependencies("raintable", configured=NO_LIMITS) == frozenset()
    with pytest.raises(PlanImpossible):
        installer.dependencies("bedplanner>=9", configured=NO_LIMITS)


def test_unavailable_index_is_not_an_impossible_plan(kit: Kit) -> None:
    kit.publish(BuiltWheel(name="unseen", version="1.0"))
    kit.go_down()
    with pytest.raises((IndexUnavailable, ResolutionFailed)):
        kit.backend.installer.resolve(ResolveRequest(requirements=("unseen==1.0",)))
    with pytest.raises((IndexUnavailable, ResolutionFailed)):
        kit.backend.installer.dependencies("unseen==1.0", configured=NO_LIMITS)


# --- staging and installing


def test_staging_leaves_the_environment_unchanged(kit: Kit) -> None:
    before = kit.tree()
    plan = plan_of(with_hashes(kit, "bedplanner", "2.1.0", "2.3.0"))
    stage = staged(kit, plan)
    assert kit.tree() == before
    assert kit.backend.records.modules([BEDPLANNER], stage) == {BEDPLANNER: ("bedplanner",)}


def test_staged_plan_is_installed_without_the_network(kit: Kit) -> None:
    plan = plan_of(
        with_hashes(kit, "bedplanner", "2.1.0", "2.3.0"),
        with_hashes(kit, "sundrift", "1.0.4", "1.2.0", requested_after=False),
        change_of("frostcall", "1.9.3", None),
    )
    expected = versions(kit) | {"bedplanner": "2.3.0", "sundrift": "1.2.0"}
    del expected["frostcall"]
    staged(kit, plan)
    kit.go_down()
    kit.backend.installer.install(plan, no_report)
    assert versions(kit) == expected
    assert kit.backend.records.damage(plan) == ()


def test_plan_that_was_not_staged_is_not_installed(kit: Kit) -> None:
    kit.publish(BuiltWheel(name="seedshelf", version="1.9", files={"seedshelf.py": ""}))
    before = kit.tree()
    with pytest.raises(InstallFailed):
        kit.backend.installer.install(plan_of(change_of("seedshelf", "1.4.1", "1.9")), no_report)
    assert kit.tree() == before


def test_staging_refuses_a_wrong_hash(kit: Kit) -> None:
    before = kit.tree()
    plan = plan_of(change_of("seedshelf", "1.4.1", "1.4.2", hashes=("0" * 64,)))
    with pytest.raises(InstallFailed, match="Hash mismatch"):
        staged(kit, plan)
    assert kit.tree() == before


def test_upgraded_dependency_is_not_marked_requested(kit: Kit) -> None:
    plan = plan_of(
        with_hashes(kit, "sundrift", "1.0.4", "1.2.0", requested_after=False),
        with_hashes(kit, "seedshelf", "1.4.1", "1.4.2"),
    )
    staged(kit, plan)
    kit.backend.installer.install(plan, no_report)
    distributions = kit.backend.environment.distributions().values()
    marked = {d.id for d in distributions if isinstance(d, Distribution) and d.requested}
    assert marked == set(NAMES) - catalog.DEPENDENCIES


def test_staging_and_installing_report_progress(kit: Kit) -> None:
    plan = plan_of(with_hashes(kit, "seedshelf", "1.4.1", "1.4.2"))
    stage = kit.backend.journal.folder(kit.backend.journal.start(plan).id) / "stage"
    events: list[Event] = []
    kit.backend.installer.stage(plan, stage, events.append)
    kit.backend.installer.install(plan, events.append)
    assert list(dict.fromkeys(event.stage for event in events)) == [
        Stage.FETCHING,
        Stage.INSTALLING,
    ]


def test_exception_from_the_reporter_stops_staging(kit: Kit) -> None:
    def cancel(event: Event) -> None:
        raise Cancelled("")

    plan = plan_of(with_hashes(kit, "seedshelf", "1.4.1", "1.4.2"))
    before = kit.tree()
    stage = kit.backend.journal.folder(kit.backend.journal.start(plan).id) / "stage"
    with pytest.raises(Cancelled):
        kit.backend.installer.stage(plan, stage, cancel)
    assert kit.tree() == before


# --- faults of the fake


def test_fake_installer_can_fail_lie_and_be_interrupted() -> None:
    plan = plan_of(
        change_of("seedshelf", "1.4.1", "1.4.2"), change_of("frostcall", "1.9.3", "2.0.0")
    )
    for knob, error in (("fails_before", InstallFailed), ("interrupted_before", KeyboardInterrupt)):
        kit = FakeKit()
        staged(kit, plan)
        setattr(kit.installer, knob, 1)
        with pytest.raises(error):
            kit.installer.install(plan, no_report)
        assert (versions(kit)["seedshelf"], versions(kit)["frostcall"]) == ("1.4.2", "1.9.3")
    kit = FakeKit()
    staged(kit, plan)
    kit.installer.lies = True
    kit.installer.install(plan, no_report)
    assert versions(kit)["frostcall"] == "1.9.3"


# --- uv


def test_staged_files_have_the_layout_of_the_prefix(
    garden: Demo, backend: Backend, tmp_path: Path
) -> None:
    stage = tmp_path / "stage"
    plan = plan_of(change_of("seedshelf", "1.4.1", "1.4.2"))
    backend.installer.stage(plan, stage, no_report)
    site = garden.site_packages.relative_to(garden.folder / "env")
    for name in (f"{site}/seedshelf.py", "bin/seedshelf", "share/man/man1/seedshelf.1"):
        assert (stage / name).is_file()
    prefix = garden.folder / "env"
    touched = backend.records.touched_paths(plan, stage)
    assert {
        prefix / site / "seedshelf-1.4.2.dist-info/METADATA",
        prefix / "bin/seedshelf",
    } <= touched


def test_plan_without_installs_stages_nothing(backend: Backend, tmp_path: Path) -> None:
    backend.installer.stage(
        plan_of(change_of("seedshelf", "1.4.1", None)), tmp_path / "s", no_report
    )
    assert not (tmp_path / "s").exists()


def test_every_row_of_record_matches_its_file(service: PackageService, garden: Demo) -> None:
    service.apply(service.plan_upgrade("bedplanner"))
    for info in garden.site_packages.glob("*.dist-info"):
        with (info / "RECORD").open(newline="") as file:
            rows = {path: (digest, size) for path, digest, size in csv.reader(file)}
        for path, (digest, size) in rows.items():
            content = (garden.site_packages / path).read_bytes()
            if not path.endswith("RECORD"):
                hashed = urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
                assert (digest, size) == (f"sha256={hashed}", str(len(content)))
        assert (f"{info.name}/REQUESTED" in rows) == (info / "REQUESTED").exists()


def test_replaced_wheel_is_refused_and_the_environment_is_unchanged(
    service: PackageService, garden: Demo, tree: Oracle
) -> None:
    other = BuiltWheel(name="seedshelf", version="1.5", files={"seedshelf.py": "evil = 1\n"})
    garden.index.publish(
        MalformedWheel(name="seedshelf", version="1.5", damage=lambda _: other.data)
    )
    before = tree(service.prefix)
    with pytest.raises(InstallFailed, match="Hash mismatch"):
        service.upgrade_package("seedshelf")
    assert tree(service.prefix) == before


def completed(stdout: str, returncode: int = 0) -> process.CompletedProcess:
    return process.CompletedProcess(argv=("uv",), returncode=returncode, stdout=stdout, stderr="")


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"schema": {"version": "1"}, "changes": []}',
        '{"schema": {}, "changes": []}',
        '{"schema": "preview", "changes": []}',
        '{"schema": {"version": "preview"}}',
        '{"schema": {"version": "preview"}, "changes": null}',
        '{"schema": {"version": "preview"}, "changes": [{"name": "a", "action": "installed"}]}',
        '{"schema": {"version": "preview"}, "changes": [{"name": "a", "action": "moved"}]}',
        '{"schema": {"version": "preview"}, "changes": [{"name": "a", "version": "x", '
        '"action": "installed"}]}',
    ],
)
def test_unknown_form_of_uv_output_is_refused(answer: str) -> None:
    with pytest.raises(InstallerUnavailable, match="its output is not that of"):
        uv._parse_changes(completed(answer))


def test_known_form_of_uv_output_is_read() -> None:
    rows = '{"name": "A_b", "version": "1", "action": "uninstalled"}, ' * 2
    changes = uv._parse_changes(
        completed(
            f'{{"schema": {{"version": "preview"}}, "changes": [{rows}'
            '{"name": "a.b", "version": "2", "action": "installed"}, '
            '{"name": "c", "version": "1", "action": "uninstalled"}]}'
        )
    )
    assert changes == {"a-b": Version("2"), "c": None}


def test_uninstall_row_after_an_install_of_the_same_name_is_ignored() -> None:
    changes = uv._parse_changes(
        completed(
            '{"schema": {"version": "preview"}, "changes": ['
            '{"name": "a", "version": "2", "action": "installed"}, '
            '{"name": "a", "version": "1", "action": "uninstalled"}]}'
        )
    )
    assert changes == {"a": Version("2")}


def test_credentials_of_the_index_are_not_in_error_messages(garden: Demo) -> None:
    secret = garden.index_url.replace("//", "//someone:s3cr3t@")
    backend = connect(garden.python, secret)
    assert backend.installer.resolve(ResolveRequest(requirements=NAMES, upgrade=(SEEDSHELF,)))
    errors: list[PkgwidgetsError] = []
    plan = plan_of(change_of("seedshelf", "1.4.1", "1.4.2", hashes=("0" * 64,)))
    with pytest.raises(InstallFailed) as failed:
        backend.installer.stage(plan, garden.folder / "stage", no_report)
    errors.append(failed.value)
    garden.index.publish(BuiltWheel(name="unseen", version="1.0"))
    garden.index.down = True
    with pytest.raises(IndexUnavailable) as unavailable:
        backend.installer.resolve(ResolveRequest(requirements=("unseen",)))
    errors.append(unavailable.value)
    for error in errors:
        assert "s3cr3t" not in f"{error} {error!r} {error.facts}"


def test_variables_that_would_redirect_uv_are_not_passed_on(
    service: PackageService, garden: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("UV_TARGET", "UV_PREFIX", "PIP_TARGET", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    monkeypatch.setenv("UV_SYSTEM_PYTHON", "1")
    plan = service.plan_upgrade(["seedshelf", "moonsower"])
    assert [str(change) for change in plan.changes] == ["seedshelf 1.4.1 → 1.4.2"]
    service.apply(plan)
    assert service.get_package("seedshelf").version == "1.4.2"
    assert not (tmp_path / "elsewhere").exists()
