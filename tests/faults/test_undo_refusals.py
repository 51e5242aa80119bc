"""An undo is exact, or it is refused before it is offered, with the reason and the way on."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import uv
from fakes import Kit, Oracle

from pkgwidgets.backends.environment.installed_environment import InstalledEnvironment
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_uninstall, plan_upgrade
from pkgwidgets.operations.undo import list_refusals

pytestmark = pytest.mark.slow

CONFIGURATION = "{name}-{version}.data/data/etc/pea.json"


def pea(version: str, **files: str) -> BuiltWheel:
    contents = {
        "pea/__init__.py": "from pea.fast import v\n",
        "pea/fast.py": f"v = {version}\n",
        f"pea/only{version[0]}.py": "",
        CONFIGURATION: "{}\n",
        **{name.replace("__", "/") + ".py": text for name, text in files.items()},
    }
    return BuiltWheel(name="pea", version=version, files=contents)


def compiled(version: str) -> BuiltWheel:
    """Return another build, where `fast` is a package: it hides the module of the same name."""
    files = {
        "pea/__init__.py": "from pea.fast import v\n",
        "pea/fast/__init__.py": f"v = {version}\n",
    }
    return BuiltWheel(name="pea", version=version, files={**files, CONFIGURATION: "{}\n"})


@dataclass(frozen=True)
class Upgraded:
    """The garden's environment after pea was upgraded from 1.0 to 2.0."""

    garden: Demo
    backend: Backend
    done: Transaction
    before: object
    tree: Callable[[], object]

    @property
    def site(self) -> Path:
        return self.garden.site_packages

    @property
    def dist_info(self) -> Path:
        return self.site / "pea-2.0.dist-info"

    @property
    def configuration(self) -> Path:
        return self.garden.folder / "env/etc/pea.json"

    def apply(self, plan: Plan) -> Transaction:
        return apply.apply_plan(self.backend, plan)

    def reinstall(self, wheel: BuiltWheel) -> None:
        """Let uv, without pkgwidgets, install a wheel again."""
        folder = self.garden.folder / "wheels"
        folder.mkdir(exist_ok=True)
        (folder / wheel.filename).write_bytes(wheel.data)
        pin = f"{wheel.name}=={wheel.version}"
        command = [
            uv.find_uv_bin(),
            "pip",
            "install",
            "-q",
            "--no-cache",
            "--reinstall",
            "--no-index",
        ]
        command += ["--find-links", str(folder), "--python", str(self.garden.python), pin]
        subprocess.run(command, check=True)

    def refused(self) -> str:
        """Return why the undo is refused, by the plan and by the history; nothing is changed."""
        before = self.tree()
        with pytest.raises(InvalidRequest) as caught:
            plan_undo(self.backend)
        assert 'call `plan_install(["pea==1.0"])`' in str(caught.value)
        assert self.tree() == before
        reason = caught.value.reason.removeprefix("it can no longer be undone, because ")
        history = self.backend.journal.transactions()
        assert list_refusals(self.backend, history) == {self.done.id: reason}
        return reason

    def is_undone_exactly(self) -> None:
        self.garden.index.down = True
        plan = plan_undo(self.backend)
        assert plan.from_save_point
        now = self.tree()
        undone = self.apply(plan)
        assert self.tree() == self.before
        self.apply(plan_undo(self.backend, undone.id))
        assert self.tree() == now


@pytest.fixture
def upgraded(garden: Demo, backend: Backend, tree: Oracle) -> Upgraded:
    garden.index.publish(pea("1.0"), pea("2.0"))
    apply.apply_plan(backend, plan_install(backend, "pea==1.0"))
    prefix = garden.folder / "env"
    before = tree(prefix)
    done = apply.apply_plan(backend, plan_upgrade(backend, "pea"))
    return Upgraded(garden, backend, done, before, lambda: tree(prefix))


# --- what is undone exactly


def test_same_wheel_that_was_installed_again_is_undone_exactly(upgraded: Upgraded) -> None:
    upgraded.reinstall(pea("2.0"))
    cache = upgraded.dist_info / "uv_cache.json"
    cache.write_text("{}\n")
    record = upgraded.dist_info / "RECORD"
    record.write_text(record.read_text() + f"{upgraded.dist_info.name}/uv_cache.json,,\n")
    upgraded.is_undone_exactly()


def test_files_that_are_missing_now_are_undone_exactly(upgraded: Upgraded) -> None:
    (upgraded.site / "pea/fast.py").unlink()
    upgraded.configuration.unlink()
    upgraded.is_undone_exactly()


def test_touched_file_and_one_with_the_old_content_are_undone_exactly(upgraded: Upgraded) -> None:
    (upgraded.site / "pea/__init__.py").touch()
    (upgraded.site / "pea/fast.py").write_text("v = 1.0\n")
    upgraded.is_undone_exactly()


def test_undo_removes_a_file_that_only_the_new_record_lists(upgraded: Upgraded) -> None:
    """The verdict is of the moment of the plan; the files are those of the moment of the undo."""
    (upgraded.site / "pea/deep").mkdir()
    (upgraded.site / "pea/deep/late.py").write_text("late = 1\n")
    plan = plan_undo(upgraded.backend)
    record = upgraded.dist_info / "RECORD"
    record.write_text(record.read_text() + "pea/deep/late.py,,\n")
    with pytest.raises(InvalidRequest, match=r"other files: '.*pea/deep/late\.py'"):
        plan_undo(upgraded.backend)
    now = plan_uninstall(upgraded.backend, "pea").environment_fingerprint
    upgraded.apply(replace(plan, environment_fingerprint=now))
    assert upgraded.tree() == upgraded.before


