"""A process keeps using the version of pkgwidgets that it has loaded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import pkgwidgets
from pkgwidgets.backends.worker.code_snapshot import CodeSnapshot

_WITH_FINDER = """
from pkgwidgets.backends.worker import code_snapshot
from pkgwidgets.connect import recovery_archive
code_snapshot.install_finder()
"""
_PROCESS = """
import sys
sys.path.insert(0, sys.argv[1])
exec(sys.argv[2])
print("ready", flush=True)
for line in sys.stdin:
    try:
        exec(line)
    except ImportError as error:
        print("ImportError", error, flush=True)
"""
_LATER = "\nfrom pkgwidgets.core.errors import LATER\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Copy pkgwidgets to a folder whose files a test can replace."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(pkgwidgets.__file__).parent, tmp_path / "pkgwidgets", ignore=ignored)
    return tmp_path


def replace_files(site: Path) -> None:
    """Replace the files by another version, as an installer does: write and rename."""
    for path in [*site.rglob("*.py")]:
        beside = path.with_suffix(".new")
        beside.write_text(path.read_text("utf-8") + _LATER, "utf-8")
        beside.replace(path)


class Process:
    """A process that has loaded a part of pkgwidgets and executes lines of code."""

    def __init__(self, site: Path, start: str = _WITH_FINDER) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-c", _PROCESS, str(site), start],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=site,
            env={"TMPDIR": str(site), "PATH": os.defpath},
        )

    def execute(self, line: str) -> str:
        assert self._child.stdin is not None
        self._child.stdin.write(line + "\n")
        self._child.stdin.flush()
        return self.read_line()

    def end(self) -> None:
        if self._child.returncode is None:
            self._child.communicate(timeout=60)

    def read_line(self) -> str:
        assert self._child.stdout is not None
        return self._child.stdout.readline().strip()


@pytest.fixture
def process(site: Path) -> Iterator[Process]:
    started = Process(site)
    try:
        assert started.read_line() == "ready"
        yield started
    finally:
        started.end()  # also where the test fails


@pytest.mark.slow
@pytest.mark.parametrize(
    "start",
    [
        pytest.param("from pkgwidgets import PackageService", id="notebook"),
        pytest.param(
            "from pkgwidgets.server.environments import Environments; Environments(0, 0, 0)",
            id="server",
        ),
    ],
)
def test_process_that_lives_on_imports_every_module_of_its_version(site: Path, start: str) -> None:
    """Nothing but its start was loaded when another notebook upgraded pkgwidgets."""
    started = Process(site, start)
    try:
        assert started.read_line() == "ready"
        replace_files(site)
        panel = "import pkgwidgets.widgets.panel, pkgwidgets.connect as c; c.load_all()"
        assert started.execute(f"{panel}; print('loaded', flush=True)") == "loaded"
        service = "from pkgwidgets import PackageService; service = PackageService()"
        listed = "print('pandas' in service.get_packages().index, flush=True)"
        assert started.execute(f"{service}; {listed}") == "True"
    finally:
        started.end()


def test_module_beside_unchanged_files_needs_no_copy(site: Path) -> None:
    ours = CodeSnapshot(site / "pkgwidgets")
    (site / "pkgwidgets" / "widgets" / "static" / "panel.css").write_bytes(b"/* another */")
    assert ours.package("core") == site / "pkgwidgets"
    assert ours.package("backends/index") == site / "pkgwidgets"
    # A widget reads its style when it is imported.
    assert (ours.package("widgets") / "widgets" / "static" / "panel.css").stat().st_size > 20
    assert ours.package() != site / "pkgwidgets"


def test_late_import_is_of_the_loaded_version(process: Process, site: Path) -> None:
    replace_files(site)
    late = "import pkgwidgets.presentation.value_html as html; print(html.__file__, flush=True)"
    file = Path(process.execute(late))
    assert file.name == "value_html.py"
    assert file.parent.parent.parent.name.startswith("pkgwidgets-code-")
    assert (
        process.execute("import pkgwidgets.backends.index.simple; print('fine', flush=True)")
        == "fine"
    )
    process.end()
    assert not file.exists()
    assert list(site.glob("pkgwidgets-code-*")) == []


def test_no_copy_is_made_while_the_files_are_unchanged(process: Process, site: Path) -> None:
    late = "import pkgwidgets.presentation.value_html as html; print(html.__file__, flush=True)"
    assert process.execute(late) == str(site / "pkgwidgets" / "presentation" / "value_html.py")
    assert list(site.glob("pkgwidgets-code-*")) == []


def test_import_of_a_folder_looks_at_no_other_folder(process: Process, site: Path) -> None:
    (site / "pkgwidgets" / "backends" / "index" / "simple.py").write_text(_LATER)
    late = "import pkgwidgets.backends.{0} as it; print(it.__file__, flush=True)"
    folder = site / "pkgwidgets" / "backends" / "advisories"
    assert process.execute(late.format("advisories")) == str(folder / "__init__.py")
    assert process.execute(late.format("advisories.late_source")) == str(folder / "late_source.py")
    assert not process.execute(late.format("index.kept_file")).startswith(str(folder.parent))


def test_reloaded_module_is_the_installed_one(process: Process, site: Path) -> None:
    replace_files(site)
    again = "import importlib, pkgwidgets.core.text as words; importlib.reload(words)"
    assert process.execute(again).startswith("ImportError cannot import name 'LATER'")


def test_package_imported_again_is_the_installed_one(process: Process, site: Path) -> None:
    replace_files(site)
    dropped = "[sys.modules.pop(n) for n in list(sys.modules) if n.startswith('pkgwidgets')]"
    assert process.execute(f"{dropped}; import pkgwidgets").startswith(
        "ImportError cannot import name"
    )


def test_recovery_archive_is_of_the_loaded_version(process: Process, site: Path) -> None:
    replace_files(site)
    process.execute("open('made.pyz', 'wb').write(recovery_archive()); print(flush=True)")
    with zipfile.ZipFile(site / "made.pyz") as made:
        assert all(_LATER.encode() not in made.read(name) for name in made.namelist())


def test_restored_files_need_no_copy(site: Path) -> None:
    ours = CodeSnapshot(site / "pkgwidgets")
    whole = (site / "pkgwidgets" / "connect.py").read_bytes()
    (site / "pkgwidgets" / "connect.py").unlink()
    assert ours.package() != site / "pkgwidgets"
    (site / "pkgwidgets" / "connect.py").write_bytes(whole)
    assert ours.package() == site / "pkgwidgets"


def test_deleted_copy_is_written_again(site: Path) -> None:
    ours = CodeSnapshot(site / "pkgwidgets")
    whole = (site / "pkgwidgets" / "connect.py").read_bytes()
    (site / "pkgwidgets" / "connect.py").write_bytes(b"# another\n")
    first = ours.package()
    (first / "connect.py").unlink()
    assert (ours.package() / "connect.py").read_bytes() == whole
    shutil.rmtree(first.parent)
    second = ours.package()
    assert (second / "connect.py").read_bytes() == whole
    assert (second / "widgets" / "static" / "panel.css").is_file()
    assert second != first
