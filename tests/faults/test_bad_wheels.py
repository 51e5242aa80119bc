"""Bad upgrades are refused before any change, or rolled back, with the reason.

The numbers are those of the research's list of twenty.
"""

from __future__ import annotations

import base64
import hashlib
import re
import sysconfig
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import distribution
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeKit, Oracle
from malformed_wheels import MalformedWheel

from pkgwidgets.backends.sandbox.import_check import ImportCheckLimits, SubprocessImportChecker
from pkgwidgets.connect import connect
from pkgwidgets.core.errors import PkgwidgetsError, StageFailed, VerificationFailed
from pkgwidgets.core.events import Event
from pkgwidgets.core.interfaces import Backend, no_report
from pkgwidgets.core.transactions import UNCHANGED_OUTCOMES, Outcome
from pkgwidgets.demo import Demo, catalog
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.demo.wheel_installer import WheelInstallation
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_uninstall, plan_upgrade
from pkgwidgets.presentation.value_html import plan_html

POLES = "def poles(*args): return 1\n"
METADATA = "Metadata-Version: 2.1\nName: {}\nVersion: {}\n"
WHILE_PLANNING, WHILE_CHECKING, WHILE_VERIFYING = (
    "while planning",
    "beside the environment",
    "in the environment",
)


class Misdescribed(MalformedWheel):
    """A wheel whose requirements differ from those that the index lists."""

    @property
    def metadata_text(self) -> str:
        text = super().metadata_text
        return re.sub("Requires-Dist: .*\n", "", text) if hasattr(self, "data") else text


def bad_wheel(
    code: str = POLES, kind: type[MalformedWheel] = MalformedWheel, **more: Any
) -> BuiltWheel:
    """Return a newer beanpoles, which bedplanner requires."""
    files = {"beanpoles.py": code} | more.pop("files", {})
    return kind(name="beanpoles", version="1.2", files=files, **more)


SHADOW = {
    "beanpoles.pth": "import sys; sys.path.insert(0, sys.path[-1] + '/shadow')\n",
    "shadow/json.py": "raise ImportError('shadow')",
}

