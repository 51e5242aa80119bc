"""A notebook upgrades pkgwidgets and its own kernel from real wheels, and undoes it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import uv
from fakes import Oracle
from worker.notebook_kernel import Notebook, start_kernel

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
SOURCES = ("pkgwidgets", "jupyter-config", "notebooks", "pyproject.toml", "README.md", "LICENSE")
OLD = ("pkgwidgets==0.2.0", "ipykernel==6.31.0", "pyzmq==26.4.0", "pip==23.3", "uv==0.13.8")
"""The old versions. Newer ones come from the configured index, for pkgwidgets from here."""

RESTART = {
    "uv": "advised",
    "pip": "not needed",
    "ipykernel": "required",
    "pyzmq": "required",
    "pkgwidgets": "required",
}
"""The restart verdict in a kernel that has created a service."""

QUOTES = "'"
SERVICE = "from pkgwidgets import PackageService; service = PackageService()"


def _run(*argv: str | Path, cwd: Path | None = None) -> None:
    subprocess.run([*map(str, argv)], cwd=cwd, check=True, capture_output=True)


def _build_wheel(source: Path, wheels: Path) -> None:
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", wheels, cwd=source)


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


def _make_incompatible(source: Path) -> None:
    """Turn a source tree into a later version with other formats and incompatible modules."""
    package = source / "pkgwidgets"
    _edit(package / "__init__.py", '\n__version__ = "0.2.0"', '\n__version__ = "0.3.0"')
    _edit(package / "backends" / "worker" / "launcher.py", "\n_FORMAT = 2", "\n_FORMAT = 3")
    _edit(package / "backends" / "store" / "journal_file.py", "\nFORMAT = 1", "\nFORMAT = 2")
    for module in (
        "presentation/value_html.py",
        "backends/index/simple.py",
        "backends/index/multi.py",
        "widgets/panel.py",
    ):
        with (package / module).open("a", encoding="utf-8") as file:
            file.write("\nfrom pkgwidgets.core.plans import LATER\n")
    with (package / "core" / "plans.py").open("a", encoding="utf-8") as file:
        file.write("\nLATER = True\n")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build wheels of this pkgwidgets and of an incompatible later version."""
    source, wheels = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheels")
    for name in SOURCES:
        copied = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copied(ROOT / name, source / name)
    _build_wheel(source, wheels)
    _make_incompatible(source)
    _build_wheel(source, wheels)
    return wheels


@dataclass(frozen=True, kw_only=True)
class KernelEnvironment:
    """An environment with pkgwidgets and ipykernel that can start kernels."""

    prefix: Path
    start: Callable[[], AbstractContextManager[Notebook]]


@pytest.fixture(scope="module")
def home(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> KernelEnvironment:
    folder = tmp_path_factory.mktemp("home")
    python = folder / "env" / "bin" / "python"
    uv_path = uv.find_uv_bin()
    _run(uv_path, "venv", "--quiet", "--python", sys.executable, folder / "env")
    install = (uv_path, "pip", "install", "--quiet", "--python", python, "--find-links", wheels)
    _run(*install, *OLD)
    caches = {"UV_FIND_LINKS": str(wheels), "XDG_CACHE_HOME": str(folder / "cache")}
    variables = {**os.environ, **caches}
    return KernelEnvironment(
        prefix=folder / "env", start=partial(start_kernel, python, folder, variables)
    )


@pytest.fixture
def notebook(home: KernelEnvironment) -> Iterator[Notebook]:
    with home.start() as notebook:
        assert notebook.run(SERVICE) == ""
        yield notebook


def kernel_starts(home: KernelEnvironment) -> bool:
    """Return whether a new kernel starts and lists ipykernel."""
    with home.start() as another:
        assert another.run("1 + 1") == "2"
        another.run(SERVICE)
        return another.run("'ipykernel' in service.get_packages().index") == "True"


@pytest.mark.parametrize("name", RESTART)
def test_notebook_upgrades_its_own_packages_and_undoes_it(
    home: KernelEnvironment, notebook: Notebook, tree: Oracle, name: str
) -> None:
    before = tree(home.prefix)
    version = notebook.run(f"service.get_package({name!r}).version")
    notebook.run(f"plan = service.plan_upgrade({name!r})")
    assert notebook.run("plan.restart.verdict") == repr(RESTART[name])
    why = f"restart {RESTART[name]}: {name} {version.strip(QUOTES)} is loaded"
    is_loaded = RESTART[name] != "not needed"
    assert (why in notebook.run("str(plan)")) == is_loaded
    assert notebook.run("str(service.apply(plan).outcome)") == "'committed'"
    assert tree(home.prefix) != before

    # The same kernel goes on, on the modules that it has, and on those that it had not yet.
    assert notebook.run(f"service.get_package({name!r}).version") not in (version, "")
    if is_loaded:
        assert notebook.run(f"service.get_package({name!r}).loaded_version") == version
    other = "pip" if name != "pip" else "ipykernel"
    notebook.run(f"another = service.plan_upgrade({other!r})")
    assert notebook.run(f"{other!r} in {{change.id for change in another.changes}}") == "True"
    assert notebook.run("another._repr_html_()").startswith("'<table>")
    assert notebook.run("service.check_for_updates('pandas')['error'].isna().all()") == "np.True_"
    assert kernel_starts(home)

    assert notebook.run("str(service.undo().outcome)") == "'committed'"
    assert tree(home.prefix) == before
    assert notebook.run("service.history()['outcome'].tolist()[:2]") == "['committed', 'committed']"
    assert kernel_starts(home)


def test_other_notebooks_keep_working_after_a_pkgwidgets_upgrade(
    home: KernelEnvironment, notebook: Notebook, tree: Oracle
) -> None:
    """The other notebook has only listed packages: most modules are not imported there yet."""
    before = tree(home.prefix)
    with home.start() as other:
        other.run(SERVICE)
        assert other.run("'pandas' in service.get_packages().index") == "True"
        assert notebook.run("str(service.upgrade_package('pkgwidgets').outcome)") == "'committed'"
        assert other.run("service.get_package('pkgwidgets').version") == "'0.3.0'"
        assert other.run("service.get_package('pkgwidgets')._repr_html_()[:7]") == "'<table>'"
        assert other.run("bool(service.plan_upgrade('pip'))") == "True"
        assert other.run("from pkgwidgets import PackagePanel; panel = PackagePanel(service)") == ""
        assert other.run("str(service.undo().outcome)") == "'committed'"
    assert tree(home.prefix) == before
