"""Copies of a real environment: their kernels run, and another Python has what it can have."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import uv
from jupyter_client.manager import start_new_kernel
from lock_files import installed_in

from pkgwidgets import PackageService

pytestmark = pytest.mark.slow

PACKAGES = ("ipykernel", "numpy==1.25.2", "requests", "attrs")
"""This numpy has no wheel for Python 3.12."""
LOOK = """
import importlib, json, sys
modules = {name: importlib.import_module(name) for name in NAMES}
print(json.dumps([sys.prefix, sys.version_info[:2], {n: m.__file__ for n, m in modules.items()}]))
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment with real packages."""
    folder = tmp_path_factory.mktemp("source") / "env"
    program = uv.find_uv_bin()
    subprocess.run([program, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    install = [program, "pip", "install", "--quiet", "--python", str(python), *PACKAGES]
    subprocess.run(install, check=True)
    return python


@pytest.fixture
def service(source: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> PackageService:
    for name in ("XDG_DATA_HOME", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return PackageService(source)


def ask_kernel(name: str, modules: list[str]) -> Any:
    """Start the kernel of this name as Jupyter does; return what it knows of modules."""
    manager, client = start_new_kernel(kernel_name=name)
    lines: list[str] = []

    def keep(message: dict[str, Any]) -> None:
        lines.append(message["content"].get("text", ""))

    try:
        code = LOOK.replace("NAMES", repr(modules))
        reply = client.execute_interactive(code, output_hook=keep, timeout=120)
        assert reply["content"]["status"] == "ok", reply
        return json.loads("".join(lines))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_kernel_of_a_copy_imports_its_packages(service: PackageService, source: Path) -> None:
    copy = service.copy_environment("twin")
    assert copy.notes == ()
    assert installed_in(copy.python) == installed_in(source)
    modules = ["numpy", "requests", "attrs", "ipykernel"]
    prefix, _, files = ask_kernel(copy.kernel, modules)
    assert Path(prefix) == copy.folder
    assert all(Path(file).is_relative_to(copy.folder) for file in files.values())
    assert service.drift(copy.folder).empty


@pytest.fixture
def other_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Python 3.12 on the path; pyenv's own command there may be set to another version."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = sorted(root.glob("versions/3.12.*/bin/python3.12"))
    if found:
        monkeypatch.setenv("PATH", f"{found[-1].parent}{os.pathsep}{os.environ['PATH']}")
    assert found or shutil.which("python3.12"), "Python 3.12 is neither on the path nor in pyenv"


@pytest.mark.usefixtures("other_python")
def test_copy_for_another_python_names_what_differs(service: PackageService, source: Path) -> None:
    plan = service.plan_copy("next", python="3.12")
    assert plan.python_version.startswith("3.12.")
    assert [*plan.left_out] == ["numpy"]
    assert plan.left_out["numpy"].startswith("1.25.2 ")
    assert "numpy is left out: 1.25.2 " in str(plan)
    copy = service.copy_environment(plan)
    differing = {line for line in installed_in(source) if not line.startswith("numpy==")}
    assert installed_in(copy.python) == differing
    prefix, version, _ = ask_kernel(copy.kernel, ["requests", "attrs", "ipykernel"])
    assert (Path(prefix), version) == (copy.folder, [3, 12])
    frame = service.drift(copy.folder)
    assert frame["difference"].astype(str).to_dict() == {"numpy": "not in the lock"}
