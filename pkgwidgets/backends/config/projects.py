"""Find the uv, Poetry, PDM, Pipenv, Hatch or pixi project that an environment belongs to.

Sources:

- https://docs.astral.sh/uv/concepts/projects/config/: the project environment.
- https://python-poetry.org/docs/configuration/: virtualenvs.in-project and virtualenvs.path.
- https://pdm-project.org/latest/usage/venv/.
- https://hatch.pypa.io/latest/plugins/environment/virtual/.
- https://pixi.sh/latest/workspace/environment/.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from pkgwidgets.core.projects import OwningProject

from .uv_files import read_toml, working_folder

_LOCKS = (
    ("uv.lock", "uv", "pyproject.toml", "uv sync"),
    ("poetry.lock", "Poetry", "pyproject.toml", "poetry sync"),
    ("pdm.lock", "PDM", "pyproject.toml", "pdm sync"),
    ("Pipfile.lock", "Pipenv", "Pipfile", "pipenv sync"),
)
"""Lock files with the tool that writes them, the file of the project, and the command."""
_SECTIONS = (("poetry", "Poetry", "poetry sync"), ("pdm", "PDM", "pdm sync"))
"""Tables below `tool` that mark a project without a lock file."""
_IN_PROJECT = frozenset({".venv", "venv"})


def owning_project(prefix: Path, folder: Path | None = None) -> OwningProject | None:
    """Return the project of the environment at `prefix`; None without one.

    It is beside the environment, or in `folder` or above it.
    """
    return next(_candidates(prefix, working_folder(folder)), None)


def _candidates(prefix: Path, here: Path) -> Iterator[OwningProject]:
    yield from _pixi(prefix)
    yield from _hatch(prefix, here)
    if prefix.name in _IN_PROJECT:
        yield from _project_in(prefix.parent)
    for root in (here, *here.parents):
        if _has_environment(root, prefix):
            yield from _project_in(root)


def _project_in(root: Path) -> Iterator[OwningProject]:
    for lock, tool, file, command in _LOCKS:
        if (root / lock).is_file() and (root / file).is_file():
            yield OwningProject(tool=tool, file=root / file, command=command)
    for section, tool, command in _SECTIONS:
        if section in _tools(root):
            yield OwningProject(tool=tool, file=root / "pyproject.toml", command=command)


def _has_environment(root: Path, prefix: Path) -> bool:
    """Tell whether a project uses an environment outside of its folder."""
    configured = os.environ.get("UV_PROJECT_ENVIRONMENT")
    if configured and _is_same(root / configured, prefix):
        return True
    # Poetry names it `NAME-HASH-py3.11`, with a hash of the project's folder.
    if f"-{_hash(os.path.normcase(os.path.realpath(root)))}-py" in prefix.name:
        return True
    with suppress(OSError, ValueError):
        python = Path((root / ".pdm-python").read_text("utf-8").strip())
        return _is_same(python.parent.parent, prefix)
    return False


def _hatch(prefix: Path, here: Path) -> Iterator[OwningProject]:
    """Yield the Hatch project: its environment is `…/NAME/HASH/ENV`, or where its table says."""
    roots = (prefix.parent, prefix.parent.parent, here, *here.parents)
    for root in roots:
        environments = _tools(root).get("hatch", {}).get("envs", {})
        paths = [root / ".hatch" / prefix.name] + [
            root / str(table["path"])
            for table in (environments.values() if isinstance(environments, dict) else ())
            if isinstance(table, dict) and "path" in table
        ]
        is_hashed = prefix.parent.name == _hash(str(root))
        if is_hashed or ("hatch" in _tools(root) and any(_is_same(p, prefix) for p in paths)):
            file = root / "pyproject.toml"
            yield OwningProject(tool="Hatch", file=file, command="hatch run")


def _pixi(prefix: Path) -> Iterator[OwningProject]:
    if prefix.parent.name == "envs" and prefix.parent.parent.name == ".pixi":
        root = prefix.parent.parent.parent
        names = ("pixi.toml", "pyproject.toml")
        files = (root / name for name in names if (root / name).is_file())
        yield from (OwningProject(tool="pixi", file=f, command="pixi install") for f in files)


def _tools(root: Path) -> Mapping[str, Any]:
    """Return the `tool` table of a folder's `pyproject.toml`, with tables only."""
    tools = read_toml(root / "pyproject.toml").get("tool")
    if not isinstance(tools, dict):
        return {}
    return {name: table for name, table in tools.items() if isinstance(table, dict)}


def _hash(text: str) -> str:
    return urlsafe_b64encode(sha256(os.fsencode(text)).digest()).decode()[:8]


def _is_same(first: Path, second: Path) -> bool:
    return os.path.realpath(first) == os.path.realpath(second)
