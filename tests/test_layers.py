"""Imports point down, and each part of the outside world has one place: read with `ast`."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

import pkgwidgets

MAY_IMPORT = {
    "core/": ("core",),
    "analysis/": ("core", "analysis"),
    "presentation/": ("core", "analysis", "presentation"),
    "operations/": ("core", "analysis", "operations"),
    "backends/": ("core", "analysis", "backends"),
    "backends/environment/scripts/": (),
    "backends/sandbox/scripts/": ("backends.sandbox.scripts",),
    "backends/worker/code_snapshot.py": ("", "core", "backends"),
    "connect.py": ("core", "analysis", "backends"),
    "recover.py": ("core", "backends.store", "operations.recovery"),
    "worker.py": ("core", "operations", "backends", "connect"),
    "notebook/": ("core", "analysis", "presentation", "operations", "connect", "notebook"),
    "notebook/completion.py": ("core", "cli.parser"),
    "notebook/impact.py": ("core", "analysis", "operations", "connect", "notebook",
                           "backends.sources"),
    "notebook/magic.py": ("core", "presentation", "notebook", "cli.parser", "cli.recover"),
    "widgets/": ("core", "analysis", "presentation", "notebook.service", "widgets"),
    "server/": ("core", "presentation", "operations", "connect", "server"),
    "demo/": ("demo",),
    "demo/lab.py": ("", "demo"),
    "demo/terminal.py": ("core", "presentation", "operations", "connect", "demo"),
    "cli/": ("core", "presentation", "operations", "backends", "connect", "recover", "cli"),
    "__main__.py": ("cli",),
    "__init__.py": ("core",),
}  # fmt: skip
"""What each file may import of ours; the longest entry counts, "" is the package's own name."""

MAY_IMPORT_LATE = {
    "cli/": ("demo",),
    "notebook/magic.py": ("widgets",),
    "__init__.py": ("analysis", "notebook", "widgets", "server", "demo"),
}
"""What else it may import inside of a function, or for the type checker."""

PURE = {
    "analysis/": ("packaging",),
    "backends/environment/scripts/": ("packaging",),
    "backends/sandbox/scripts/": ("jupyter_client", "nbclient", "nbformat"),
    "backends/store/": (),
    "core/": ("packaging", "msgspec"),
    "presentation/": ("packaging",),
}
"""Where nothing but the standard library and these may be imported."""

ONLY_IN = {
    "subprocess": ("backends/processes/process.py", "backends/sandbox/scripts/start_kernel.py"),
    "multiprocessing": ("backends/processes/process.py",),
    "os.system": ("backends/processes/process.py",),
    "os.popen": ("backends/processes/process.py",),
    "os.exec*": ("backends/processes/process.py",),
    "os.fork*": ("backends/processes/process.py",),
    "os.spawn*": ("backends/processes/process.py",),
    "os.posix_spawn*": ("backends/processes/process.py",),
    "asyncio.create_subprocess*": ("backends/processes/process.py",),
    "psutil": ("backends/processes/process_info.py",),
    "requests": ("backends/http/client.py",),
    "msgspec": ("core/json_values.py", "backends/index/", "backends/worker/launcher.py", "server/"),
    "pandas": ("notebook/",),
    "ipywidgets": ("widgets/",),
    "anywidget": ("widgets/",),
    "traitlets": ("widgets/",),
    "tornado": ("server/",),
    "jupyter_server": ("server/",),
    "sys.modules": (
        "notebook/loaded_packages.py",
        "backends/environment/interpreter.py",
        "backends/environment/installed_environment.py",
        "backends/environment/scripts/",
        "backends/sandbox/scripts/",
    ),
    "sys.prefix": (
        "notebook/loaded_packages.py",
        "backends/environment/interpreter.py",
        "backends/environment/installed_environment.py",
        "backends/environment/scripts/",
        "backends/sandbox/scripts/",
    ),
    "sys.path": (
        "notebook/loaded_packages.py",
        "backends/environment/interpreter.py",
        "backends/environment/installed_environment.py",
        "backends/environment/scripts/",
        "backends/sandbox/scripts/",
    ),
}
"""Modules and attributes that have one place."""

FOR_ANNOTATIONS = ("pandas",)
"""What may be imported anywhere for the type checker."""

PACKAGE = Path(pkgwidgets.__file__).parent


@dataclass(frozen=True)
class Import:
    """`name`, bound as `alias`: at the top, or late (in a function, for the type checker)."""

    name: str
    alias: str
    target: str
    late: bool


def files() -> list[str]:
    return sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def faults(path: str, code: str) -> list[str]:
    """Say what in this file points up or sideways, or is used outside of its place."""
    tree = ast.parse(code)
    imports = list(_imports(tree.body, ("pkgwidgets", *Path(path).parent.parts)))
    return [*_arrows(path, imports), *_impure(path, imports), *_misplaced(path, tree, imports)]