BAD = {
    "1 import raises": (
        bad_wheel("raise RuntimeError('no')"),
        WHILE_CHECKING,
        r"beanpoles 1\.2 cannot be imported \(RuntimeError: no\)",
    ),
    "2 import hangs": (
        bad_wheel("while True: pass"),
        WHILE_CHECKING,
        r"beanpoles 1\.2 cannot be imported \(it did not finish within",
    ),
    "3 import kills the process": (
        bad_wheel("import os; os.kill(os.getpid(), 9)"),
        WHILE_CHECKING,
        r"beanpoles 1\.2 cannot be imported \(it ended the process \(signal 9\)\)",
    ),
    "4 needs a module nobody provides": (
        bad_wheel("import nobody"),
        WHILE_CHECKING,
        r"beanpoles 1\.2 cannot be imported \(ModuleNotFoundError: No module named 'nobody'\)",
    ),
    "5 conflicts with what is installed": (
        bad_wheel(requires=("sundrift>=99",)),
        WHILE_PLANNING,
        "sundrift>=99",
    ),
    "6 a library is missing": (
        bad_wheel("import ctypes; ctypes.CDLL('libnothing.so.9')"),
        WHILE_CHECKING,
        r"libnothing\.so\.9",
    ),
    "7 a library of another machine": (
        bad_wheel(files={"_bean.so": b"\x7fELF\x02\x01\x01" + bytes(99)}),
        WHILE_CHECKING,
        r"beanpoles 1\.2's module _bean cannot be imported \(ImportError",
    ),
    "9 a hash of another file in RECORD": (
        bad_wheel(record=lambda t: re.sub(r"s\.py,sha256=[^,]*", "s.py,sha512=" + "0" * 128, t)),
        WHILE_VERIFYING,
        r"beanpoles: beanpoles\.py differs from its hash in RECORD",
    ),
    "10 wrong hash in RECORD": (
        bad_wheel(record=lambda t: t.replace("s.py,sha256=", "s.py,sha256=A")),
        WHILE_VERIFYING,
        r"beanpoles: beanpoles\.py differs from its hash in RECORD",
    ),
    "11 METADATA of another version": (
        bad_wheel(metadata=METADATA.format("beanpoles", "9")),
        WHILE_CHECKING,
        "Wheel version does not match filename",
    ),
    "12 METADATA needs what the index does not say": (
        bad_wheel(kind=Misdescribed, requires=("nowhere>=1",)),
        WHILE_CHECKING,
        "beanpoles requires nowhere>=1, but it is not installed",
    ),
    "12 METADATA of another project": (
        bad_wheel(metadata=METADATA.format("other", "1.2")),
        WHILE_PLANNING,
        "metadata name `other` does not match given name `beanpoles`",
    ),
    "13 a .pth file raises at every start": (
        bad_wheel(files={"beanpoles.pth": "import nothing_at_all\n"}),
        WHILE_CHECKING,
        r"beanpoles\.pth fails each time Python starts \(ModuleNotFoundError",
    ),
    "13 a .pth file ends every Python": (
        bad_wheel(files={"beanpoles.pth": "import sys; sys.exit(3)\n"}),
        WHILE_CHECKING,
        r"beanpoles\.pth fails each time Python starts \(SystemExit: 3\)",
    ),
    "13 a .pth file hangs every Python": (
        bad_wheel(files={"beanpoles.pth": "import time; time.sleep(60)\n"}),
        WHILE_CHECKING,
        r"beanpoles\.pth fails each time Python starts \(it did not finish",
    ),
    "14 a .pth file shadows the standard library": (
        bad_wheel(files=SHADOW),
        WHILE_VERIFYING,
        "it ended the process: ImportError: shadow",
    ),
    "15 a command is gone that others run": (
        BuiltWheel(name="seedshelf", version="1.9", files={"seedshelf.py": ""}),
        WHILE_CHECKING,
        "the command seedshelf, which shelfrunner runs, would be missing",
    ),
    "16 overwrites python": (
        bad_wheel(files={"{name}-{version}.data/data/bin/python": "#!/bin/sh\n"}),
        WHILE_CHECKING,
        "Scripts must not use the reserved name `python`",
    ),
    "16 overwrites the environment's own": (
        bad_wheel(files={"{name}-{version}.data/data/pyvenv.cfg": ""}),
        WHILE_CHECKING,
        r"beanpoles would overwrite 'pyvenv\.cfg', which does not belong to it",
    ),
    "16 overwrites another's command": (
        bad_wheel(entry_points="[console_scripts]\nseedshelf = beanpoles:poles\n"),
        WHILE_CHECKING,
        "beanpoles would overwrite 'bin/seedshelf', which belongs to seedshelf",
    ),
    "17 overwrites another's file": (
        bad_wheel(files={"raintable.py": "class RainTable: pass\n"}),
        WHILE_CHECKING,
        r"beanpoles would overwrite '.*raintable\.py', which belongs to raintable",
    ),
    "18 for another Python": (
        bad_wheel(requires_python=">=4"),
        WHILE_PLANNING,
        "Python>=4|Python version",
    ),
    "20 breaks who does not depend on it": (
        bad_wheel(files={"beanpoles.pth": "import sys; sys.modules['random'] = None\n"}),
        WHILE_CHECKING,
        r"frostcall cannot be imported with the new versions "
        r"\(ModuleNotFoundError: import of random halted",
    ),
    "20 hides another's module": (
        bad_wheel(files={"frostcall/__init__.py": "raise ImportError('hidden')"}),
        WHILE_CHECKING,
        r"'s module frostcall cannot be imported \(ImportError: hidden\)",
    ),
    "21 an entry point out of the environment": (
        bad_wheel(entry_points="[console_scripts]\n../../x = beanpoles:poles\n"),
        WHILE_CHECKING,
        "Script path must resolve to a file within the scripts directory",
    ),
    "22 cut off on the way": (
        bad_wheel(damage=lambda data: data[:-10]),
        WHILE_CHECKING,
        "unexpected end of file",
    ),
    "23 two members of one name": (
        bad_wheel(files={"a/./b.py": "1", "a/b.py": "2"}),
        WHILE_CHECKING,
        "ZIP file contains multiple entries",
    ),
    "24 nothing of what it had": (
        BuiltWheel(name="beanpoles", version="1.2"),
        WHILE_CHECKING,
        r"bedplanner cannot be imported with the new versions "
        r"\(ModuleNotFoundError: No module named 'beanpoles'",
    ),
    "25 writes into our folder": (
        bad_wheel(files={"{name}-{version}.data/data/.pkgwidgets/lock": ""}),
        WHILE_CHECKING,
        "RECORD of beanpoles",
    ),
    "26 a sitecustomize that raises": (
        bad_wheel(files={"sitecustomize.py": "raise RuntimeError('custom')"}),
        WHILE_CHECKING,
        r"'s module sitecustomize cannot be imported \(RuntimeError: custom\)",
    ),
}
"""Each wheel with the stage that refuses it and the message."""


