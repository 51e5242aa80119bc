"""A server finds the extension of the wheel, and it is enabled."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import uv

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_server_extension_of_the_wheel_is_enabled_and_ok(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    env = tmp_path / "env"
    tool, python = uv.find_uv_bin(), env / "bin" / "python"
    subprocess.run([tool, "venv", "--quiet", "--python", sys.executable, str(env)], check=True)
    install = [tool, "pip", "install", "--quiet", "--no-deps", "--python", str(python), str(wheel)]
    subprocess.run([*install, "--offline"], check=True)
    # Its dependencies are those that these tests run with, after what is installed here.
    [site_packages] = env.glob("lib/python*/site-packages")
    (site_packages / "lent.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", "utf-8")
    variables = {**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path / "config")}
    code = "from jupyter_server.extension.serverextension import main; main()"
    argv = [str(python), "-c", code, "list"]
    done = subprocess.run(
        argv, env=variables, cwd=tmp_path, check=True, capture_output=True, text=True
    )
    output = done.stdout + done.stderr
    assert f"{env}/etc/jupyter" in output
    lines = [line.strip() for line in output.splitlines() if "pkgwidgets" in line]
    assert any(line.startswith("pkgwidgets") and "enabled" in line for line in lines), output
    assert any("pkgwidgets" in line and "OK" in line for line in lines), output
    where = "import pkgwidgets.server.app as app; print(app.__file__)"
    imported = subprocess.run(
        [str(python), "-c", where], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert Path(imported.stdout.strip()).is_relative_to(env)
