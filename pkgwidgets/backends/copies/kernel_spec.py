"""The kernel of a copy: a specification in this user's Jupyter folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pkgwidgets.backends.store import filesystem
from pkgwidgets.core.copies import KERNEL_PREFIX

_FILE = "kernel.json"
_OWN = "pkgwidgets"


def kernel_folder(name: str) -> Path | None:
    """Return the folder of the kernel of a copy; None if Jupyter is not installed here."""
    try:
        from jupyter_core.paths import jupyter_data_dir
    except ImportError:  # only the notebook's side needs it
        return None
    return Path(jupyter_data_dir()) / "kernels" / f"{KERNEL_PREFIX}{name}"


def write_kernel(folder: Path, name: str, python: Path, label: str) -> None:
    """Write the specification. Jupyter sees the kernel when its last step, a rename, is done."""
    specification = {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": label,
        "language": "python",
        "metadata": {"debugger": True, _OWN: {"copy": name}},
    }
    filesystem.make_folders(folder)
    filesystem.write_whole(folder / _FILE, json.dumps(specification, indent=1).encode())


def is_of_copy(folder: Path, name: str) -> bool:
    """Tell whether a folder holds the kernel of a copy, or is empty as a kill leaves it."""
    try:
        names = {entry.name for entry in folder.iterdir()}
        if names <= {f"{_FILE}.new"}:
            return True
        specification: Any = json.loads((folder / _FILE).read_bytes())
        found: bool = specification["metadata"][_OWN]["copy"] == name
    except (OSError, ValueError, TypeError, KeyError):
        return False
    return found


def remove_kernel(folder: Path, name: str) -> None:
    """Remove the kernel of a copy, and no other; the specification goes first."""
    if is_of_copy(folder, name):
        filesystem.remove(folder / _FILE)
        filesystem.remove_tree(folder)