@pytest.fixture
def backend_with_dependents(backend: Backend, garden: Demo) -> Backend:
    """Add a package that runs another's command, and one that imports `random`."""
    runner = "import subprocess\ndef run(): subprocess.run(['seedshelf', '--list'], check=True)\n"
    files: dict[str, str | bytes] = {"shelfrunner.py": runner}
    wheel = BuiltWheel(name="shelfrunner", version="1.0", files=files, requires=("seedshelf",))
    install_directly(garden, wheel)
    (garden.site_packages / "frostcall.py").write_text("import random\n")
    return backend


def install_directly(garden: Demo, *wheels: BuiltWheel) -> None:
    """Install wheels without a plan or a transaction."""
    roots = {"base": str(garden.folder / "env"), "platbase": str(garden.folder / "env")}
    scheme = {key: Path(path) for key, path in sysconfig.get_paths("venv", roots).items()}
    for wheel in wheels:
        WheelInstallation(wheel=wheel, python=garden.python, scheme=scheme, requested=True).run()


def stage_of_failure(backend: Backend, known: int) -> str:
    """Return the stage in which the latest transaction failed."""
    done = backend.journal.transactions()[known:]
    if not done:
        return WHILE_PLANNING
    assert {transaction.outcome for transaction in done} <= UNCHANGED_OUTCOMES
    return WHILE_VERIFYING if "INTENT" in backend.journal.steps(done[-1].id) else WHILE_CHECKING


@pytest.mark.slow
@pytest.mark.parametrize(("wheel", "where", "message"), BAD.values(), ids=BAD)
def test_bad_upgrade_is_explained_and_leaves_the_environment_unchanged(
    backend_with_dependents: Backend,
    garden: Demo,
    tree: Oracle,
    wheel: BuiltWheel,
    where: str,
    message: str,
) -> None:
    if "did not finish" in message:
        limits = ImportCheckLimits(module_seconds=1.5, last_seconds=2.0)
        checker = SubprocessImportChecker(backend_with_dependents.environment.interpreter, limits)
        backend_with_dependents = replace(backend_with_dependents, import_checker=checker)
    garden.index.publish(wheel)
    prefix = backend_with_dependents.environment.interpreter.prefix
    before, known = tree(prefix), len(backend_with_dependents.journal.transactions())
    with pytest.raises(PkgwidgetsError, match=message):
        apply.apply_plan(
            backend_with_dependents,
            plan_upgrade(backend_with_dependents, wheel.name, version=wheel.version),
        )
    assert (tree(prefix), stage_of_failure(backend_with_dependents, known)) == (before, where)


def test_record_rows_of_missing_files_are_dropped_by_uv(
    backend: Backend, garden: Demo, tree: Oracle
) -> None:
    """8: uv drops the rows of missing files, so the installed RECORD is complete."""
    garden.index.publish(bad_wheel(record=lambda text: f"{text}ghost.py,sha256=47DEQ,0\n"))
    prefix = backend.environment.interpreter.prefix
    before = tree(prefix)
    done = apply.apply_plan(backend, plan_upgrade(backend, "beanpoles", version="1.2"))
    assert backend.records.damage(done.plan) == ()
    record = (garden.site_packages / "beanpoles-1.2.dist-info" / "RECORD").read_text()
    assert "ghost" not in record
    apply.apply_plan(backend, plan_undo(backend))
    assert tree(prefix) == before


