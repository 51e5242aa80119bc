"""Files that several distributions own: the others keep them, and each undo is exact."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fakes import Oracle
from transaction_faults import FailingInstaller

from pkgwidgets.backends.environment import record
from pkgwidgets.core.errors import EnvironmentRefused, InvalidRequest, TransactionError
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.demo.wheel_installer import WheelInstallation
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_uninstall, plan_upgrade
from pkgwidgets.operations.undo import list_refusals

Files = Mapping[str, str]


def wheel(name: str, version: str, files: Files) -> BuiltWheel:
    own = {f"{name}_main.py": f"version = {version!r}\n"}
    return BuiltWheel(name=name, version=version, files={**own, **files})


@dataclass(frozen=True)
class Shed:
    """The garden's environment with distributions that share files."""

    garden: Demo
    backend: Backend
    tree: Callable[[], object]

    def install_directly(self, *wheels: BuiltWheel) -> None:
        """Install wheels as pip does: the later one overwrites the files of the earlier."""
        scheme = self.backend.environment.interpreter.scheme
        for each in wheels:
            for path in each.files:
                data = path.removeprefix("{name}-{version}.data/data/")
                folder = self.garden.site_packages if data == path else scheme["data"]
                (folder / data).unlink(missing_ok=True)
            WheelInstallation(
                wheel=each, python=self.garden.python, scheme=scheme, requested=True
            ).run()

    def publish(self, *wheels: BuiltWheel) -> None:
        self.garden.index.publish(*wheels)

    def apply(self, plan: Plan) -> Transaction:
        return apply.apply_plan(self.backend, plan)

    def path(self, name: str) -> Path:
        return self.garden.site_packages / name

    def missing_files(self) -> list[str]:
        """Return the files that a RECORD names and that do not exist."""
        infos = self.garden.site_packages.glob("*.dist-info")
        rows = [row.path for info in infos for row in record.entries(info)]
        return [path for path in rows if not self.path(path).exists()]

    def run(self, code: str) -> str:
        argv = [str(self.garden.python), "-I", "-c", code]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def shed(garden: Demo, backend: Backend, tree: Oracle) -> Shed:
    return Shed(garden, backend, lambda: tree(garden.folder / "env"))


SHARED: dict[str, tuple[Files, Files]] = {
    "an empty __init__.py": ({"nv/__init__.py": ""}, {"nv/__init__.py": ""}),
    "a licence without an ending": ({"LICENSE": "A\n"}, {"LICENSE": "B\n"}),
    "tests and examples": (
        {"tests/__init__.py": "# a\n", "examples/run.py": "a\n"},
        {"tests/__init__.py": "# b\n", "examples/run.py": "b\n"},
    ),
    "a licence in a namespace": ({"nv/LICENSE.txt": "A\n"}, {"nv/LICENSE.txt": "B\n"}),
    "a hidden file": ({".gitignore": "a\n"}, {".gitignore": "b\n"}),
    "a folder with a dash": ({"nv-data/x.txt": "a\n"}, {"nv-data/x.txt": "a\n"}),
    "a manual page": (
        {"{name}-{version}.data/data/share/man/man1/nv.1": "a\n"},
        {"{name}-{version}.data/data/share/man/man1/nv.1": "b\n"},
    ),
    "the same code": ({"nv_api.py": "x = 1\n"}, {"nv_api.py": "x = 1\n"}),
    "other code": ({"nv_api.py": "x = 1\n"}, {"nv_api.py": "x = 2\n"}),
}


@pytest.mark.parametrize(("first", "second"), SHARED.values(), ids=SHARED)
@pytest.mark.parametrize("leaving", ["nv-a", "nv-b"])
def test_uninstall_keeps_what_another_owns_and_its_undo_is_exact(
    shed: Shed, first: Files, second: Files, leaving: str
) -> None:
    shed.install_directly(wheel("nv-a", "1.0", first), wheel("nv-b", "1.0", second))
    before = shed.tree()
    assert shed.missing_files() == []
    shed.apply(plan_uninstall(shed.backend, leaving))
    assert shed.missing_files() == []
    assert not shed.path(f"{leaving}_main.py").exists()
    shed.apply(plan_undo(shed.backend))
    assert shed.tree() == before


