"""Find out who requests a change: the user and the kind of process."""

from __future__ import annotations

import os
import pwd
from pathlib import PurePath

_KINDS = {
    "kernel": ("ipykernel_launcher.py", "ipykernel", "colab_kernel_launcher.py"),
    "server": (
        *("jupyter-lab", "jupyter-server", "jupyter-notebook", "jupyter-labhub"),
        *("jupyterlab", "jupyter_server", "notebook", "jupyterhub-singleuser"),
    ),
    "terminal": ("pkgwidgets", "ipython", "ipython3"),
}


def user() -> str:
    """Return the user's name; the user id if there is no name, as in many containers."""
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def kind(program: str) -> str:
    """Return `kernel`, `server`, `terminal` or `script` for the program of a process."""
    path = PurePath(program)
    # `python -m package` runs that package's `__main__.py`.
    name = path.parent.name if path.name in ("__main__.py", "-m") else path.name
    return next((kind for kind, names in _KINDS.items() if name in names), "script")
