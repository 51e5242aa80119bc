"""Environments of every kind: changeable ones are changed, others are refused with a reason."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import Oracle

from pkgwidgets.backends.environment.installed_environment import InstalledEnvironment
from pkgwidgets.backends.environment.record_files import RecordFiles
from pkgwidgets.backends.store import fail_points
from pkgwidgets.core.environment import Distribution, Interpreter
from pkgwidgets.core.errors import EnvironmentRefused
from pkgwidgets.core.hints import Hint
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.demo.wheel_installer import WheelInstallation
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_uninstall, plan_upgrade


def pea_wheel(
    version: str, files: dict[str, str | bytes] | None = None, **more: object
) -> BuiltWheel:
    contents = {"pea.py": f"x = {version!r}\n"} if files is None else files
    return BuiltWheel(name="pea", version=version, files=contents, **more)  # type: ignore[arg-type]


class Site:
    """The garden's environment, with methods that modify it."""

    def __init__(self, garden: Demo, backend: Backend) -> None:
        self.garden = garden
        self.backend = backend
        self.path = garden.site_packages
        self.prefix = garden.folder / "env"

    def install_directly(self, *wheels: BuiltWheel) -> None:
        """Install wheels without a plan or a transaction."""
        for wheel in wheels:
            scheme = self.backend.environment.interpreter.scheme
            WheelInstallation(
                wheel=wheel, python=self.garden.python, scheme=scheme, requested=True
            ).run()

    def info(self, name: str) -> Path:
        (folder,) = self.path.glob(f"{name}-*.dist-info")
        return folder

    def claim(self, row: str, name: str = "seedshelf") -> None:
        """Add a row to a RECORD."""
        with (self.info(name) / "RECORD").open("a") as file:
            file.write(f"{row}\n")

    def set_direct_url(self, facts: object, name: str = "seedshelf") -> None:
        (self.info(name) / "direct_url.json").write_text(json.dumps(facts))

    def set_interpreter_facts(self, **facts: object) -> None:
        """Replace facts of the interpreter."""
        interpreter: Interpreter = replace(self.backend.environment.interpreter, **facts)  # type: ignore[arg-type]
        self.backend = replace(self.backend, environment=InstalledEnvironment(interpreter))


@pytest.fixture
def site(garden: Demo, backend: Backend) -> Site:
    return Site(garden, backend)


# --- refused


def conda(site: Site) -> None:
    (site.prefix / "conda-meta").mkdir()
    listed = {"files": ["lib/python/site-packages/seedshelf-1.4.1.dist-info/METADATA"]}
    (site.prefix / "conda-meta" / "seedshelf-1.json").write_text(json.dumps(listed))


def frozen_conda(site: Site) -> None:
    (site.prefix / "conda-meta").mkdir()
    (site.prefix / "conda-meta" / "frozen").touch()


def system_with_a_marker(site: Site) -> None:
    site.set_interpreter_facts(externally_managed="[externally-managed]")


def user_site(site: Site) -> None:
    """Add a package from `pip install --user`: importable, but outside the environment."""
    elsewhere(site, "home/.local/lib/python3/site-packages")


def system_site(site: Site) -> None:
    elsewhere(site, "usr/lib/python3/dist-packages")


def elsewhere(site: Site, folder: str) -> None:
    other_site = site.garden.folder / folder
    info = other_site / "seedshelf-1.4.1.dist-info"
    other_site.mkdir(parents=True)
    site.info("seedshelf").rename(info)
    site.set_interpreter_facts(search=(*site.backend.environment.interpreter.search, other_site))


def two_dist_infos(site: Site) -> None:
    """Add a second whole one: it has a RECORD, so it is not a leftover."""
    info = site.path / "seedshelf-1.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: seedshelf\nVersion: 1.3\n")
    (info / "RECORD").write_text("seedshelf.py,,\n")


def linked_package(site: Site) -> None:
    site.install_directly(pea_wheel("1.0", {"pea/__init__.py": ""}))
    (site.path / "pea").rename(site.garden.folder / "source")
    (site.path / "pea").symlink_to(site.garden.folder / "source")


def package_linked_inside(site: Site) -> None:
    site.install_directly(pea_wheel("1.0", {"pea/__init__.py": ""}))
    (site.path / "pea").rename(site.path / "real_pea")
    (site.path / "pea").symlink_to("real_pea")


def egg_info(site: Site) -> None:
    legacy = site.path / "pea.egg-info"
    legacy.mkdir()
    (legacy / "PKG-INFO").write_text("Name: pea\nVersion: 1.0\n")