def _arrows(path: str, imports: Iterable[Import]) -> Iterator[str]:
    floor = max(filter(path.startswith, MAY_IMPORT), key=len, default=None)
    if floor is None:
        yield f"{path} is on no floor"
        return
    for each in imports:
        head, _, inside = each.name.partition(".")
        late = MAY_IMPORT_LATE.get(floor, ()) if each.late else ()
        if head == "pkgwidgets" and not _is_one_of(inside, (*MAY_IMPORT[floor], *late)):
            yield f"{path} imports {each.name}"


def _impure(path: str, imports: Iterable[Import]) -> Iterator[str]:
    for floor, others in PURE.items():
        for each in imports if path.startswith(floor) else ():
            if each.name.partition(".")[0] not in {*sys.stdlib_module_names, "pkgwidgets", *others}:
                yield f"{path} imports {each.name}"


def _misplaced(path: str, tree: ast.AST, imports: Iterable[Import]) -> Iterator[str]:
    bound = {each.alias: each.target for each in imports}
    names = {each.name for each in imports} | set(_attributes(tree, bound))
    for thing, places in ONLY_IN.items():
        for name in sorted(names):
            if _is_one_of(name, (thing,)) and not path.startswith(places):
                yield f"{path} uses {name}"


def _is_one_of(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, p) or (p and fnmatchcase(name, f"{p}.*")) for p in patterns)


def _imports(
    nodes: Iterable[ast.AST], package: tuple[str, ...], *, late: bool = False, typing: bool = False
) -> Iterator[Import]:
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name, alias, target in _names(node, package):
                if not (typing and name.partition(".")[0] in FOR_ANNOTATIONS):
                    yield Import(name, alias, target, late)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            yield from _imports(node.body, package, late=True, typing=True)
            yield from _imports(node.orelse, package, late=late)
        else:
            function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            inside = ast.iter_child_nodes(node)
            yield from _imports(inside, package, late=late or function, typing=typing)


def _names(
    node: ast.Import | ast.ImportFrom, package: tuple[str, ...]
) -> Iterator[tuple[str, str, str]]:
    """Yield what is imported in full, the name that it gets, and what that name stands for."""
    for each in node.names:
        if isinstance(node, ast.Import):
            first = each.name.partition(".")[0]
            yield each.name, each.asname or first, each.name if each.asname else first
        else:
            above = package[: len(package) + 1 - node.level] if node.level else ()
            name = ".".join([*above, *filter(None, [node.module]), each.name])
            yield name, each.asname or each.name, name


