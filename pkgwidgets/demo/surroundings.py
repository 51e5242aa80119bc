"""The variables of the demo: what would be written to the home folder goes to the demo's own."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

_FOLDERS = {
    "IPYTHONDIR": ".ipython",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    "JUPYTER_CONFIG_DIR": ".jupyter",
    "JUPYTER_DATA_DIR": "jupyter",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "NPM_CONFIG_CACHE": ".npm",  # JupyterLab asks npm for language servers
    "UV_CACHE_DIR": ".cache/uv",
    "XDG_CACHE_HOME": ".cache",
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_STATE_HOME": ".local/state",
}
"""What is in the folder, by the variables that name it."""
_XDG = [name for name in _FOLDERS if name.startswith("XDG_")]


def variables(folder: Path, index_url: str) -> dict[str, str]:
    """Return the variables that lead Jupyter, IPython, uv and pip to a folder and an index.

    The index is the only one, whatever the user's settings are.
    """
    return {
        **{name: str(folder / place) for name, place in _FOLDERS.items()},
        # The kernel must be this Python, whatever "python3" is on this machine.
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": index_url,
        "UV_DEFAULT_INDEX": index_url,
        "UV_NO_CONFIG": "1",
    }


def use_instead_of_home(folder: Path, index_url: str) -> None:
    """Create the folder, and set the variables in this process.

    The user's settings of JupyterLab are copied.
    """
    folder.mkdir()
    settings = _settings_folder(os.environ)
    if settings.is_dir():
        shutil.copytree(settings, folder / _FOLDERS["JUPYTERLAB_SETTINGS_DIR"])
    for name in [name for name in os.environ if name.startswith(("UV_", "PIP_"))]:
        del os.environ[name]
    os.environ.update(variables(folder, index_url))


def browser_command(before: Mapping[str, str]) -> str:
    """Return the command of a browser, with the folders that it had before.

    With the demo's it would begin with a new profile, which is deleted at the end.
    """
    kept = [f"{name}={before[name]}" for name in _XDG if name in before]
    dropped = [word for name in _XDG if name not in before for word in ("-u", name)]
    command = ["env", *dropped, *kept, sys.executable, "-m", "webbrowser"]
    return f"{shlex.join(command)} %s"


def _settings_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder of the user's settings, as JupyterLab finds it."""
    jupyter = Path(environ.get("JUPYTER_CONFIG_DIR") or Path.home() / ".jupyter")
    return Path(environ.get("JUPYTERLAB_SETTINGS_DIR") or jupyter / "lab" / "user-settings")
