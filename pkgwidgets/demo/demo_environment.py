"""The throw-away environment: a virtual environment with the demo's projects, and its index."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import sysconfig
import tempfile
import time
import venv
from collections.abc import Iterable, Set
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from errno import ENOENT, ENOTEMPTY
from pathlib import Path
from typing import Self

from . import advisories, catalog, stand_ins
from .index_server import DemoIndex
from .wheel_builder import BuiltWheel
from .wheel_installer import WheelInstallation

_FOLDER_PREFIX = "pkgwidgets-demo-"
VARIABLE = "PKGWIDGETS_DEMO_KERNEL"
"""Set for a kernel of the demo: the folder of the environment that it runs in."""
_ROOT = "env"
_PATIENCE_SECONDS = 10
_PAUSE_SECONDS = 0.05
_USED = "used"
"""The file that says that a notebook was given the environment of its kernel."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Demo:
    """A running demo; a context manager that leaves nothing behind.

    `python` is the interpreter of its environment, and `site_packages` the folder of the packages.

    >>> from pkgwidgets import demo
    >>> with demo.start() as garden:
    ...     garden.python.is_relative_to(garden.folder)
    True
    >>> garden.folder.exists()
    False
    """

    folder: Path
    """The folder of all its files; removed on `close()`, or when Python exits."""
    python: Path
    site_packages: Path
    index: DemoIndex
    is_of_kernel: bool = False
    """Whether this kernel runs in the environment: then the folder is removed with the kernel."""

    @property
    def index_url(self) -> str:
        """The URL of the index for installers: `http://127.0.0.1:…/simple/` (PEP 503).

        >>> garden.index_url.startswith("http://127.0.0.1:")
        True
        """
        return self.index.url

    def close(self) -> None:
        """Stop the index and remove the folder. Idempotent."""
        atexit.unregister(self.close)
        self.index.close()
        if not self.is_of_kernel:
            remove_folder(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Demo({self.folder})"


def start(folder: Path | None = None, *, with_stand_ins: bool = False) -> Demo:
    """Create an environment and start its index; both exist until `close()`.

    `folder` is removed on `close()`, so it must be new or empty: FileExistsError otherwise. By
    default it is a temporary one. No process is started: the wheels are unpacked in this one.
    `with_stand_ins` installs, in place of the invented packages, `stand_ins`: packages with the
    names and versions of pandas, streamlit and others, and none of their code.

    In a notebook of `pkgwidgets demo`, the first call without arguments returns the environment
    that its kernel runs in. *Packages* in the toolbar shows the same one.

    >>> from pkgwidgets import demo
    >>> with demo.start() as garden:
    ...     len([*garden.site_packages.glob("*.dist-info")])
    11
    """
    own = Path(os.environ.get(VARIABLE, ""))
    if folder is None and not with_stand_ins and own.is_absolute() and own.is_dir():
        del os.environ[VARIABLE]
        (own / _USED).touch()
        return _running(own, scheme_of(own), _index(with_stand_ins=False).start(), of_kernel=True)
    with ExitStack() as undo:
        folder = _claim_folder(folder)
        undo.callback(remove_folder, folder)
        index = undo.enter_context(_index(with_stand_ins=with_stand_ins))
        scheme = create(folder, with_stand_ins=with_stand_ins)
        undo.pop_all()
    return _running(folder, scheme, index)


def create(folder: Path, *, with_stand_ins: bool) -> dict[str, Path]:
    """Create an environment in an empty folder; return its folders, by sysconfig's names."""
    # Installing pip would start a process. A copied interpreter may not find its library.
    venv.create(folder / _ROOT, with_pip=False, symlinks=True)
    scheme = scheme_of(folder)
    _configure_advisories(folder / _ROOT, advisories.write_records(folder))
    projects = stand_ins if with_stand_ins else catalog
    _install_projects(
        scheme["scripts"] / "python",
        scheme,
        projects.WHEELS,
        projects.INSTALLED,
        projects.DEPENDENCIES,
    )
    return scheme


def scheme_of(folder: Path) -> dict[str, Path]:
    """Return the folders of the environment in `folder`, by sysconfig's names."""
    roots = dict.fromkeys(("base", "platbase"), str(folder / _ROOT))
    return {key: Path(path) for key, path in sysconfig.get_paths("venv", roots).items()}


def is_used(folder: Path) -> bool:
    """Return whether a kernel's environment was given to its notebook."""
    return (folder / _USED).exists()


def index_of_everything() -> DemoIndex:
    """Return an index of the invented packages and of the stand-ins, which is not started."""
    index = _index(with_stand_ins=False)
    index.publish(*stand_ins.WHEELS)
    return index


def _index(*, with_stand_ins: bool) -> DemoIndex:
    if with_stand_ins:
        return DemoIndex(stand_ins.WHEELS)
    index = DemoIndex((*catalog.WHEELS, *catalog.other_wheels(datetime.now(UTC))))
    index.set_status(catalog.QUARANTINED, "quarantined", "it uploads your seed list")
    return index


def _running(
    folder: Path, scheme: dict[str, Path], index: DemoIndex, *, of_kernel: bool = False
) -> Demo:
    demo = Demo(
        folder=folder,
        python=scheme["scripts"] / "python",
        site_packages=scheme["purelib"],
        index=index,
        is_of_kernel=of_kernel,
    )
    atexit.register(demo.close)
    return demo


def _claim_folder(folder: Path | None) -> Path:
    if folder is None:
        return Path(tempfile.mkdtemp(prefix=_FOLDER_PREFIX)).resolve()
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(
            f"{folder} is not empty. A demo needs an empty folder, because it deletes it at the end"
        )
    return folder


def _configure_advisories(prefix: Path, records: Path) -> None:
    """Name the records in the environment's own file, so that the user's settings stay as is."""
    text = f"[advisories]\nsources = [{json.dumps(str(records))}]\n"
    (prefix / "pkgwidgets.toml").write_text(text, encoding="utf-8")


def _install_projects(
    python: Path,
    scheme: dict[str, Path],
    wheels: Iterable[BuiltWheel],
    releases: Iterable[str],
    dependencies: Set[str],
) -> None:
    by_release = {f"{wheel.name}=={wheel.version}": wheel for wheel in wheels}
    for release in releases:
        wheel = by_release[release]
        WheelInstallation(
            wheel=wheel, python=python, scheme=scheme, requested=wheel.id not in dependencies
        ).run()


def remove_folder(folder: Path) -> None:
    """Remove a folder, also while a plan or its uv still writes a file into it."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while folder.exists():
        try:
            shutil.rmtree(folder)
        except OSError as error:
            if error.errno not in (ENOENT, ENOTEMPTY) or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
