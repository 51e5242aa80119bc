"""The user's limits hold: no plan takes and no row promises what uv's or pip's settings forbid."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pkgwidgets import PackageService
from pkgwidgets.backends.config.version_limits import configured_limits
from pkgwidgets.backends.installer import uv
from pkgwidgets.connect import connect
from pkgwidgets.core.errors import PlanImpossible, ResolutionFailed
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import inventory

_EARLY = datetime(2026, 1, 1, tzinfo=UTC)
_LATE = datetime(2026, 6, 1, tzinfo=UTC)


def release(name: str, version: str, *requires: str, uploaded: datetime = _EARLY) -> BuiltWheel:
    return BuiltWheel(
        name=name,
        version=version,
        requires=requires,
        files={f"{name}.py": "x = 1\n"},
        uploaded=uploaded,
    )


RELEASES = (
    release("pea", "1.0"), release("pea", "1.5"), release("pea", "2.0"),
    release("pea", "2.1", uploaded=_LATE), release("pea", "3.0rc1"),
    release("pod", "1.0", "pea>=1"), release("pod", "2.0", "pea>=2"),
    release("bean", "1.0", "pea<1.2", "pod; extra == 'more'"),
    release("leek", "1.0", "bean[more]"),
    release("rue", "1.0"), release("rue", "1.5", "pea<1"),
)  # fmt: skip


@dataclass
class Project:
    """A folder with an environment of its own, an index, and what uv and pip read in it."""

    folder: Path
    index: DemoIndex
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def python(self) -> Path:
        return self.folder / "env/bin/python"

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def install(self, *pins: str) -> None:
        uv_pip("install", "--no-config", "--default-index", self.index.url, "--no-deps",
               "--python", str(self.python), *pins)  # fmt: skip

    def plan(self, *names: str, version: str | None = None) -> Plan:
        service = PackageService(self.python)
        return service.plan_upgrade(names or None, version, allow="all")

    def row(self, name: str) -> PackageInfo:
        infos = inventory.check_for_updates(connect(self.python))
        return next(info for info in infos if info.id == name)

    def uv_changes(self, *names: str) -> dict[str, str]:
        """Return what uv would install in this folder, with everything installed named."""
        installed = json.loads(
            uv_pip("list", "--python", str(self.python), "--format", "json", "--no-config")
        )
        argv = [word for name in names for word in ("--upgrade-package", name)]
        answer = json.loads(
            uv_pip("install", "--dry-run", "--only-binary", ":all:", "--python", str(self.python),
                   "--output-format", "json", *argv, *(row["name"] for row in installed))
        )  # fmt: skip
        return {
            row["name"]: row["version"] for row in answer["changes"] if row["action"] == "installed"
        }


def uv_pip(*arguments: str) -> str:
    done = subprocess.run(
        [uv.find_uv(), "pip", *arguments], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def versions(plan: Plan) -> dict[str, str]:
    return {change.id: str(change.after) for change in plan.changes}


@pytest.fixture(scope="module")
def index() -> Iterator[DemoIndex]:
    with DemoIndex(RELEASES) as running:
        yield running


@pytest.fixture
def project(
    tmp_path: Path, index: DemoIndex, monkeypatch: pytest.MonkeyPatch, empty_index_cache: None
) -> Project:
    monkeypatch.delenv("UV_NO_CONFIG")
    for name, place in (("HOME", ""), ("XDG_CONFIG_HOME", "own"), ("XDG_CONFIG_DIRS", "shared")):
        monkeypatch.setenv(name, str(tmp_path / "home" / place))
    folder = tmp_path / "project"
    folder.mkdir()
    subprocess.run(
        [uv.find_uv(), "venv", "-q", "--no-config", "--python", sys.executable, folder / "env"],
        check=True,
    )
    monkeypatch.chdir(folder)
    made = Project(folder, index)
    made.install("pea==1.0", "pod==1.0")
    return made


@pytest.fixture
def uv_index(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("UV_DEFAULT_INDEX", project.index.url)
    return project


# --- what uv reads: each place and setting, compared with uv in the same folder

PYPROJECT = '[project]\nname = "p"\nversion = "1"\n[tool.uv]\n'
CONSTRAINT = 'constraint-dependencies = ["pea<2"]\n'
PLACES: Mapping[str, tuple[Mapping[str, str], Mapping[str, str], str]] = {
    "pyproject": (
        {"pyproject.toml": PYPROJECT + CONSTRAINT}, {}, "constraint-dependencies in pyproject.toml"
    ),
    "uv.toml": ({"uv.toml": CONSTRAINT}, {}, "constraint-dependencies in uv.toml"),
    "parent": ({"../uv.toml": CONSTRAINT}, {}, "constraint-dependencies in uv.toml"),
    "user": ({"../home/own/uv/uv.toml": CONSTRAINT}, {}, "/own/uv/uv.toml"),
    "system": ({"../home/shared/uv/uv.toml": CONSTRAINT}, {}, "/shared/uv/uv.toml"),
    "variable": ({"c.txt": "pea<2\n"}, {"UV_CONSTRAINT": "c.txt"}, "UV_CONSTRAINT=c.txt"),
    "nested file": (
        {"c.txt": "# see\n-c deep/d.txt\n", "deep/d.txt": "pea<2 \\\n  # why\n"},
        {"UV_CONSTRAINT": "c.txt"}, "UV_CONSTRAINT=c.txt",
    ),
    "config file": (
        {"other.toml": CONSTRAINT, "uv.toml": ""}, {"UV_CONFIG_FILE": "other.toml"}, "other.toml"
    ),
    "all files": (
        {"uv.toml": CONSTRAINT, "../home/own/uv/uv.toml": 'constraint-dependencies = ["pod<2"]'},
        {}, "constraint-dependencies in uv.toml",
    ),
    "member": (
        {
            "../pyproject.toml": PYPROJECT + CONSTRAINT + '[tool.uv.workspace]\nmembers = ["pro*"]',
            "pyproject.toml": '[project]\nname = "m"\nversion = "1"\n'
            '[tool.uv]\nconstraint-dependencies = ["pea<1.2"]',
        },
        {}, "constraint-dependencies in pyproject.toml",
    ),
    "below a project": (
        {"../pyproject.toml": PYPROJECT + CONSTRAINT, "uv.toml": 'constraint-dependencies = []'},
        {}, "constraint-dependencies in pyproject.toml",
    ),
    "project variable": (
        {"other/pyproject.toml": PYPROJECT + CONSTRAINT},
        {"UV_PROJECT": "other"}, "constraint-dependencies in ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_constraint_holds_wherever_uv_reads_it(
    uv_index: Project, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    files, variables, setting = PLACES[place]
    for path, text in files.items():
        uv_index.write(path, text)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    plan = uv_index.plan("pea")
    assert versions(plan) == uv_index.uv_changes("pea") == {"pea": "1.5"}
    (held,) = plan.held_back
    assert setting in held.reason
    assert held.reason.endswith("(pea<2)")
    row = uv_index.row("pea")
    assert (row.latest_version, row.compatible_version) == ("2.1", "1.5")
    assert setting in row.blocked_by
    assert "(pea<2)" in row.blocked_by


def test_no_config_switches_the_files_off(
    uv_index: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv_index.write("uv.toml", CONSTRAINT)
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    assert versions(uv_index.plan("pea")) == uv_index.uv_changes("pea") == {"pea": "2.1"}


SETTINGS: Mapping[str, tuple[str, dict[str, str]]] = {
    "a marker that does not apply": (
        'constraint-dependencies = ["pea<2; python_version<\'3\'"]', {"pea": "2.1", "pod": "2.0"}
    ),
    "override": ('override-dependencies = ["pea==1.5"]', {"pea": "1.5", "pod": "2.0"}),
    "exclude": ('exclude-dependencies = ["pea"]', {"pod": "2.0"}),
    "pre-releases": ('prerelease = "allow"', {"pea": "3.0rc1", "pod": "2.0"}),
    "pre-releases of one": (
        'prerelease-package = {pea = "allow"}', {"pea": "3.0rc1", "pod": "2.0"}
    ),
    "pre-release in a constraint": (
        'constraint-dependencies = ["pea>=1.0rc1"]', {"pea": "2.1", "pod": "2.0"}
    ),
    "pip table over the other": (
        'prerelease = "allow"\n[pip]\nprerelease = "disallow"', {"pea": "2.1", "pod": "2.0"}
    ),
    "lowest": ('resolution = "lowest"', {}),
    "lowest-direct": ('resolution = "lowest-direct"', {}),
    "only sources": ('no-binary-package = ["pea"]', {}),
    "only sources of all": ("no-binary = true", {}),
    "only sources, for pip": ('[pip]\nno-binary = ["pea"]', {}),
    "exclude newer": ('exclude-newer = "2026-05-01"', {"pea": "2.0", "pod": "2.0"}),
    "exclude newer of one": (
        'exclude-newer-package = {pea = "2026-05-01"}', {"pea": "2.0", "pod": "2.0"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("setting", SETTINGS)
def test_upgrade_of_everything_is_the_one_of_uv(uv_index: Project, setting: str) -> None:
    text, expected = SETTINGS[setting]
    uv_index.write("uv.toml", text)
    assert versions(uv_index.plan()) == expected
    assert uv_index.uv_changes("pea", "pod") == expected


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (
            'override-dependencies = [{package = {name = "pod", version = "2.0"}, '
            'dependencies = ["pea<2", "bean==1.0"]}]',
            {"pod": "2.0", "bean": "1.0"},
        ),
        (
            '[[dependency-metadata]]\nname = "pod"\nversion = "2.0"\nrequires-dist = ["pea<2"]',
            {"pod": "2.0"},
        ),
    ],
    ids=["scoped override", "declared metadata"],
)
def test_requirements_are_those_of_the_configuration(
    uv_index: Project, setting: str, expected: Mapping[str, str]
) -> None:
    uv_index.write("uv.toml", setting)
    plan = uv_index.plan("pod")
    assert versions(plan) == uv_index.uv_changes("pod") == expected
    service = PackageService(uv_index.python)
    assert service.apply(plan).outcome is Outcome.COMMITTED
    expected_pea = {} if "bean" in expected else {"pea": "1.5"}  # bean needs pea<1.2
    assert versions(service.plan_upgrade("pea", allow="self")) == expected_pea


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_row_promises_more_than_the_settings_allow(uv_index: Project, setting: str) -> None:
    text, expected = SETTINGS[setting]
    uv_index.write("uv.toml", text)
    row = uv_index.row("pea")
    if setting != "exclude":  # uv skips the project itself then
        assert row.compatible_version == expected.get("pea", "1.0")


@pytest.mark.parametrize("mode", ["lowest", "lowest-direct"])
@pytest.mark.parametrize("extra", ["", 'override-dependencies = ["pea>=1"]'])
def test_lowest_resolution_never_moves_down(uv_index: Project, mode: str, extra: str) -> None:
    uv_index.install("pea==1.5")
    uv_index.write("uv.toml", f'resolution = "{mode}"\n{extra}\n')
    plan = uv_index.plan()
    assert versions(plan) == {}
    reasons = {str(held.id): held.reason for held in plan.held_back}
    assert f"resolution = {mode} in uv.toml" in reasons["pea"]
    assert versions(uv_index.plan("pea", version="2.0")) == {"pea": "2.0"}


def test_variables_override_the_modes_of_files(
    uv_index: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv_index.write("uv.toml", 'resolution = "lowest"\nprerelease = "allow"\n')
    monkeypatch.setenv("UV_RESOLUTION", "highest")
    monkeypatch.setenv("UV_PRERELEASE", "disallow")
    assert versions(uv_index.plan("pea")) == uv_index.uv_changes("pea") == {"pea": "2.1"}


# --- what is installed against a limit is kept


@pytest.mark.parametrize(
    "limit", ['constraint-dependencies = ["pea<1.5"]', 'override-dependencies = ["pea<1.5"]']
)
def test_installed_version_against_a_limit_prevents_no_other_plan(
    uv_index: Project, limit: str
) -> None:
    uv_index.install("pea==2.0")
    uv_index.write("uv.toml", limit)
    plan = uv_index.plan()
    assert versions(plan) == {"pod": "2.0"}
    assert "in uv.toml (pea<1.5)" in {str(held.id): held.reason for held in plan.held_back}["pea"]


@pytest.mark.parametrize(("names", "changes"), [((), {"pea": "2.1", "pod": "2.0"}), (("rue",), {})])
def test_version_against_a_limit_is_kept_if_its_upgrade_conflicts(
    uv_index: Project, names: tuple[str, ...], changes: dict[str, str]
) -> None:
    uv_index.install("rue==1.0")
    uv_index.write("uv.toml", 'constraint-dependencies = ["rue!=1.0"]')
    plan = uv_index.plan(*names)
    assert versions(plan) == changes
    assert "pea<1" in {str(held.id): held.reason for held in plan.held_back}["rue"]


def test_version_against_a_constraint_is_refused_by_name(uv_index: Project) -> None:
    uv_index.write("uv.toml", CONSTRAINT)
    with pytest.raises(PlanImpossible, match="pea"):
        uv_index.plan("pea", version="2.0")
    assert versions(uv_index.plan("pea", version="1.5")) == {"pea": "1.5"}


def test_install_obeys_the_constraint_of_a_dependency(uv_index: Project) -> None:
    uv_pip("uninstall", "--python", str(uv_index.python), "pea", "pod")
    uv_index.write("uv.toml", CONSTRAINT)
    plan = PackageService(uv_index.python).plan_install("pod", allow="all")
    assert versions(plan) == {"pea": "1.5", "pod": "1.0"}


def test_extra_of_an_installed_release_needs_no_release_on_the_index(uv_index: Project) -> None:
    uv_index.install("bean==1.0")
    uv_index.write("uv.toml", 'exclude-newer = "2001-01-01T00:00:00Z"')
    plan = PackageService(uv_index.python).plan_install("bean[more]")
    assert versions(plan) == {}
    assert plan.notes == ("bean 1.0 is already installed",)


# --- overrides replace requirements, also in the check afterwards


def test_overridden_requirement_is_no_problem_after_the_upgrade(uv_index: Project) -> None:
    uv_index.install("bean==1.0")
    assert versions(uv_index.plan("pea")) == {}
    uv_index.write("uv.toml", 'override-dependencies = ["pea<2"]')
    plan = uv_index.plan("pea")
    assert versions(plan) == uv_index.uv_changes("pea") == {"pea": "1.5"}
    service = PackageService(uv_index.python)
    service.apply(plan)
    assert service.get_packages().loc["pea", "version"] == "1.5"
    assert service.plan_upgrade("pea").held_back[0].reason.endswith("(pea<2)")


def test_override_of_an_optional_requirement_stays_optional(uv_index: Project) -> None:
    uv_pip("uninstall", "--python", str(uv_index.python), "pod")
    uv_index.install("bean==1.0")
    uv_index.write("uv.toml", 'override-dependencies = ["pod==1.0", "pea<2"]')
    assert versions(uv_index.plan("pea")) == uv_index.uv_changes("pea") == {"pea": "1.5"}


# --- pip's settings, where pip's configuration decides

PIP_PLACES: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "variable": ({"c.txt": "pea<2\n"}, {"PIP_CONSTRAINT": "c.txt"}),
    "user file": (
        {"c.txt": "pea<2\n", "../home/own/pip/pip.conf": "[install]\nconstraint = c.txt\n"}, {}
    ),
    "site file": ({"c.txt": "pea<2\n", "env/pip.conf": "[global]\nconstraint = c.txt\n"}, {}),
    "config file": (
        {"c.txt": "pea<2", "p.conf": "[global]\nconstraint =\n  c.txt\n"},
        {"PIP_CONFIG_FILE": "p.conf"},
    ),
    "two files": (
        {"c.txt": "pea!=2.1\n", "d.txt": "pea!=2.0\n"}, {"PIP_CONSTRAINT": "c.txt d.txt"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("place", PIP_PLACES)
def test_constraint_holds_wherever_pip_reads_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    files, variables = PIP_PLACES[place]
    monkeypatch.setenv("PIP_INDEX_URL", project.index.url)
    for path, text in files.items():
        project.write(path, text)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(project.python), "install", "--upgrade",
         "pea", "--dry-run", "--no-cache-dir", "--disable-pip-version-check"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "Would install pea-1.5" in done.stdout, done.stdout + done.stderr
    plan = project.plan("pea")
    assert versions(plan) == {"pea": "1.5"}
    assert "pip's constraint" in plan.held_back[0].reason
    assert project.row("pea").compatible_version == "1.5"


def test_pre_releases_of_pip_count(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", project.index.url)
    monkeypatch.setenv("PIP_PRE", "1")
    assert versions(project.plan("pea")) == {"pea": "3.0rc1"}
    assert project.row("pea").latest_version == "3.0rc1"


def test_limits_of_pip_do_not_count_where_uv_has_an_index(
    uv_index: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv_index.write("c.txt", "pea<2\n")
    monkeypatch.setenv("PIP_CONSTRAINT", "c.txt")
    assert versions(uv_index.plan("pea")) == uv_index.uv_changes("pea") == {"pea": "2.1"}


# --- what cannot be read


@pytest.mark.parametrize("name", ["UV_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE"])
def test_limit_that_cannot_be_read_refuses_the_plan_but_not_the_list(
    uv_index: Project, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "gone.txt")
    with pytest.raises(ResolutionFailed, match=f"{name}=gone.txt"):
        uv_index.plan("pea")
    assert uv_index.row("pea").latest_version == "2.1"


def test_configuration_of_another_folder_counts_if_it_is_given(
    uv_index: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv_index.write("uv.toml", CONSTRAINT)
    monkeypatch.chdir(tmp_path)
    assert configured_limits(uv_index.folder / "env").constraints == ()
    limits = connect(uv_index.python, folder=uv_index.folder).limits()
    assert [limit.requirement for limit in limits.constraints] == ["pea<2"]


def test_settings_that_redirect_an_installation_are_not_followed(uv_index: Project) -> None:
    uv_index.write("uv.toml", '[pip]\ntarget = "elsewhere"\nno-deps = true\n')
    service = PackageService(uv_index.python)
    plan = service.plan_upgrade("pod", allow="all")
    assert versions(plan) == {"pea": "2.1", "pod": "2.0"}
    service.apply(plan)
    assert not (uv_index.folder / "elsewhere").exists()
