"""The environments that the notebooks run in, made when they are first needed."""

from __future__ import annotations

import subprocess
import sysconfig
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import uv
from rehearsal_truth import wheels
from rehearsal_truth.truth import TruthNotebook

from pkgwidgets import PackageService, demo
from pkgwidgets.core.plans import Plan
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.demo.wheel_installer import WheelInstallation

_KERNEL = ("ipykernel<7", "nbformat", "jinja2==3.1.2")
REQUIREMENTS = {
    "older": (
        *_KERNEL, "pandas==1.5.3", "numpy==1.26.4", "matplotlib==3.7.5", "altair==4.2.2",
        "plotly==5.22.0", "sqlalchemy==1.4.54", "tqdm==4.65.0", "ipywidgets==7.8.5",
    ),
    "newer": (*_KERNEL, "pandas==2.2.2", "numpy==1.26.4", "altair==5.2.0"),
}  # fmt: skip
"""What each environment with real packages has, apart from dependencies."""


class Environments:
    """A context manager: services for the environments, and plans for the notebooks.

    Real packages come from `index_url`, by default from the one that uv uses.
    """

    def __init__(self, folder: Path, index_url: str | None = None) -> None:
        self._folder = folder
        self._index_url = index_url
        self._exits = ExitStack()
        self._services: dict[str, PackageService] = {}
        self._plans: dict[tuple[object, ...], Plan] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._exits.close()

    def service(self, name: str) -> PackageService:
        """Return the service of an environment."""
        if name not in self._services:
            make = self._make_demo if name == "demo" else self._make_real
            self._services[name] = make(name)
        return self._services[name]

    def plan(self, notebook: TruthNotebook) -> Plan:
        """Return the plan of a notebook's upgrade; raises `ValueError` if it changes nothing."""
        key = (notebook.environment, notebook.upgrade, notebook.version)
        if key not in self._plans:
            plan = self.service(notebook.environment).plan_upgrade(
                notebook.upgrade, notebook.version, allow="all", report=lambda event: None
            )
            if not {change.id for change in plan.changes}.issuperset(notebook.upgrade):
                raise ValueError(f"{notebook.name}: the plan is {plan}; {plan.held_back}")
            self._plans[key] = plan
        return self._plans[key]

    def _make_demo(self, name: str) -> PackageService:
        garden = self._exits.enter_context(demo.start(self._folder / name))
        garden.index.publish(*wheels.INSTALLED, *wheels.NEWER)
        install_wheels(garden, *wheels.INSTALLED)
        return PackageService(garden.python, index_url=garden.index_url)

    def _make_real(self, name: str) -> PackageService:
        folder = self._folder / name
        python = folder / "bin" / "python"
        index = ["--default-index", self._index_url] if self._index_url else []
        for argv in (
            ["venv", "--quiet", str(folder)],
            ["pip", "install", "--quiet", "--python", str(python), *index, *REQUIREMENTS[name]],
        ):
            subprocess.run([uv.find_uv_bin(), *argv], check=True)
        return PackageService(python, index_url=self._index_url)


def install_wheels(garden: Demo, *built: BuiltWheel) -> None:
    """Unpack wheels into the demo's environment."""
    roots = {"base": str(garden.folder / "env"), "platbase": str(garden.folder / "env")}
    scheme = {key: Path(path) for key, path in sysconfig.get_paths("venv", roots).items()}
    for wheel in built:
        WheelInstallation(wheel=wheel, python=garden.python, scheme=scheme, requested=True).run()