def legacy_file(site: Site) -> None:
    (site.path / "pea-1.0.egg-info").write_text("Name: pea\nVersion: 1.0\n")


REFUSED: dict[str, tuple[Callable[[Site], object], str, str]] = {
    "conda": (conda, "seedshelf", "seedshelf cannot be changed: it belongs to conda"),
    "conda, frozen": (frozen_conda, "seedshelf", "env was frozen by its owner"),
    "system and marker": (
        system_with_a_marker,
        "seedshelf",
        "is managed by the operating system (PEP 668); use a virtual environment",
    ),
    "user site": (
        user_site,
        "seedshelf",
        "seedshelf cannot be changed: it is outside of this environment, in ",
    ),
    "system site": (
        system_site,
        "seedshelf",
        "seedshelf cannot be changed: it is outside of this environment, in ",
    ),
    "editable": (
        lambda site: site.set_direct_url({"url": "file:///src", "dir_info": {"editable": True}}),
        "seedshelf",
        "seedshelf cannot be changed: it is editable, so change it in its source folder",
    ),
    "repository": (
        lambda site: site.set_direct_url({"url": "https://h/r", "vcs_info": {"vcs": "git"}}),
        "seedshelf",
        "seedshelf cannot be changed: it was installed from a repository",
    ),
    "local wheel": (
        lambda site: site.set_direct_url({"url": "file:///x.whl", "archive_info": {}}),
        "seedshelf",
        "seedshelf cannot be changed: it was installed from a URL",
    ),
    "RECORD missing": (
        lambda site: (site.info("seedshelf") / "RECORD").unlink(),
        "seedshelf",
        "seedshelf-1.4.1.dist-info has no RECORD, so its files are unknown",
    ),
    "RECORD goes up": (
        lambda site: site.claim("../../../../../etc/passwd,,"),
        "seedshelf",
        "RECORD of seedshelf-1.4.1.dist-info lists '../../../../../etc/passwd'",
    ),
    "RECORD is absolute": (
        lambda site: site.claim("/etc/passwd,,"),
        "seedshelf",
        "RECORD of seedshelf-1.4.1.dist-info lists '/etc/passwd'",
    ),
    "RECORD names the root": (
        lambda site: site.claim("./,,"),
        "seedshelf",
        "RECORD of seedshelf-1.4.1.dist-info lists './'",
    ),
    "two dist-infos": (
        two_dist_infos,
        "seedshelf",
        "seedshelf cannot be changed: unreadable metadata (installed twice: "
        "seedshelf-1.3.dist-info and seedshelf-1.4.1.dist-info)",
    ),
    "package linked": (linked_package, "pea", "RECORD of pea-1.0.dist-info lists 'pea/__init"),
    "package linked inside": (package_linked_inside, "pea", "RECORD of pea-1.0.dist-info lists"),
    "egg-info": (egg_info, "pea", "pea cannot be changed: it is an egg-info without a RECORD"),
    "egg-info, a file": (
        legacy_file,
        "pea",
        "pea cannot be changed: it is an egg-info without a RECORD",
    ),
}
"""How the environment is modified, the package to upgrade, and the reason."""
WHOLE = ("conda, frozen", "system and marker")
"""Where no package of the environment may be changed."""


@pytest.mark.parametrize("call", [plan_upgrade, plan_uninstall], ids=["upgrade", "removal"])
@pytest.mark.parametrize(("make", "name", "reason"), REFUSED.values(), ids=REFUSED)
def test_unchangeable_package_is_refused_while_planning(
    site: Site,
    tree: Oracle,
    make: Callable[[Site], object],
    name: str,
    reason: str,
    call: Callable[[Backend, str], Plan],
) -> None:
    site.garden.index.publish(pea_wheel("2.0"))
    make(site)
    before, requests = tree(site.prefix), len(site.garden.index.requests)
    with pytest.raises(EnvironmentRefused) as caught:
        call(site.backend, name)
    assert reason in caught.value.reason
    is_whole = any(make is REFUSED[name][0] for name in WHOLE)
    other = Hint.OTHER_KERNEL if caught.value.kernel else Hint.OWN_ENVIRONMENT
    assert caught.value.advice is (other if is_whole else Hint.UNCHANGED)
    assert "\n" not in str(caught.value)
    assert (tree(site.prefix), len(site.garden.index.requests)) == (before, requests)


ALWAYS_REFUSED = [name for name in REFUSED if name not in WHOLE]
"""Distributions that are refused even if all others may change."""


