"""The throw-away environment: a virtual environment with the story installed, and its index."""

from __future__ import annotations

import atexit
import shutil
import sysconfig
import tempfile
import venv
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from . import catalog
from .index_server import DemoIndex
from .wheel_installer import WheelInstallation

_PREFIX = "pkgwidgets-demo-"


@dataclass(frozen=True, kw_only=True, slots=True)
class Demo:
    """A running demo; a context manager that leaves nothing behind."""

    folder: Path
    """All that it has on disk; removed on `close()`, or when Python ends."""
    python: Path
    site_packages: Path
    index: DemoIndex

    @property
    def index_url(self) -> str:
        """The index, as an installer wants it: `http://127.0.0.1:…/simple/`."""
        return self.index.url

    def close(self) -> None:
        """Stop the index and remove the folder; harmless when done already."""
        atexit.unregister(self.close)
        self.index.close()
        _remove(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Demo({self.folder})"


def start(folder: Path | None = None) -> Demo:
    """Make an environment and an index, both running until `close()`.

    `folder` must be new or empty, since it is removed in the end; FileExistsError otherwise.
    By default it is a temporary one. No process is started: the wheels are unpacked here.
    """
    with ExitStack() as undo:
        folder = _claimed(folder)
        undo.callback(_remove, folder)
        index = undo.enter_context(DemoIndex(catalog.WHEELS))
        scheme = _created(folder / "env")
        python = scheme["scripts"] / "python"
        _install_story(python, scheme)
        undo.pop_all()
    demo = Demo(folder=folder, python=python, site_packages=scheme["purelib"], index=index)
    atexit.register(demo.close)
    return demo


def _claimed(folder: Path | None) -> Path:
    if folder is None:
        return Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty, and a demo removes its folder in the end")
    return folder


def _created(root: Path) -> dict[str, Path]:
    """Create a virtual environment and return its folders, by sysconfig's names."""
    # Only pip would need a process. A symlink finds its library where a copy may not.
    venv.create(root, with_pip=False, symlinks=True)
    roots = {"base": str(root), "platbase": str(root)}
    return {key: Path(path) for key, path in sysconfig.get_paths("venv", roots).items()}


def _install_story(python: Path, scheme: dict[str, Path]) -> None:
    released = {f"{wheel.name}=={wheel.version}": wheel for wheel in catalog.WHEELS}
    for pin in catalog.INSTALLED:
        wheel = released[pin]
        WheelInstallation(
            wheel=wheel,
            python=python,
            scheme=scheme,
            requested=wheel.id not in catalog.DEPENDENCIES,
        ).run()


def _remove(folder: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
