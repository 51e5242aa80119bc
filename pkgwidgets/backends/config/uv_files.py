"""Find and read the configuration files of uv, as uv does.

Source: https://docs.astral.sh/uv/concepts/configuration-files/.
"""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Table = Mapping[str, Any]
TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
"""The texts that uv reads as true in a variable."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The settings of one file, and the folder that its relative paths start from."""

    path: Path
    settings: Table

    @property
    def folder(self) -> Path:
        """The folder of the file."""
        return self.path.parent


def working_folder(folder: Path | None = None) -> Path:
    """Return the folder that uv works in: `folder`, else that of this process."""
    try:
        start = Path.cwd() if folder is None else folder.absolute()
    except FileNotFoundError:  # the working folder was deleted
        start = Path(tempfile.gettempdir())
    return start / os.environ.get("UV_WORKING_DIR", "")


def config_files(folder: Path | None = None) -> tuple[ConfigFile, ...]:
    """Return the files that uv reads in a folder, in order of precedence.

    They are the project's, the user's and the system's, or the one in UV_CONFIG_FILE. Unreadable
    files are skipped: uv itself reports them.
    """
    here = working_folder(folder)
    configured = os.environ.get("UV_CONFIG_FILE")
    if configured:
        return tuple(filter(None, [_read_file(here / configured)]))
    if os.environ.get("UV_NO_CONFIG", "").lower() in TRUE:
        return ()
    root = _workspace_root(here / os.environ.get("UV_PROJECT", ""))
    files = [next(filter(None, map(_read_project_file, (root, *root.parents))), None)]
    config_home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    files += [_read_file(Path(config_home).expanduser() / "uv" / "uv.toml")]
    shared = (os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
    system = (*(Path(place, "uv", "uv.toml") for place in shared), Path("/etc/uv/uv.toml"))
    files += [next(filter(None, map(_read_file, system)), None)]
    return tuple(filter(None, files))


def pip_table(file: ConfigFile) -> Table:
    """Return the `[pip]` table of a file."""
    table = file.settings.get("pip")
    return table if isinstance(table, dict) else {}


def merge_settings(files: Sequence[ConfigFile]) -> Table:
    """Merge files as uv does for its `pip` commands: `[pip]` tables override all others.

    Tables are merged by key.
    """
    merged: dict[str, Any] = {}
    lowest_first = files[::-1]
    for table in (*(file.settings for file in lowest_first), *map(pip_table, lowest_first)):
        for name, value in table.items():
            earlier = merged.get(name)
            both = isinstance(value, dict) and isinstance(earlier, dict)
            merged[name] = {**earlier, **value} if both and earlier is not None else value
    return merged


def _workspace_root(folder: Path) -> Path:
    """Return the folder of the workspace or project around a folder, else the folder.

    uv skips the files below it.
    """
    folder = Path(os.path.normpath(folder))
    candidates = (folder, *folder.parents)
    root = next((path for path in candidates if (path / "pyproject.toml").is_file()), None)
    if root is None:
        return folder
    table = read_toml(root / "pyproject.toml")
    uv_table = _table(table, "tool", "uv")
    if uv_table.get("managed") is False:
        return folder
    if "workspace" in uv_table:
        return root
    if "project" not in table:
        return folder
    for parent in root.parents:
        workspace = _table(read_toml(parent / "pyproject.toml"), "tool", "uv").get("workspace")
        if isinstance(workspace, dict):
            return parent if _is_member(root, parent, workspace) else root
    return root


def _is_member(project: Path, root: Path, workspace: Table) -> bool:
    def matches(key: str) -> bool:
        patterns = workspace.get(key)
        return isinstance(patterns, list) and any(
            project in root.glob(str(pattern).rstrip("/")) for pattern in patterns if pattern
        )

    return matches("members") and not matches("exclude")


def read_toml(path: Path) -> Table:
    """Return the content of a file; without one that can be read, an empty table."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}


def _table(table: Table, *keys: str) -> Table:
    for key in keys:
        value = table.get(key)
        if not isinstance(value, dict):
            return {}
        table = value
    return table


def _read_project_file(folder: Path) -> ConfigFile | None:
    return _read_file(folder / "uv.toml") or _read_file(folder / "pyproject.toml", "tool", "uv")


def _read_file(path: Path, *keys: str) -> ConfigFile | None:
    try:
        table: Any = tomllib.loads(path.read_text("utf-8"))
        for key in keys:
            table = table[key]
        return ConfigFile(path.absolute(), dict(table))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def lists(files: Sequence[ConfigFile], name: str) -> Iterator[tuple[ConfigFile, Any]]:
    """Yield the entries of a list in all files: uv joins lists, those in `[pip]` first."""
    for table_of in (pip_table, lambda file: file.settings):
        for file in files:
            entries = table_of(file).get(name)
            if isinstance(entries, list):
                yield from ((file, entry) for entry in entries)