def _as_hex(text: str) -> str:
    """Spell the hashes of RECORD as uv_build did before 0.9."""

    def hexed(match: re.Match[str]) -> str:
        return "sha256=" + base64.urlsafe_b64decode(f"{match[1]}=").hex()

    return re.sub(r"sha256=([^,]+)", hexed, text)


def _with_hash(algorithm: str) -> Callable[[str], str]:
    """Replace the hash of beanpoles.py by one of another algorithm."""
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, POLES.encode()).digest())
    return lambda text: re.sub(
        r"s\.py,sha256=[^,]*", f"s.py,{algorithm}={digest.rstrip(b'=').decode()}", text
    )


SPELLINGS = {
    "hashes in hex": _as_hex,
    "padded hashes": lambda text: text.replace(",sha256=", ",SHA256=").replace("=,", "==,"),
    "sha384": _with_hash("sha384"),
    "blake2b": _with_hash("blake2b"),
    "a weak hash": _with_hash("md5"),
    "no hash": lambda text: re.sub(r"s\.py,sha256=[^,]*", "s.py,", text),
    "no row": lambda text: "".join(row for row in text.splitlines(True) if "s.py" not in row),
    "paths from here": lambda text: "".join(f"./{row}" for row in text.splitlines(True)),
    "Windows line ends": lambda text: text.replace("\n", "\r\n"),
}
"""RECORD files that installers accept."""


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_record_may_be_spelled_in_any_way_that_installers_read(
    backend: Backend, garden: Demo, tree: Oracle, spelling: Callable[[str], str]
) -> None:
    garden.index.publish(bad_wheel(record=spelling))
    prefix = backend.environment.interpreter.prefix
    before = tree(prefix)
    done = apply.apply_plan(backend, plan_upgrade(backend, "beanpoles", version="1.2"))
    assert (garden.site_packages / "beanpoles.py").read_text() == POLES
    assert backend.records.damage(done.plan) == ()
    apply.apply_plan(backend, plan_undo(backend))
    assert tree(prefix) == before


def test_spelling_of_record_does_not_hide_damage(backend: Backend, garden: Demo) -> None:
    for number, spell in enumerate((_as_hex, _with_hash("sha512"))):
        version = f"1.{number + 2}"
        wheel = MalformedWheel(
            name="beanpoles", version=version, files={"beanpoles.py": POLES}, record=spell
        )
        garden.index.publish(wheel)
        done = apply.apply_plan(backend, plan_upgrade(backend, "beanpoles", version=version))
        (garden.site_packages / "beanpoles.py").write_text("def poles(*args): return 2\n")
        problems = backend.records.damage(done.plan)
        assert problems == ("beanpoles: beanpoles.py differs from its hash in RECORD",)


def test_file_without_a_hash_is_compared_with_its_wheel(backend: Backend, garden: Demo) -> None:
    garden.index.publish(bad_wheel(record=SPELLINGS["no row"]))
    plan = plan_upgrade(backend, "beanpoles", version="1.2")
    stage = backend.journal.folder("staged-by-test") / "stage"
    backend.installer.stage(plan, stage, no_report)
    names = [change.id for change in plan.changes]
    assert backend.records.unhashed(names, stage) == {names[0]: ("beanpoles.py",)}
    done = apply.apply_plan(backend, plan)
    journal = (backend.journal.folder(done.id) / "journal").read_text()
    assert re.search(r'"unverified": ?"beanpoles 1\.2 [0-9a-f]{64}"', journal)
    assert backend.records.damage(plan, stage=stage) == ()
    (garden.site_packages / "beanpoles.py").unlink()  # it may be a link into the installer's cache
    (garden.site_packages / "beanpoles.py").write_text("")
    (problem,) = backend.records.damage(plan, stage=stage)
    assert problem == "beanpoles: beanpoles.py differs from its wheel"


def test_wheel_member_with_dotdot_stays_inside_the_environment(
    backend: Backend, garden: Demo, tree: Oracle
) -> None:
    garden.index.publish(bad_wheel(files={"../evil.py": ""}))
    prefix = backend.environment.interpreter.prefix
    before, outside = tree(prefix), sorted(prefix.parent.iterdir())
    with suppress(PkgwidgetsError):
        apply.apply_plan(backend, plan_upgrade(backend, "beanpoles", version="1.2"))
        apply.apply_plan(backend, plan_undo(backend))
    assert (tree(prefix), sorted(prefix.parent.iterdir())) == (before, outside)


