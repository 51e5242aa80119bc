"""A Python of its own in a folder, as in an image of a container: no virtual environment."""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path

_DEBIAN = """\
import sysconfig
local = {
    key: path.replace("{base}/", "{base}/local/").replace("{platbase}/", "{platbase}/local/")
    .replace("site-packages", "dist-packages")
    for key, path in sysconfig._INSTALL_SCHEMES["posix_prefix"].items()
}
prefix = sysconfig._INSTALL_SCHEMES["posix_prefix"]
local |= {key: prefix[key] for key in ("stdlib", "platstdlib", "include", "platinclude")}
local["data"] = "{base}/local"
sysconfig._INSTALL_SCHEMES["posix_local"] = local
sysconfig.get_default_scheme = lambda: "posix_local"
sysconfig.get_paths.__defaults__ = ("posix_local", *sysconfig.get_paths.__defaults__[1:])
sysconfig.get_path.__defaults__ = ("posix_local", *sysconfig.get_path.__defaults__[1:])
sysconfig.get_preferred_scheme = lambda key: "posix_local"
import sys
sys.path.append(sysconfig.get_path("purelib"))
"""


def copy_python(folder: Path, *, debian: bool = False) -> Path:
    """Return the interpreter of a new Python in `folder`; its stdlib consists of links.

    With `debian`, packages lie in `local/lib/python3.x/dist-packages`, as Debian has it.
    """
    base = Path(sys.base_prefix)
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    interpreter, stdlib = folder / "bin" / python, folder / "lib" / python
    interpreter.parent.mkdir(parents=True)
    (stdlib / "site-packages").mkdir(parents=True)
    shutil.copy(base / "bin" / python, interpreter)
    for library in (base / "lib").glob("libpython*"):
        (folder / "lib" / library.name).symlink_to(library)
    left_out = {"site-packages", "EXTERNALLY-MANAGED", "sitecustomize.py", "__pycache__", "test"}
    for entry in Path(sysconfig.get_path("stdlib")).iterdir():
        if entry.name not in left_out:
            (stdlib / entry.name).symlink_to(entry)
    if debian:
        (stdlib / "sitecustomize.py").write_text(_DEBIAN, "utf-8")
    return interpreter
