"""Files that the user edited are named in a plan, and configuration is kept beside the new one."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fakes import Oracle
from transaction_faults import FailingInstaller

from pkgwidgets.core.errors import InstallFailed, TransactionError
from pkgwidgets.core.interfaces import Backend, Report
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_uninstall, plan_upgrade

SWITCH = "etc/jupyter/jupyter_server_config.d/pea.json"
ON, OFF = '{"pea": true}\n', '{"pea": false}\n'


def wheel(version: str, *, has_switch: bool = True) -> BuiltWheel:
    files = {"pea/__init__.py": f"version = {version!r}\n", "pea/pearc": "color: green\n"}
    if has_switch:
        files[f"{{name}}-{{version}}.data/data/{SWITCH}"] = ON
        files["{name}-{version}.data/data/share/jupyter/kernels/pea/kernel.json"] = "{}\n"
    return BuiltWheel(name="pea", version=version, files=files)


@dataclass(frozen=True)
class Configured:
    """The garden's environment with a package whose server extension can be switched off."""

    garden: Demo
    backend: Backend
    tree: Callable[[], object]

    @property
    def switch(self) -> Path:
        return self.garden.folder / "env" / SWITCH

    @property
    def kept(self) -> Path:
        return self.switch.with_name("pea.json.pkgwidgets-saved")

    def apply(self, plan: Plan) -> Transaction:
        return apply.apply_plan(self.backend, plan)

    def switch_off(self) -> None:
        self.switch.write_text(OFF)


@pytest.fixture
def configured(garden: Demo, backend: Backend, tree: Oracle) -> Configured:
    configured = Configured(garden, backend, lambda: tree(garden.folder / "env"))
    garden.index.publish(wheel("1.0"), wheel("2.0"), wheel("3.0", has_switch=False))
    configured.apply(plan_install(backend, "pea==1.0"))
    return configured


def test_unedited_files_are_not_named(configured: Configured) -> None:
    plan = plan_upgrade(configured.backend, "pea", version="2.0")
    assert plan.notes == ()
    configured.apply(plan)
    assert not configured.kept.exists()


@pytest.mark.parametrize("version", ["2.0", "3.0", None])
def test_edited_configuration_is_named_and_kept_and_the_undo_is_exact(
    configured: Configured, version: str | None
) -> None:
    configured.switch_off()
    before = configured.tree()
    plan = (
        plan_upgrade(configured.backend, "pea", version=version)
        if version is not None
        else plan_uninstall(configured.backend, "pea")
    )
    named = f"'{SWITCH}' was edited: your version is kept as 'pea.json.pkgwidgets-saved'"
    assert plan.notes == (named,)
    assert named in plan.warnings
    configured.apply(plan)
    assert configured.kept.read_text() == OFF
    assert configured.switch.exists() == (version == "2.0")
    undo = configured.apply(plan_undo(configured.backend))
    assert configured.tree() == before
    configured.apply(plan_undo(configured.backend, undo.id))
    assert configured.kept.read_text() == OFF


def test_kernel_specification_is_kept(configured: Configured) -> None:
    specification = configured.garden.folder / "env/share/jupyter/kernels/pea/kernel.json"
    specification.write_text('{"env": {}}\n')
    configured.apply(plan_upgrade(configured.backend, "pea", version="2.0"))
    kept = specification.with_name("kernel.json.pkgwidgets-saved")
    assert (specification.read_text(), kept.read_text()) == ("{}\n", '{"env": {}}\n')


def test_earlier_kept_version_is_not_overwritten(configured: Configured) -> None:
    configured.switch_off()
    configured.kept.write_text("an earlier one\n")
    before = configured.tree()
    configured.apply(plan_upgrade(configured.backend, "pea", version="2.0"))
    assert configured.kept.read_text() == "an earlier one\n"
    assert configured.switch.with_name("pea.json.pkgwidgets-saved-2").read_text() == OFF
    configured.apply(plan_undo(configured.backend))
    assert configured.tree() == before


def test_edited_file_of_a_package_is_named_and_not_kept(configured: Configured) -> None:
    """A further file beside code would keep a package's folder alive."""
    settings = configured.garden.site_packages / "pea/pearc"
    settings.write_text("color: red\n")
    later = (configured.garden.site_packages / "pea-1.0.dist-info/RECORD").stat().st_mtime + 60
    os.utime(settings, (later, later))
    plan = plan_uninstall(configured.backend, "pea")
    (note,) = plan.notes
    assert note.endswith("pea/pearc' was edited: your version is not kept")
    configured.apply(plan)
    assert not settings.parent.exists()
    configured.apply(plan_undo(configured.backend))
    assert settings.read_text() == "color: red\n"


def test_plan_names_a_few_edited_files_and_counts_the_rest(configured: Configured) -> None:
    folder = configured.switch.parent
    record = configured.garden.site_packages / "pea-1.0.dist-info/RECORD"
    for number in range(8):
        path = folder / f"{number}.json"
        path.write_text("edited\n")
        with record.open("a") as file:
            row = os.path.relpath(path, record.parent.parent)
            file.write(f"{row},sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n")
    first, *notes = plan_uninstall(configured.backend, "pea").notes
    assert first.startswith("pea 1.0 was installed again by uv with other files: 'etc/jupyter/")
    assert (len(notes), notes[-1]) == (6, "3 more files were edited")


def test_failed_upgrade_leaves_the_edited_file_and_nothing_beside(configured: Configured) -> None:
    configured.switch_off()
    before = configured.tree()
    failing = replace(configured.backend, installer=FailingInstaller(configured.backend))  # type: ignore[arg-type]
    with pytest.raises(TransactionError):
        apply.apply_plan(failing, plan_upgrade(configured.backend, "pea", version="2.0"))
    assert configured.tree() == before


class _UnpackingInstaller(FailingInstaller):
    """Fails as an installer that has unpacked data, and not moved it to its place."""

    def install(self, plan: Plan, report: Report) -> None:
        data = self.site / "pea-2.0.data/data/etc/pea.json"
        data.parent.mkdir(parents=True)
        data.write_text("{}")
        raise InstallFailed("", ("uv",), 1, "no")

    site = Path()


def test_unpacked_data_of_a_failed_install_is_removed(configured: Configured) -> None:
    before = configured.tree()
    installer = _UnpackingInstaller(configured.backend)
    installer.site = configured.garden.site_packages
    failing = replace(configured.backend, installer=installer)  # type: ignore[arg-type]
    with pytest.raises(TransactionError):
        apply.apply_plan(failing, plan_upgrade(configured.backend, "pea", version="2.0"))
    assert configured.tree() == before