# --- who is blamed, and who is not


def test_module_removed_by_an_upgrade_fails_the_check_of_a_dependent(
    backend: Backend, garden: Demo, tree: Oracle
) -> None:
    """The old module still exists in the environment while the check runs."""
    user = "from pods_extra import poles\n"
    extra = {"pods.py": POLES, "pods_extra.py": POLES}
    newer = BuiltWheel(name="pods", version="2", files={"pods.py": POLES})
    garden.index.publish(newer)
    install_directly(
        garden,
        BuiltWheel(name="pods", version="1", files=extra),
        BuiltWheel(name="user", version="1", files={"user.py": user}, requires=("pods",)),
    )
    before = tree(backend.environment.interpreter.prefix)
    missing = r"user cannot be imported with the new versions \(ModuleNotFoundError: .*'pods_extra'"
    with pytest.raises(StageFailed, match=missing):
        apply.apply_plan(backend, plan_upgrade(backend, "pods"))
    assert tree(backend.environment.interpreter.prefix) == before


def test_indirect_dependents_are_in_the_import_check(backend: Backend, garden: Demo) -> None:
    chain = ("beanpoles", "one", "two", "three")
    for needed, name in pairwise(chain):
        code = f"import {needed}\n" if name != "three" else "import beanpoles\nbeanpoles.poles(1)\n"
        garden.index.publish(
            BuiltWheel(name=name, version="1", files={f"{name}.py": code}, requires=(needed,))
        )
    garden.index.publish(bad_wheel("def stakes(): return 1\n"))
    garden.index.withdraw("bedplanner")
    apply.apply_plan(backend, plan_uninstall(backend, "bedplanner"))
    apply.apply_plan(backend, plan_install(backend, "three"))
    with pytest.raises(StageFailed, match="three cannot be imported with the new versions"):
        apply.apply_plan(backend, plan_upgrade(backend, "beanpoles"))


def test_distributions_of_the_same_namespace_are_in_the_import_check(
    backend: Backend, garden: Demo, tree: Oracle
) -> None:
    """The new version turns the namespace into a package, which hides the other half."""
    garden.index.publish(
        BuiltWheel(name="bed-north", version="1", files={"bed/north.py": "x = 1\n"}),
        BuiltWheel(name="bed-south", version="1", files={"bed/south.py": "x = 1\n"}),
        BuiltWheel(
            name="bed-south",
            version="2",
            files={"bed/__init__.py": "__path__ = []\n"},
        ),
    )
    apply.apply_plan(backend, plan_install(backend, "bed-north"))
    apply.apply_plan(backend, plan_install(backend, "bed-south==1"))
    before = tree(backend.environment.interpreter.prefix)
    with pytest.raises(StageFailed, match=r"bed-north's module bed\.north cannot be"):
        apply.apply_plan(backend, plan_upgrade(backend, "bed-south"))
    assert tree(backend.environment.interpreter.prefix) == before


def test_uninstall_that_breaks_an_undeclared_dependent_is_refused(
    backend: Backend, garden: Demo, tree: Oracle
) -> None:
    garden.index.publish(
        BuiltWheel(name="bed-north", version="1", files={"bed/__init__.py": "", "bed/n.py": ""}),
        BuiltWheel(name="bed-south", version="1", files={"bed/s/__init__.py": "import bed.n\n"}),
    )
    apply.apply_plan(backend, plan_install(backend, "bed-north"))
    apply.apply_plan(backend, plan_install(backend, "bed-south"))
    before = tree(backend.environment.interpreter.prefix)
    with pytest.raises(StageFailed, match=r"bed-south's module bed\.s cannot be imported"):
        apply.apply_plan(backend, plan_uninstall(backend, "bed-north"))
    assert tree(backend.environment.interpreter.prefix) == before