# --- what is refused


def test_other_build_of_the_same_version_is_named_and_its_replacement_planned(
    upgraded: Upgraded,
) -> None:
    upgraded.reinstall(compiled("2.0"))
    reason = upgraded.refused()
    assert reason.startswith("pea 2.0 was installed again by uv with other files: ")
    assert "site-packages/pea/fast/__init__.py'" in reason
    plan = plan_install(upgraded.backend, "pea==1.0")
    assert [note for note in plan.notes if "was installed again by uv" in note] == [reason]
    upgraded.apply(plan)
    run = [str(upgraded.garden.python), "-c", "import pea; print(pea.v)"]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "1.0\n"
    assert not upgraded.dist_info.exists()


def test_other_build_with_the_same_file_names_is_named(upgraded: Upgraded) -> None:
    upgraded.reinstall(pea("2.0", pea__only2="x = 3\n"))
    assert "with other files: 'lib/python" in upgraded.refused()


def test_other_build_is_named_without_a_recorded_result(upgraded: Upgraded) -> None:
    """Transactions of older versions have none."""
    (upgraded.backend.journal.folder(upgraded.done.id) / "result.json").unlink()
    (upgraded.site / "pea/more.py").write_text("")
    record = upgraded.dist_info / "RECORD"
    record.write_text(record.read_text() + "pea/more.py,,\n")
    assert "pea 2.0 was installed again by uv with other files" in upgraded.refused()


def test_edited_files_are_named(upgraded: Upgraded) -> None:
    upgraded.configuration.write_text('{"mine": true}\n')
    assert upgraded.refused() == "'etc/pea.json' was edited"
    plan = plan_install(upgraded.backend, "pea==1.0")
    assert any("'etc/pea.json' was edited: your version is kept" in note for note in plan.notes)
    (upgraded.site / "pea/fast.py").write_text("v = 7\n")
    assert upgraded.refused().endswith("pea/fast.py' were edited")


def test_file_at_a_path_that_the_change_removed_is_named(upgraded: Upgraded) -> None:
    (upgraded.site / "pea/only1.py").write_text("mine = 1\n")
    assert upgraded.refused().endswith("pea/only1.py' was added")


def test_further_file_beside_the_metadata_is_named(upgraded: Upgraded) -> None:
    """It would keep the folder of 2.0 beside that of 1.0."""
    (upgraded.dist_info / "notes.txt").write_text("mine\n")
    assert upgraded.refused().endswith("pea-2.0.dist-info/notes.txt' was added")


def test_other_python_is_named(upgraded: Upgraded) -> None:
    facts = upgraded.backend.environment.interpreter
    site = facts.prefix / "lib/python3.99/site-packages"
    newer = replace(
        facts,
        version="3.99.0",
        scheme={**facts.scheme, "purelib": site, "platlib": site},
        search=(site,),
    )
    now = replace(upgraded.backend, environment=InstalledEnvironment(newer))
    minor = ".".join(facts.version.split(".")[:2])
    assert replace(upgraded, backend=now).refused() == (
        f"the environment had Python {minor}, and has 3.99 now"
    )


@pytest.mark.parametrize("damage", ["truncated", "lost", "list"])
def test_damaged_save_point_is_named(upgraded: Upgraded, damage: str) -> None:
    folder = upgraded.backend.journal.folder(upgraded.done.id)
    copies = [path for path in (folder / "objects").iterdir() if path.stat().st_size > 1]
    if damage == "truncated":
        copies[0].write_bytes(b"x")
    elif damage == "lost":
        copies[0].unlink()
    else:
        (folder / "manifest.json").write_text("{}")
    part = "its list of files cannot be read" if damage == "list" else "its copy of '"
    assert upgraded.refused().startswith(f"its save point is damaged: {part}")


def test_flipped_byte_of_a_save_point_is_found_by_the_plan(upgraded: Upgraded) -> None:
    """The history does not read the content of the copies, which may be large."""
    folder = upgraded.backend.journal.folder(upgraded.done.id)
    copy = next(path for path in (folder / "objects").iterdir() if path.stat().st_size > 1)
    content = copy.read_bytes()
    copy.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(InvalidRequest, match="its save point is damaged: its copy of '"):
        plan_undo(upgraded.backend)
    history = upgraded.backend.journal.transactions()
    assert list_refusals(upgraded.backend, history) == {}


def test_undone_installation_names_what_to_uninstall(kit: Kit) -> None:
    kit.publish(BuiltWheel(name="pod", version="1", files={"pod.py": "x = 1\n"}))
    apply.apply_plan(kit.backend, plan_install(kit.backend, "pod"))
    kit.edit("pod.py", b"x = 2\n")
    before = kit.tree()
    with pytest.raises(InvalidRequest, match=r"call `plan_uninstall\(\[\"pod\"\]\)`"):
        plan_undo(kit.backend)
    assert kit.tree() == before
