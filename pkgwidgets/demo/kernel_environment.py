"""The environment that a kernel of the demo runs in, so that *Packages* shows the demo's own."""

from __future__ import annotations

import os
import shutil
import site
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from . import demo_environment

STORY = "story.ipynb"
"""The notebook whose kernel has the stand-ins."""
_STAND_IN_MODULES = frozenset({"matplotlib", "numpy", "pandas", "sklearn", "streamlit"})
"""The stand-ins that a cell should import, and that no library of the kernel needs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelEnvironment:
    """A throw-away environment for one kernel, and its temporary files, in the folder `place`.

    IPython, pkgwidgets and what they need are not installed in it. They are on the kernel's path.
    """

    place: Path
    with_stand_ins: bool = False

    @property
    def _garden(self) -> Path:
        return self.place / "garden"

    def prepare(self) -> Path:
        """Return the Python for the kernel; create what does not exist.

        The environment is created anew if a notebook got it from `demo.start()`. So a notebook
        that is run again after a restart begins as it did the first time.
        """
        (self.place / "tmp").mkdir(parents=True, exist_ok=True)
        if not self._libraries.exists():
            link_libraries(self._libraries, without=self._replaced)
        if demo_environment.is_used(self._garden):
            shutil.rmtree(self._garden)
        if not self._garden.exists():
            self._garden.mkdir()
            scheme = demo_environment.create(self._garden, with_stand_ins=self.with_stand_ins)
            _link_uv(scheme["scripts"])
        return demo_environment.scheme_of(self._garden)["scripts"] / "python"

    def variables(self) -> dict[str, str]:
        """Return the environment variables of the kernel that differ from the server's."""
        paths = [str(self._libraries), os.environ.get("PYTHONPATH", "")]
        own = {} if self.with_stand_ins else {demo_environment.VARIABLE: str(self._garden)}
        return {
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "TMPDIR": str(self.place / "tmp"),
            **own,
        }

    def remove(self) -> None:
        """Delete everything; also what a kernel that was killed has left."""
        shutil.rmtree(self.place, ignore_errors=True)

    @property
    def _libraries(self) -> Path:
        # Not "site-packages": its contents would count as installed.
        return self.place / "libraries"

    @property
    def _replaced(self) -> frozenset[str]:
        return _STAND_IN_MODULES if self.with_stand_ins else frozenset()


def link_libraries(folder: Path, *, without: Collection[str] = ()) -> None:
    """Link pkgwidgets, and what this Python has installed, into a new folder.

    The names in `without` are left out.
    """
    (folder / "bin").mkdir(parents=True)
    _link_uv(folder / "bin")  # next to its package, for a Python in another environment
    for path in (Path(__file__).parents[1], *_installed()):
        link = folder / path.name
        if path.suffix != ".pth" and path.name not in without and not os.path.lexists(link):
            link.symlink_to(path)


def _installed() -> Iterator[Path]:
    own = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    for folder in map(Path, [*own, *site.getsitepackages()]):
        if folder.is_dir():
            yield from sorted(folder.iterdir())


def _link_uv(scripts: Path) -> None:
    """Link uv to where its package looks for it first."""
    with suppress(ImportError, FileNotFoundError):  # else it is found on PATH
        import uv

        (scripts / "uv").symlink_to(uv.find_uv_bin())