def test_code_that_runs_at_startup_is_reported(backend: Backend, garden: Demo) -> None:
    garden.index.publish(bad_wheel(files={"beanpoles.pth": "import beanpoles\n"}))
    events: list[Event] = []
    plan = plan_upgrade(backend, "beanpoles")
    assert plan.warnings == ()
    apply.apply_plan(backend, plan, events.append)
    text = "beanpoles adds a file that runs each time Python starts (beanpoles.pth)"
    assert text in {event.text for event in events}


def test_startup_file_that_was_there_before_is_not_reported(backend: Backend, garden: Demo) -> None:
    files = {"beanpoles.py": POLES, "beanpoles.pth": "import beanpoles\n"}
    for version in ("1.2.9", "1.3"):
        events: list[Event] = []
        garden.index.publish(BuiltWheel(name="beanpoles", version=version, files=files))
        plan = plan_upgrade(backend, "beanpoles")
        assert plan.warnings == ()
        apply.apply_plan(backend, plan, events.append)
        texts = {event.text for event in events}
        assert any("each time Python starts" in text for text in texts) is (version == "1.2.9")


def test_plugin_for_a_missing_package_does_not_fail_the_import_check(
    backend: Backend, garden: Demo
) -> None:
    garden.index.publish(bad_wheel(files={"_beanpoles_plugin.py": "import a_test_runner\n"}))
    done = apply.apply_plan(backend, plan_upgrade(backend, "beanpoles"))
    assert done.outcome is Outcome.COMMITTED


# --- kernels


def repackage(name: str, version: str, **changed: str) -> BuiltWheel:
    """Build a wheel from a distribution installed here, with some files changed."""
    files: dict[str, str | bytes] = {}
    for path in distribution(name).files or ():
        inside = str(path)
        if path.suffix in (".py", ".svg", ".png") and "/tests/" not in inside:
            files[inside] = path.read_binary()
    return BuiltWheel(name=name, version=version, files=files | changed)


LAUNCHER = "if __name__ == '__main__':\n    raise SystemExit('no kernel today')\n"


@pytest.fixture
def backend_with_kernel(backend: Backend, garden: Demo) -> Backend:
    """Install ipykernel in the garden; its dependencies come from this environment."""
    folders = {str(distribution(name).locate_file("")) for name in ("pyzmq", "ipykernel")}
    (garden.site_packages / "lent.pth").write_text("\n".join(sorted(folders)))
    garden.index.publish(
        repackage("ipykernel", "7.91"),
        repackage("ipykernel", "7.92", **{"ipykernel_launcher.py": LAUNCHER}),
        repackage("ipykernel", "7.93", **{"ipykernel_launcher.py": f"# again\n{LAUNCHER}"}),
    )
    install_directly(garden, repackage("ipykernel", "7.90"))
    return backend


@pytest.mark.slow
def test_upgrade_after_which_no_kernel_starts_is_refused(
    backend_with_kernel: Backend, tree: Oracle
) -> None:
    """19: it can be imported, but no kernel starts."""
    before = tree(backend_with_kernel.environment.interpreter.prefix)
    no_kernel = r"with ipykernel 7\.92 no kernel starts \(it does not start: no kernel today\)"
    with pytest.raises(StageFailed, match=no_kernel):
        apply.apply_plan(
            backend_with_kernel, plan_upgrade(backend_with_kernel, "ipykernel", version="7.92")
        )
    assert tree(backend_with_kernel.environment.interpreter.prefix) == before


@pytest.mark.slow
def test_upgrade_after_which_a_kernel_starts_is_committed(
    backend_with_kernel: Backend, garden: Demo
) -> None:
    done = apply.apply_plan(
        backend_with_kernel, plan_upgrade(backend_with_kernel, "ipykernel", version="7.91")
    )
    assert done.outcome is Outcome.COMMITTED
    assert backend_with_kernel.import_checker.kernel() is None


@pytest.mark.slow
def test_kernel_that_already_failed_to_start_does_not_block(
    backend_with_kernel: Backend, garden: Demo
) -> None:
    (garden.site_packages / "ipykernel_launcher.py").write_text(LAUNCHER)
    done = apply.apply_plan(
        backend_with_kernel, plan_upgrade(backend_with_kernel, "ipykernel", version="7.93")
    )
    assert done.outcome is Outcome.COMMITTED