def _attributes(tree: ast.AST, bound: dict[str, str]) -> Iterator[str]:
    """Yield `os.path.join` for what may be written `o.path.join`, and its beginnings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            head, _, rest = ast.unparse(node).partition(".")
            if head in bound:
                yield f"{bound[head]}.{rest}"


@pytest.mark.parametrize("path", files())
def test_imports_point_down_and_the_outside_world_has_its_places(path: str) -> None:
    assert faults(path, (PACKAGE / path).read_text("utf-8")) == []


@pytest.mark.parametrize(
    "path",
    sorted({*MAY_IMPORT, *MAY_IMPORT_LATE, *PURE, *(p for ps in ONLY_IN.values() for p in ps)}),
)
def test_the_rules_speak_of_what_is_there(path: str) -> None:
    assert (PACKAGE / path).exists()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("core/plans.py", "from pkgwidgets.operations import planning"),
        ("core/plans.py", "def late():\n    from ..backends.index.simple import SimpleIndex"),
        ("core/plans.py", "from ..analysis import output_diff"),
        ("analysis/impact.py", "from ..operations import rehearsal"),
        ("analysis/output_diff.py", "import nbformat"),
        ("presentation/value_html.py", "from ..operations import planning"),
        ("backends/store/lock.py", "import msgspec"),
        ("backends/sandbox/scripts/import_check.py", "from pkgwidgets.core import names"),
        ("backends/sandbox/scripts/import_check.py", "import packaging"),
        ("backends/environment/scripts/describe_interpreter.py", "from ... import processes"),
        ("backends/store/lock.py", "from packaging.version import Version"),
        ("core/plans.py", "import pkgwidgets.connect"),
        ("core/plans.py", "from .. import connect"),
        ("core/plans.py", "import requests"),
        ("core/plans.py", "try:\n    import msgspec\nexcept ImportError:\n    pass"),
        ("operations/planning.py", "from pkgwidgets.backends import uv"),
        ("operations/planning.py", "from pkgwidgets import connect"),
        ("backends/installer/uv.py", "from ...operations.upgrade_request import UpgradeRequest"),
        ("backends/index/simple.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "
                              "from pkgwidgets.operations import apply"),
        ("connect.py", "from pkgwidgets.notebook import service"),
        ("connect.py", "from .operations import inventory"),
        ("notebook/service.py", "from pkgwidgets.backends import uv"),
        ("notebook/service.py", "from pkgwidgets.widgets.panel import PackagePanel"),
        ("notebook/service.py", "from pkgwidgets import demo"),
        ("widgets/panel.py", "from pkgwidgets.notebook import frames"),
        ("widgets/panel.py", "from pkgwidgets.notebook.loaded_packages import Loaded"),
        ("widgets/panel.py", "from pkgwidgets.operations import planning"),
        ("server/app.py", "from pkgwidgets.notebook.service import PackageService"),
        ("server/app.py", "from pkgwidgets import PackageService"),
        ("server/app.py", "import pkgwidgets"),
        ("demo/index_server.py", "from pkgwidgets.core import plans"),
        ("demo/terminal.py", "from pkgwidgets.notebook import service"),
        ("__main__.py", "from pkgwidgets.widgets import panel"),
        ("__main__.py", "from pkgwidgets.operations import inventory"),
        ("cli/verbs.py", "from pkgwidgets.notebook import service"),
        ("cli/verbs.py", "from pkgwidgets.server import handlers"),
        ("__init__.py", "from .notebook.service import PackageService"),
        ("novel/file.py", "import pkgwidgets"),
        ("operations/planning.py", "import subprocess"),
        ("operations/planning.py", "import subprocess as quiet"),
        ("operations/planning.py", "from subprocess import Popen as P"),
        ("operations/planning.py", "def late():\n    from multiprocessing import Process"),
        ("operations/planning.py", "from os import execv"),
        ("backends/installer/uv.py", "import os\nos.system('ls')"),
        ("backends/installer/uv.py", "import os as o\nrun = o.spawnlp"),
        ("backends/installer/uv.py", "import asyncio\nasyncio.create_subprocess_exec('ls')"),
        ("backends/installer/uv.py", "import requests"),
        ("server/handlers/reads.py", "import pandas as pd"),
        ("server/handlers/reads.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    1\n"
                               "else:\n    import pandas"),
        ("server/handlers/reads.py", "from ipywidgets import VBox"),
        ("notebook/service.py", "import anywidget"),
        ("notebook/service.py", "from traitlets import Unicode"),
        ("notebook/service.py", "from tornado import web"),
        ("notebook/service.py", "import jupyter_server.utils"),
        ("notebook/service.py", "import sys\nprint(sys.modules.keys())"),
        ("backends/index/simple.py", "import sys as system\nx = system.prefix"),
        ("server/kernel_interpreter.py", "from sys import path"),
        ("backends/processes/running_kernels.py", "def f():\n    import psutil"),
    ],
)  # fmt: skip
def test_what_points_up_or_is_out_of_place_is_found(path: str, code: str) -> None:
    assert faults(path, code) != []


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("core/plans.py", "import hashlib\nfrom packaging.version import Version\nfrom . import x"),
        (
            "operations/upgrade_request.py",
            "from ..core import plans\nfrom .snapshot import EnvironmentSnapshot",
        ),
        ("backends/processes/process.py", "import os, subprocess\nos.execv(*x)\nsubprocess.run(x)"),
        ("backends/sandbox/import_check.py", "PROBE = 'import subprocess, sys; sys.path[:0] = x'"),
        ("notebook/loaded_packages.py", "import sys\nsys.modules, sys.prefix, sys.path"),
        ("notebook/frames.py", "import pandas as pd\npd.NA"),
        (
            "operations/upgrade_request.py",
            "if TYPE_CHECKING:\n    import pandas as pd\nx: pd.DataFrame",
        ),
        ("widgets/panel.py", "from pkgwidgets.notebook.service import PackageService"),
        (
            "server/kernel_interpreter.py",
            "import sys, os\nsys.executable, sys.path_hooks, os.path.sep",
        ),
        ("__init__.py", "def f():\n    from .widgets.panel import PackagePanel"),
        ("notebook/magic.py", "def f():\n    from pkgwidgets.widgets.panel import PackagePanel"),
        ("cli/verbs.py", "from pkgwidgets.operations import inventory"),
        ("demo/lab.py", "import pkgwidgets\npkgwidgets.__file__"),
    ],
)
def test_what_points_down_and_is_in_its_place_is_not(path: str, code: str) -> None:
    assert faults(path, code) == []


@pytest.mark.parametrize("module", ["pkgwidgets", "pkgwidgets.server.app"])
def test_importing_it_loads_neither_pandas_nor_ipywidgets(module: str) -> None:
    code = (
        f"import sys, {module}; print(*{{'pandas', 'ipywidgets', 'anywidget'}} & {{*sys.modules}})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr
