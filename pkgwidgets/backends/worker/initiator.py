"""Find out who requests a change: the user and the kind of process."""

from __future__ import annotations

import os
import pwd
from pathlib import PurePath

from pkgwidgets.core.text import escape_hidden

_MAX_NAME_CHARACTERS = 100
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


def requester() -> str:
    """Return the user who requests: by the name in JupyterHub, or before `sudo`, if there is one.

    A user can set these variables: the name is for people to read, and permits nothing.
    """
    name = os.environ.get("JUPYTERHUB_USER", "")
    if not name and os.geteuid() == 0:
        name = os.environ.get("SUDO_USER", "")
    return shown_name(name) or user()


def shown_name(name: str) -> str:
    """Return a user's name on one line and short: the front ends show it."""
    return escape_hidden(" ".join(name.split()))[:_MAX_NAME_CHARACTERS]


def kind(program: str) -> str:
    """Return `kernel`, `server`, `terminal` or `script` for the program of a process."""
    path = PurePath(program)
    # `python -m package` runs that package's `__main__.py`.
    name = path.parent.name if path.name in ("__main__.py", "-m") else path.name
    return next((kind for kind, names in _KINDS.items() if name in names), "script")