@pytest.mark.parametrize("fixture", ALWAYS_REFUSED)
def test_unchangeable_package_does_not_block_other_upgrades(site: Site, fixture: str) -> None:
    make, name, _ = REFUSED[fixture]
    site.garden.index.publish(pea_wheel("2.0"))
    make(site)
    plan = plan_upgrade(site.backend)
    assert {"frostcall", "raintable"} <= {change.id for change in plan.changes}
    assert name not in {change.id for change in plan.changes}
    listed = site.backend.environment.distributions().values()
    readable = name in {entry.id for entry in listed if isinstance(entry, Distribution)}
    assert (name in {kept.id for kept in plan.held_back}) == readable
    done = apply.apply_plan(site.backend, plan_upgrade(site.backend, "frostcall"))
    assert done.outcome is Outcome.COMMITTED


def test_two_packages_that_own_one_file_are_changed_together(site: Site, tree: Oracle) -> None:
    site.claim("raintable.py,,")
    before = tree(site.prefix)
    done = apply.apply_plan(site.backend, plan_upgrade(site.backend, ["seedshelf", "raintable"]))
    assert site.backend.records.damage(done.plan) == ()
    apply.apply_plan(site.backend, plan_undo(site.backend))
    assert tree(site.prefix) == before


def test_unchangeable_dependency_holds_the_package_back(site: Site) -> None:
    (site.info("sundrift") / "RECORD").unlink()
    plan = plan_upgrade(site.backend, "bedplanner")
    assert not plan
    reasons = {str(kept.id): kept.reason for kept in plan.held_back}
    assert set(reasons) == {"bedplanner", "sundrift"}
    assert "has no RECORD" in reasons["sundrift"]
    with pytest.raises(EnvironmentRefused, match=r"sundrift would have to change, but cannot: "):
        plan_upgrade(site.backend, "bedplanner", version="2.3.0")
    site.garden.index.publish(pea_wheel("1.0", requires=("sundrift>=1.1",)))
    with pytest.raises(EnvironmentRefused, match=r"sundrift would have to change, but cannot: "):
        plan_install(site.backend, "pea")


def test_unreadable_package_is_not_installed_over(site: Site) -> None:
    two_dist_infos(site)
    site.garden.index.publish(pea_wheel("1.0", requires=("seedshelf>=1.4.2",)))
    with pytest.raises(
        EnvironmentRefused, match="seedshelf cannot be changed: unreadable metadata"
    ):
        plan_install(site.backend, "pea")


@pytest.mark.parametrize("text", ["garbage", "[1]", "null", '{"url": "http://["}', "\\ud800"])
def test_unreadable_direct_url_refuses_every_plan_and_is_named(site: Site, text: str) -> None:
    (site.info("frostcall") / "direct_url.json").write_text(text)
    unreadable = r"frostcall-1\.9\.3\.dist-info/direct_url\.json cannot be read: .*Fix this file"
    for call in (plan_upgrade, plan_uninstall, plan_install):
        with pytest.raises(EnvironmentRefused, match=unreadable):
            call(site.backend, "seedshelf")


def test_hostile_record_row_added_after_an_upgrade_refuses_the_undo(site: Site) -> None:
    apply.apply_plan(site.backend, plan_upgrade(site.backend, "seedshelf"))
    site.claim("/etc/passwd,,")
    with pytest.raises(EnvironmentRefused, match="lists '/etc/passwd'"):
        plan_undo(site.backend)


# --- no place for it