def test_kernel_check_runs_only_for_kernel_packages() -> None:
    for name, version, tried in (("traitlets", "2", True), ("pea", "2", False)):
        kit = FakeKit()
        for installed in ("ipykernel", name):
            kit.installer.put(_plain_wheel(installed, "1"), requested=True)
        kit.publish(_plain_wheel(name, version))
        plan = plan_upgrade(kit.backend, name)
        kit.import_checker.no_kernel = "it is broken"
        kit.import_checker.kernel_checks = 0
        done = apply.apply_plan(kit.backend, plan)  # as before, so no package is blamed
        assert done.outcome is Outcome.COMMITTED
        assert bool(kit.import_checker.kernel_checks) == tried


def test_kernel_failure_after_installation_is_rolled_back() -> None:
    kit = FakeKit()
    for installed in ("ipykernel", "traitlets"):
        kit.installer.put(_plain_wheel(installed, "1"), requested=True)
    kit.publish(_plain_wheel("traitlets", "2"))
    before = kit.tree()

    def spoil(event: Event) -> None:
        if event.stage == "installing":
            kit.import_checker.no_kernel = "it is broken"

    with pytest.raises(VerificationFailed, match=r"with traitlets 2 no kernel starts \(it is brok"):
        apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "traitlets"), spoil)
    assert kit.tree() == before


def _plain_wheel(name: str, version: str) -> BuiltWheel:
    return BuiltWheel(name=name, version=version, files={f"{name}.py": f"x = {version}\n"})


# --- files without a hash


def test_file_without_hash_is_unverified_and_its_hash_is_recorded(
    garden: Demo,
) -> None:
    newest = next(w for w in catalog.WHEELS if (w.name, w.version) == ("seedshelf", "1.4.2"))
    garden.index.publish(replace(newest, is_hash_listed=False))
    unhashed = connect(garden.python, garden.index_url)
    plan = plan_upgrade(unhashed, "seedshelf")
    assert plan.warnings == ("The index gives no hash of seedshelf, so the files are not verified",)
    assert plan.warnings[0] in str(plan)
    assert "The index gives no hash" in plan_html(plan)
    done = apply.apply_plan(unhashed, plan)
    journal = (unhashed.journal.folder(done.id) / "journal").read_text()
    assert re.search(r'"unverified": ?"seedshelf 1\.4\.2 [0-9a-f]{64}"', journal)


# --- upgrades of pkgwidgets itself


def pkgwidgets_wheel(version: str, **modules: str) -> BuiltWheel:
    files = {f"pkgwidgets/{name}.py": code for name, code in modules.items()}
    init = {"pkgwidgets/__init__.py": ""}
    return BuiltWheel(name="pkgwidgets", version=version, files=init | files)


@pytest.mark.parametrize("module", ["worker", "recover"])
def test_pkgwidgets_upgrade_that_could_not_undo_is_refused(
    garden: Demo, backend: Backend, tree: Oracle, module: str
) -> None:
    """It can be imported, but the modules that an undo needs cannot."""
    garden.index.publish(pkgwidgets_wheel("1.0", worker="", recover=""))
    apply.apply_plan(backend, plan_install(backend, "pkgwidgets"))
    before = tree(garden.folder / "env")
    garden.index.publish(
        pkgwidgets_wheel("2.0", **{"worker": "", "recover": "", module: "import nobody"})
    )
    message = rf"pkgwidgets 2\.0's module pkgwidgets\.{module} cannot be imported \(ModuleNotFound"
    with pytest.raises(StageFailed, match=message):
        apply.apply_plan(backend, plan_upgrade(backend, "pkgwidgets"))
    assert tree(garden.folder / "env") == before


def test_pkgwidgets_upgrade_with_other_modules_is_committed(garden: Demo, backend: Backend) -> None:
    garden.index.publish(pkgwidgets_wheel("1.0", worker="", recover=""))
    apply.apply_plan(backend, plan_install(backend, "pkgwidgets"))
    garden.index.publish(pkgwidgets_wheel("2.0", another=""))
    done = apply.apply_plan(backend, plan_upgrade(backend, "pkgwidgets"))
    assert done.outcome is Outcome.COMMITTED
