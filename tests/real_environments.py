"""Environments as years of other tools leave them: helpers for the tests of real reports."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import uv

from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.demo.wheel_installer import WheelInstallation


def install_directly(garden: Demo, *wheels: BuiltWheel) -> None:
    """Install wheels without a plan or a transaction, as another tool would."""
    roots = {"base": str(garden.folder / "env"), "platbase": str(garden.folder / "env")}
    scheme = {key: Path(path) for key, path in sysconfig.get_paths("venv", roots).items()}
    for wheel in wheels:
        WheelInstallation(wheel=wheel, python=garden.python, scheme=scheme, requested=True).run()


def uv_finds_conflicts(garden: Demo) -> bool:
    """Return whether `uv pip check` finds an unmet requirement."""
    command = [uv.find_uv_bin(), "pip", "check", "--no-config", "--python", str(garden.python)]
    return subprocess.run(command, capture_output=True, check=False).returncode != 0


def runs(garden: Demo, code: str) -> bool:
    """Return whether code runs in the environment."""
    command = [str(garden.python), "-c", code]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def write_development_link(garden: Demo, name: str, requires: str, code: str) -> Path:
    """Link a source folder as `setup.py develop` did; return the folder."""
    source = garden.folder / f"{name}-source"
    egg_info = source / f"{name}.egg-info"
    egg_info.mkdir(parents=True)
    (egg_info / "PKG-INFO").write_text(f"Metadata-Version: 1.0\nName: {name}\nVersion: 0.9\n")
    (egg_info / "requires.txt").write_text(f"{requires}\n")
    (source / f"{name}.py").write_text(code)
    (garden.site_packages / f"{name}.egg-link").write_text(f"{source}\n.")
    with (garden.site_packages / "easy-install.pth").open("a") as file:
        file.write(f"{source}\n")
    return source


def write_egg(garden: Demo, name: str, requires: str, code: str) -> Path:
    """Install an egg as `easy_install` did; return its folder."""
    egg = garden.site_packages / f"{name}-0.9-py3.egg"
    (egg / "EGG-INFO").mkdir(parents=True)
    metadata = f"Metadata-Version: 1.0\nName: {name}\nVersion: 0.9\n"
    (egg / "EGG-INFO" / "PKG-INFO").write_text(metadata)
    (egg / "EGG-INFO" / "requires.txt").write_text(f"{requires}\n")
    (egg / f"{name}.py").write_text(code)
    with (garden.site_packages / "easy-install.pth").open("a") as file:
        file.write(f"./{egg.name}\n")
    return egg