def test_plan_for_a_read_only_environment_cannot_be_applied(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root ignores a folder's mode, so the probe's own call fails here."""

    def refuse(name: str, path: str | Path) -> None:
        if Path(path).is_relative_to(site.path):
            raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(fail_points, "watch", refuse)
    plan = plan_upgrade(site.backend, "seedshelf")
    assert "read-only file system" in str(plan.notes)
    with pytest.raises(EnvironmentRefused, match="cannot be written to: read-only file system"):
        apply.apply_plan(site.backend, plan)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EBADF, errno.EOPNOTSUPP])
def test_file_system_without_locks_is_refused(
    site: Site, tree: Oracle, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    plan, before = plan_upgrade(site.backend, "seedshelf"), tree(site.prefix)
    monkeypatch.setattr(fcntl, "flock", flock)
    for call in (lambda: plan_upgrade(site.backend, "seedshelf"),
                 lambda: apply.apply_plan(site.backend, plan)):  # fmt: skip
        with pytest.raises(EnvironmentRefused, match="is on a file system without locks"):
            call()
    assert tree(site.prefix) == before


# --- allowed


def data_files(site: Site) -> None:
    data = "{name}-{version}.data/data/share/pea/"
    site.install_directly(
        pea_wheel("1.0", {"pea.py": "", f"{data}one.txt": "1", f"{data}two.txt": "2"})
    )
    site.garden.index.publish(pea_wheel("2.0", {"pea.py": "", f"{data}one.txt": "11"}))


def namespace(site: Site) -> None:
    for name in ("pea", "pod"):
        files: dict[str, str | bytes] = {f"bed/{name}/__init__.py": "x = 1\n"}
        site.install_directly(BuiltWheel(name=name, version="1.0", files=files))
    site.garden.index.publish(pea_wheel("2.0", {"bed/pea/__init__.py": "import bed.pod\n"}))


def identical_shared_file(site: Site) -> None:
    """Both own the same file, as in old namespace packages; the new version still has it."""
    alike: dict[str, str | bytes] = {"bed/__init__.py": "__path__ = __path__\n"}
    site.install_directly(pea_wheel("1.0", {**alike, "bed/pea.py": "x = 1\n"}))
    (site.path / "bed" / "__init__.py").unlink()
    pod: dict[str, str | bytes] = {**alike, "bed/pod.py": "import bed.pea\n"}
    site.install_directly(BuiltWheel(name="pod", version="1.0", files=pod))
    site.garden.index.publish(pea_wheel("2.0", {**alike, "bed/pea.py": "import bed.pod\n"}))


def path_file(site: Site) -> None:
    site.install_directly(
        pea_wheel("1.0", {"pea.pth": "more_peas\n", "more_peas/pea.py": "x = 1\n"})
    )
    site.garden.index.publish(
        pea_wheel("2.0", {"pea.pth": "most_peas\n", "most_peas/pea.py": "x = 2\n"})
    )


def leftover(site: Site) -> None:
    """Leftovers of an interrupted pip belong to no distribution and are not deleted."""
    (site.path / "~eedshelf").mkdir()
    (site.path / "~eedshelf-1.3.dist-info").mkdir()
    plain(site)


def plain(site: Site) -> None:
    site.install_directly(pea_wheel("1.0"))
    site.garden.index.publish(pea_wheel("2.0"))


ALLOWED = {
    "virtual environment": plain,
    "leftover of an interrupted pip": leftover,
    "namespace": namespace,
    "shared alike": identical_shared_file,
    "path file": path_file,
    "data files": data_files,
}


@pytest.mark.parametrize("make", ALLOWED.values(), ids=ALLOWED)
def test_changeable_environment_is_upgraded_and_undone(
    site: Site, tree: Oracle, make: Callable[[Site], None]
) -> None:
    make(site)
    before = tree(site.prefix)
    done = apply.apply_plan(site.backend, plan_upgrade(site.backend, "pea"))
    assert [str(change) for change in done.changes] == ["pea 1.0 → 2.0"]
    after = tree(site.prefix)
    leftovers = {row[0] for row in before if "~" in row[0]}
    assert leftovers == {row[0] for row in after if "~" in row[0]}
    apply.apply_plan(site.backend, plan_undo(site.backend))
    assert tree(site.prefix) == before


def test_overlay_file_system_without_links_is_supported(
    site: Site, tree: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container: folders of a lower layer cannot be renamed, files not linked."""
    plain(site)
    rename = os.rename

    def across(source: object, target: object, **more: object) -> None:
        if Path(os.fspath(source)).is_dir():  # type: ignore[call-overload]
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        rename(source, target, **more)  # type: ignore[arg-type]

    def refuse(*args: object, **more: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    for name, function in (("rename", across), ("replace", across), ("link", refuse)):
        monkeypatch.setattr(os, name, function)
    before = tree(site.prefix)
    apply.apply_plan(site.backend, plan_upgrade(site.backend, "pea"))
    apply.apply_plan(site.backend, plan_undo(site.backend))
    assert tree(site.prefix) == before


def test_names_that_differ_only_in_case_are_refused_if_case_is_folded(
    site: Site, tree: Oracle
) -> None:
    plain(site)
    names_by_case: dict[str, str | bytes] = {"pea.py": "", "Pod.txt": "1", "pod.txt": "2"}
    site.garden.index.publish(pea_wheel("3.0", names_by_case))
    before = tree(site.prefix)
    records = RecordFiles(site.backend.environment, folds_case=lambda prefix: True)
    backend = replace(site.backend, records=records)
    one = r"pea contains 'Pod\.txt' and 'pod\.txt', which are the same file on this disk"
    with pytest.raises(EnvironmentRefused, match=one):
        apply.apply_plan(backend, plan_upgrade(backend, "pea", version="3.0"))
    assert tree(site.prefix) == before
    done = apply.apply_plan(backend, plan_upgrade(backend, "pea", version="2.0"))
    assert done.outcome is Outcome.COMMITTED
