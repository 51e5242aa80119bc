"""Describe the Python that runs this: another Python runs it as a script, this process imports it.

Only the standard library of Python 3.8 is needed. `packaging` is loaded from a folder that is
passed, because the other Python may not have it.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_STAGE = "/stage"
"""Stands for the folder of a stage."""


def interpreter_facts() -> dict[str, Any]:
    """Return versions, folders, markers and tags, as JSON values."""
    from packaging.tags import sys_tags

    marker = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    marker_text = None
    if sys.prefix == sys.base_prefix and os.path.isfile(marker):
        with open(marker, encoding="utf-8", errors="replace") as file:
            marker_text = file.read(10000)
    scheme = sysconfig.get_paths()
    return {
        "version": ".".join(map(str, sys.version_info[:3])),
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "scheme": {name: scheme[name] for name in ("purelib", "platlib", "scripts", "data")},
        "search": search_folders([scheme["purelib"], scheme["platlib"]]),
        "markers": marker_values(),
        "tags": [str(tag) for tag in sys_tags()],
        "externally_managed": marker_text,
        "stdlib": sysconfig.get_path("stdlib"),
        "stage_moves": stage_moves(scheme),
    }


def marker_values():
    # type: () -> dict[str, str]
    """Return the values of environment markers (PEP 508), as `packaging.markers` does.

    That module and what it imports take a tenth of the time of a listing to load.
    """
    import platform

    implementation = sys.implementation.version
    text = f"{implementation.major}.{implementation.minor}.{implementation.micro}"
    if implementation.releaselevel != "final":
        text += implementation.releaselevel[0] + str(implementation.serial)
    return {
        "implementation_name": sys.implementation.name,
        "implementation_version": text,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "platform_python_implementation": platform.python_implementation(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    }


def stage_moves(scheme):
    # type: (dict[str, str]) -> dict[str, str]
    """Return the folders that `uv pip install --prefix` lays out otherwise than this environment.

    Paths are relative, "" is the prefix itself. In `--prefix`, uv uses the layout of virtual
    environments. Other Pythons have another one: Debian's is `local/lib/python3.11/dist-packages`.
    """
    if sys.prefix != sys.base_prefix:
        return {}
    layout = "venv" if "venv" in sysconfig.get_scheme_names() else "posix_prefix"
    staged = sysconfig.get_paths(layout, vars={"base": _STAGE, "platbase": _STAGE})
    staged["include"] = _STAGE + "/include/site/python{}.{}".format(*sys.version_info[:2])
    moves = {}
    for name in ("purelib", "platlib", "scripts", "include", "data"):
        there, here = relative_to(staged[name], _STAGE), relative_to(scheme[name], sys.prefix)
        if here != there and here.partition(os.sep)[0] != os.pardir:
            moves[there] = here
    return moves


def relative_to(folder, root):
    # type: (str, str) -> str
    """Return a folder relative to another one, "" for that one itself."""
    relative = os.path.relpath(folder, root)
    return "" if relative == os.curdir else relative


def search_folders(own):
    # type: (list[str]) -> list[str]
    """Return the folders of distributions in import order, the user's own (PEP 370) included."""
    folders = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    folders = [path for path in own if path not in folders] + folders
    user_folder = user_site_folder()
    if user_folder is not None and user_folder not in folders:
        is_virtual = sys.prefix != sys.base_prefix
        before = [path for path in folders if is_virtual and path.startswith(sys.prefix + os.sep)]
        folders = before + [user_folder] + [path for path in folders if path not in before]
    return folders


def user_site_folder():
    # type: () -> str | None
    """Return the user's site-packages, if there are any and this Python imports from there."""
    import site

    # With -I, a script that is asked does not see the folder, but the kernel does.
    if sys.flags.no_user_site and not sys.flags.isolated:
        return None
    if sys.prefix != sys.base_prefix and not has_system_packages():
        return None
    if hasattr(os, "getuid") and os.geteuid() != os.getuid():
        return None
    folder = site.getusersitepackages()
    return folder if os.path.isdir(folder) else None


def has_system_packages():
    # type: () -> bool
    """Return whether a virtual environment also imports what its base has installed."""
    try:
        with open(os.path.join(sys.prefix, "pyvenv.cfg"), encoding="utf-8") as file:
            lines = [line.lower().replace(" ", "").strip() for line in file]
    except (OSError, ValueError):
        return False
    return "include-system-site-packages=true" in lines


def load_packaging(folder: str) -> None:
    """Make `packaging` importable from a folder that is not on the path."""
    from importlib.util import module_from_spec, spec_from_file_location

    package = folder + "/packaging"
    spec = spec_from_file_location(
        "packaging", package + "/__init__.py", submodule_search_locations=[package]
    )
    if spec is None or spec.loader is None:
        raise ImportError("no packaging in " + folder)
    sys.modules["packaging"] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules["packaging"])


def main() -> None:
    """Print the facts after a mark; the arguments are the folder of `packaging` and the mark."""
    load_packaging(sys.argv[1])
    print("\n" + sys.argv[2] + json.dumps(interpreter_facts()))


if __name__ == "__main__":
    main()