@pytest.mark.parametrize(
    ("first", "second"),
    [files for name, files in SHARED.items() if name != "other code"],
    ids=[name for name in SHARED if name != "other code"],
)
@pytest.mark.parametrize("keeps", [True, False], ids=["keeps the files", "drops the files"])
def test_upgrade_of_one_owner_leaves_the_other_whole_and_its_undo_is_exact(
    shed: Shed, first: Files, second: Files, keeps: bool
) -> None:
    shed.install_directly(wheel("nv-a", "1.0", first), wheel("nv-b", "1.0", second))
    shed.publish(wheel("nv-a", "2.0", first if keeps else {}))
    before = shed.tree()
    shed.apply(plan_upgrade(shed.backend, "nv-a"))
    assert shed.missing_files() == []
    assert "'2.0'" in shed.path("nv-a_main.py").read_text()
    undo = shed.apply(plan_undo(shed.backend))
    assert shed.tree() == before
    shed.apply(plan_undo(shed.backend, undo.id))
    assert shed.missing_files() == []
    assert "'2.0'" in shed.path("nv-a_main.py").read_text()


def test_all_owners_of_a_file_can_be_uninstalled_at_once(shed: Shed) -> None:
    before = shed.tree()
    shared = {"nv/__init__.py": "", "LICENSE": "x\n"}
    shed.install_directly(wheel("nv-a", "1", shared), wheel("nv-b", "1", shared))
    shed.apply(plan_uninstall(shed.backend, ["nv-a", "nv-b"]))
    assert shed.tree() == before


def test_one_owner_leaves_while_another_is_upgraded(shed: Shed) -> None:
    """Each loses the file that only the third keeps."""
    shared = {"nv/__init__.py": "", "LICENSE": "x\n"}
    names = ("nv-a", "nv-b", "nv-c")
    shed.install_directly(*(wheel(name, "1", shared) for name in names))
    shed.publish(wheel("nv-b", "2", {}), wheel("nv-c", "2", shared))
    shed.apply(plan_upgrade(shed.backend, ["nv-b", "nv-c"]))
    assert shed.missing_files() == []
    shed.apply(plan_uninstall(shed.backend, ["nv-a", "nv-b"]))
    assert shed.missing_files() == []
    assert shed.path("nv/__init__.py").read_text() == ""


@pytest.mark.parametrize("other", ["LICENSE", "tests/test_x.py", "nv/__init__.py", "setup.py"])
def test_install_beside_a_file_that_does_not_matter(shed: Shed, other: str) -> None:
    """Two contents that do the same: a comment is all that differs."""
    shed.install_directly(wheel("nv-a", "1", {other: ""}))
    before = shed.tree()
    shed.publish(wheel("nv-b", "1", {other: "# The second one.\n"}))
    shed.apply(plan_install(shed.backend, "nv-b"))
    assert shed.missing_files() == []
    shed.apply(plan_undo(shed.backend))
    assert shed.tree() == before


def test_two_owners_are_installed_at_once_with_two_licences(shed: Shed) -> None:
    files = {"LICENSE": "A\n", "nv/__init__.py": ""}
    other = {"LICENSE": "B\n", "nv/__init__.py": ""}
    shed.publish(wheel("nv-a", "1", files), wheel("nv-b", "1", other))
    shed.apply(plan_install(shed.backend, ["nv-a", "nv-b"]))
    assert shed.path("LICENSE").read_text() in ("A\n", "B\n")
    assert shed.missing_files() == []


NAMESPACES = (
    "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n",
    "__import__('pkg_resources').declare_namespace(__name__)\n",
    "from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\n",
    "try:\n    __import__('pkg_resources').declare_namespace(__name__)\n"
    "except ImportError:\n    from pkgutil import extend_path\n"
    "    __path__ = extend_path(__path__, __name__)\n",
)


@pytest.mark.parametrize("second", NAMESPACES[1:])
def test_namespaces_that_are_declared_in_two_ways_are_no_conflict(shed: Shed, second: str) -> None:
    shed.install_directly(wheel("nv-a", "1", {"nv/__init__.py": NAMESPACES[0], "nv/a.py": ""}))
    shed.publish(wheel("nv-b", "1", {"nv/__init__.py": second, "nv/b.py": ""}))
    plan = plan_install(shed.backend, "nv-b")
    stage = shed.garden.folder / "stage"
    shed.backend.installer.stage(plan, stage, lambda event: None)
    assert shed.path("nv/b.py") in shed.backend.records.touched_paths(plan, stage)


CONFLICTS: dict[str, tuple[str, str, str]] = {
    "a module": ("nv_api.py", "x = 1\n", "x = 2\n"),
    "a package": ("nv/__init__.py", "", "import os\n"),
    "data of a package": ("nv/table.csv", "1\n", "2\n"),
    "a start-up file": ("nv.pth", "# 1\n", "# 2\n"),
    "a named code file": ("license.py", "x = 1\n", "x = 2\n"),
}


@pytest.mark.parametrize(("path", "old", "new"), CONFLICTS.values(), ids=CONFLICTS)
def test_file_that_matters_with_two_contents_names_both_owners(
    shed: Shed, path: str, old: str, new: str
) -> None:
    shed.install_directly(wheel("nv-a", "1", {path: old}))
    shed.publish(wheel("nv-b", "1", {path: new}))
    before = shed.tree()
    with pytest.raises(
        EnvironmentRefused, match=f"nv-b would overwrite .*{path}.* belongs to nv-a"
    ):
        shed.apply(plan_install(shed.backend, "nv-b"))
    assert shed.tree() == before


def test_two_new_packages_with_one_module_name_both(shed: Shed) -> None:
    shed.publish(wheel("nv-a", "1", {"nv.py": "x = 1"}), wheel("nv-b", "1", {"nv.py": "x = 2"}))
    before = shed.tree()
    with pytest.raises(EnvironmentRefused, match=r"nv-a and nv-b would both install .*nv\.py"):
        shed.apply(plan_install(shed.backend, ["nv-a", "nv-b"]))
    assert shed.tree() == before


def test_upgrade_of_a_library_that_is_installed_in_two_builds_is_refused(shed: Shed) -> None:
    """As opencv-python and opencv-python-headless; one of them can be uninstalled."""
    shed.install_directly(
        wheel("nv-a", "1", {"nv.py": "x = 1\n"}), wheel("nv-b", "1", {"nv.py": "x = 2\n"})
    )
    shed.publish(wheel("nv-a", "2", {"nv.py": "x = 3\n"}), wheel("nv-b", "2", {"nv.py": "x = 4\n"}))
    reason = r"nv-a cannot be changed: nv-b has the same file 'nv\.py'"
    with pytest.raises(EnvironmentRefused, match=reason):
        plan_upgrade(shed.backend, "nv-a")
    everything = plan_upgrade(shed.backend)
    held = {row.id: row.reason for row in everything.held_back if row.id.startswith("nv-")}
    assert held == {
        "nv-a": "nv-b has the same file 'nv.py' with another content",
        "nv-b": "nv-a has the same file 'nv.py' with another content",
    }
    shed.apply(plan_uninstall(shed.backend, "nv-b"))
    assert shed.run("import nv; print(nv.x)") == "2"


def test_failed_uninstall_of_an_owner_is_rolled_back_exactly(shed: Shed) -> None:
    shared = {"nv/__init__.py": "", "LICENSE": "x\n"}
    shed.install_directly(wheel("nv-a", "1", shared), wheel("nv-b", "1", shared))
    before = shed.tree()
    failing = replace(shed.backend, installer=FailingInstaller(shed.backend))  # type: ignore[arg-type]
    with pytest.raises(TransactionError):
        apply.apply_plan(failing, plan_uninstall(shed.backend, "nv-a"))
    assert shed.tree() == before


def test_undo_of_an_install_keeps_what_a_later_install_shares(shed: Shed) -> None:
    """The save point of the first install says that the shared file did not exist."""
    shared = {"nv/__init__.py": "", "LICENSE": "x\n"}
    shed.publish(wheel("nv-a", "1", shared), wheel("nv-b", "1", shared))
    first = shed.apply(plan_install(shed.backend, "nv-a"))
    shed.apply(plan_install(shed.backend, "nv-b"))
    undo = plan_undo(shed.backend, first.id)
    assert undo.from_save_point
    shed.apply(undo)
    assert shed.missing_files() == []
    assert not shed.path("nv-a_main.py").exists()
    assert shed.run("import nv; print(nv.__file__ is not None)") == "True"


def test_undo_does_not_overwrite_the_code_of_a_later_install(shed: Shed) -> None:
    """The file belonged to the old release of one, and belongs to the other now."""
    shed.install_directly(wheel("nv-a", "1", {"nv.py": "x = 1\n"}))
    shed.publish(wheel("nv-a", "2", {}), wheel("nv-b", "1", {"nv.py": "x = 2\n"}))
    first = shed.apply(plan_upgrade(shed.backend, "nv-a"))
    shed.apply(plan_install(shed.backend, "nv-b"))
    before = shed.tree()
    with pytest.raises(
        InvalidRequest, match=r"the undo would overwrite .*nv\.py.* belongs to nv-b"
    ):
        plan_undo(shed.backend, first.id)
    assert (
        "belongs to nv-b"
        in list_refusals(shed.backend, shed.backend.journal.transactions())[first.id]
    )
    assert shed.tree() == before
