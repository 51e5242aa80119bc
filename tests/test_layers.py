"""Imports point down without a cycle; each external module has its place.

Read with `ast`: late imports and those for the type checker count, too.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from writing_calls import writing_calls

import pkgwidgets

MAY_IMPORT = {
    # Knowing: pure values and rules.
    "core/": ("core",),
    "analysis/": ("core", "analysis"),
    # Doing: one does not know the other.
    "operations/": ("core", "analysis", "operations"),
    "backends/": ("core", "analysis", "backends"),
    "backends/environment/scripts/": (),
    "backends/sandbox/scripts/": ("backends.sandbox.scripts",),
    # Recovery runs on it alone, with these five and two entry points.
    "backends/store/": (
        *(
            "core.differences",
            "core.errors",
            "core.error_json",
            "core.hints",
            "core.redaction",
            "core.text",
            "backends.store",
        ),
    ),
    # Joining, and the processes that are started.
    "connect.py": ("core", "analysis", "backends"),
    "worker.py": ("core", "operations", "backends", "connect"),
    "recover.py": ("core", "backends.store", "operations.recovery"),
    # What front ends share.
    "presentation/": ("core", "analysis", "presentation"),
    "commands/": ("core", "operations", "connect", "recover", "commands"),
    # Front ends never import one another, but for the panel, which stands on the service.
    "cli/": ("core", "presentation", "operations", "connect", "commands", "cli"),
    "notebook/": (
        *("core", "analysis", "presentation", "operations", "connect", "commands", "notebook"),
    ),
    "server/": ("core", "presentation", "operations", "connect", "commands", "server"),
    "cluster/": (
        *("core", "presentation", "operations", "connect", "cluster"),
        *("notebook.loaded_packages", "notebook.progress_bar", "notebook.styled_frames"),
    ),
    "widgets/": ("core", "analysis", "presentation", "notebook.service", "cluster", "widgets"),
    # It stands on the server, and takes the impact on a notebook from beside the service.
    "agents/": (
        *("core", "analysis", "presentation", "operations", "connect", "commands", "server"),
        *("notebook.impact", "notebook.notebook_code", "agents"),
    ),
    "demo/": ("demo",),
    # The rest of the demo is an environment and an index; this shows pkgwidgets on them.
    "demo/terminal.py": ("core", "presentation", "operations", "connect", "demo"),
    "__init__.py": (),
    "__main__.py": (),
}
"""What each file may import of pkgwidgets; the longest entry counts."""

MAY_IMPORT_LATE = {
    # The public names are loaded on first use.
    "__init__.py": ("core", "analysis", "cluster", "notebook", "widgets"),
    # It hands the demo to the command line, and loads both once an interrupt is heard.
    "__main__.py": ("cli", "demo"),
}
"""What else it may import inside of a function, or for the type checker."""

NAMES_MODULES = ("__init__.py", "__main__.py", "connect.py")
"""Who may name a module or a file of pkgwidgets in a string: an arrow that no import shows."""

PURE = {
    "analysis/": ("packaging",),
    "backends/environment/scripts/": ("packaging",),
    "backends/sandbox/scripts/": ("PIL", "jupyter_client", "nbclient", "nbformat"),
    "backends/store/": (),
    "core/": ("packaging", "msgspec"),
    "operations/recovery.py": (),
    "presentation/": ("packaging",),
    "recover.py": (),
}
"""Where nothing but the standard library and these may be imported."""

SEES_THIS_PROCESS = (
    "notebook/loaded_packages.py",
    "backends/environment/interpreter.py",
    "backends/environment/installed_environment.py",
    "backends/environment/scripts/",
    "backends/sandbox/scripts/",
)
"""Who looks at what this process has loaded, and from where."""

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
    "requests": ("backends/http/client.py", "backends/http/pools.py"),
    "msgspec": ("core/json_values.py", "backends/index/", "backends/worker/launcher.py", "server/"),
    "pandas": ("notebook/", "cluster/"),
    "distributed": ("cluster/",),
    "ipyparallel": ("cluster/ipyparallel_cluster.py", "cluster/ipyparallel_transport.py"),
    "ipywidgets": ("widgets/",),
    "anywidget": ("widgets/",),
    "traitlets": ("demo/kernels.py", "server/agent_settings.py", "widgets/"),
    "fastmcp": ("agents/annotations.py", "agents/mcp_client.py"),
    "tornado": ("server/",),
    "jupyter_server": ("demo/kernels.py", "server/"),
    "sys.modules": (
        *SEES_THIS_PROCESS,
        "backends/worker/code_snapshot.py",
        "widgets/shiny_session.py",  # whether this process is an application of Shiny
    ),
    "sys.prefix": (*SEES_THIS_PROCESS, "demo/lab.py"),  # what the demo must not change
    "sys.path": SEES_THIS_PROCESS,
}
"""Modules and attributes that have one place."""

WRITES_TO_ENVIRONMENTS = "backends/store/filesystem.py"
"""The only file that writes to an environment: fault tests see each operation of it."""

WRITES_ELSEWHERE = {
    "backends/advisories/answer_cache.py": "the cache of advisories",
    "backends/advisories/record_files.py": "nothing: it opens files of an archive to read them",
    "backends/advisories/sources.py": "the user's own settings",
    "backends/config/uv_cache_dir.py": "the cache of uv",
    "backends/copies/repacked_wheels.py": "wheels, in a temporary folder",
    "backends/copies/uv_copies.py": "a requirement file, in a temporary folder",
    "backends/index/cache.py": "the cache of index answers",
    "backends/index/cache_file.py": "the cache of index answers",
    "backends/kept_file.py": "rows of the last check, names of projects: the cache",
    "backends/installer/uv.py": "requirement files in a temporary folder",
    "backends/installer/uv_account.py": "a copy of uv, in a temporary folder",
    "backends/installer/project_copy.py": "a copy of a project, in a temporary folder",
    "backends/processes/account.py": "the owners of temporary folders",
    "backends/processes/process.py": "pipes, and unnamed files for the output of processes",
    "backends/processes/temp_dirs.py": "temporary folders",
    "backends/sandbox/import_check.py": "the task of a check, in a temporary folder",
    "backends/sandbox/folder_tree.py": "copies of projects, in a temporary folder",
    "backends/sandbox/proven_imports.py": "bytecode of proven checks, in the cache and the stage",
    "backends/sandbox/notebook_runner.py": "the task of a rehearsal, in a temporary folder",
    "backends/sandbox/run_folder.py": "pip's settings for a rehearsal, in a temporary folder",
    "backends/sandbox/scripts/note_new_files.py": "its notes, in the temporary folder of the task",
    "backends/sandbox/scripts/report.py": "its own standard error",
    "backends/sandbox/scripts/run_notebooks.py": "the answer of a rehearsal, in its folder",
    "backends/sandbox/scripts/staged_imports.py": "bytecode of staged files, in the stage",
    "backends/sandbox/scripts/start_kernel.py": "the output of a kernel, in a temporary folder",
    "backends/store/forks.py": "nothing: it opens files for their locks",
    "backends/store/ownership.py": "owners and modes, of what filesystem.py makes",
    "backends/worker/code_snapshot.py": "a copy of pkgwidgets, in a temporary folder",
    "backends/worker/recovery_archive.py": "an archive in memory",
    "cli/console.py": "the null device",
    "cli/streams.py": "the null device",
    "demo/": "environments of its own, which it makes and deletes",
}
"""Who else calls functions that write, and what they write: never files of an environment."""

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


def violations(path: str, code: str) -> list[str]:
    """Return imports that point up or sideways, and uses outside the allowed place."""
    tree = ast.parse(code)
    imports = list(_imports(tree.body, _package_of(path)))
    return [
        *_upward_imports(path, imports),
        *_impure_imports(path, imports),
        *_misplaced_uses(path, tree, imports),
        *_module_names(path, tree),
        *_misplaced_writes(path, code),
    ]


def find_cycle(codes: Mapping[str, str]) -> list[str]:
    """Return an import cycle in files by their paths, each module before those it imports.

    The first module is repeated at the end; without a cycle the list is empty. All imports count.
    """
    modules = {_module(path) for path in codes}
    graph = {
        _module(path): {
            target
            for imported in _imports(ast.parse(code).body, _package_of(path))
            for target in _imported_module(imported.name, modules)
        }
        for path, code in codes.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        return cycle[::-1]
    return []


def _package_of(path: str) -> tuple[str, ...]:
    return ("pkgwidgets", *Path(path).parent.parts)


def _module(path: str) -> str:
    return ".".join(("pkgwidgets", *Path(path).with_suffix("").parts)).removesuffix(".__init__")


def _imported_module(name: str, modules: Iterable[str]) -> Iterator[str]:
    """Yield the module that an import loads: `a.b` for what `a.b` defines, too."""
    known = [module for module in modules if name == module or name.startswith(f"{module}.")]
    if known:
        yield max(known, key=len)


def _upward_imports(path: str, imports: Iterable[Import]) -> Iterator[str]:
    layer = max(filter(path.startswith, MAY_IMPORT), key=len, default=None)
    if layer is None:
        yield f"{path} is in no layer"
        return
    for imported in imports:
        head, _, inside = imported.name.partition(".")
        late = MAY_IMPORT_LATE.get(layer, ()) if imported.late else ()
        if head == "pkgwidgets" and not _is_one_of(inside, (*MAY_IMPORT[layer], *late)):
            yield f"{path} imports {imported.name}"


def _impure_imports(path: str, imports: Iterable[Import]) -> Iterator[str]:
    for layer, others in PURE.items():
        for imported in imports if path.startswith(layer) else ():
            if imported.name.partition(".")[0] not in {
                *sys.stdlib_module_names,
                "pkgwidgets",
                *others,
            }:
                yield f"{path} imports {imported.name}"


def _misplaced_uses(path: str, tree: ast.AST, imports: Iterable[Import]) -> Iterator[str]:
    bound = {imported.alias: imported.target for imported in imports}
    names = {imported.name for imported in imports} | set(_attributes(tree, bound))
    for thing, places in ONLY_IN.items():
        for name in sorted(names):
            if _is_one_of(name, (thing,)) and not path.startswith(places):
                yield f"{path} uses {name}"


def _misplaced_writes(path: str, code: str) -> Iterator[str]:
    if not path.startswith((WRITES_TO_ENVIRONMENTS, *WRITES_ELSEWHERE)):
        for name in writing_calls(code):
            yield f"{path} writes by {name}"


def _module_names(path: str, tree: ast.AST) -> Iterator[str]:
    """Yield the strings that name a module or a file of the package; docstrings do not count."""
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree) if path not in NAMES_MODULES else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            for name in _module_names_in(node.value):
                yield f"{path} names {name}"


def _module_names_in(text: str) -> Iterator[str]:
    """Yield each `pkgwidgets.a.b` in a text; `a.b`, `a/b.py` and `a/` only as the whole text."""
    for name in re.findall(r"\bpkgwidgets((?:\.\w+)+)", text):
        first = PACKAGE / name.split(".")[1]
        if first.is_dir() or first.with_suffix(".py").is_file():
            yield f"pkgwidgets{name}"
    dotted = re.fullmatch(r"\w+(\.\w+)+", text)
    if dotted and PACKAGE.joinpath(*text.split(".")).with_suffix(".py").is_file():
        yield text
    slashed = re.fullmatch(r"(\w+/)+(\w+\.py)?", text)
    if slashed and any(PACKAGE.glob(f"{text}*.py" if text.endswith("/") else text)):
        yield text


def _is_one_of(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, p) or (p and fnmatchcase(name, f"{p}.*")) for p in patterns)


def _imports(
    nodes: Iterable[ast.AST], package: tuple[str, ...], *, late: bool = False, typing: bool = False
) -> Iterator[Import]:
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name, alias, target in _imported_names(node, package):
                if not (typing and name.partition(".")[0] in FOR_ANNOTATIONS):
                    yield Import(name, alias, target, late)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            yield from _imports(node.body, package, late=True, typing=True)
            yield from _imports(node.orelse, package, late=late)
        else:
            function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            inside = ast.iter_child_nodes(node)
            yield from _imports(inside, package, late=late or function, typing=typing)


def _imported_names(
    node: ast.Import | ast.ImportFrom, package: tuple[str, ...]
) -> Iterator[tuple[str, str, str]]:
    """Yield the full name of each import, the bound name, and what that name refers to."""
    for alias in node.names:
        if isinstance(node, ast.Import):
            first = alias.name.partition(".")[0]
            yield alias.name, alias.asname or first, alias.name if alias.asname else first
        else:
            above = package[: len(package) + 1 - node.level] if node.level else ()
            name = ".".join([*above, *filter(None, [node.module]), alias.name])
            yield name, alias.asname or alias.name, name


def _attributes(tree: ast.AST, bound: dict[str, str]) -> Iterator[str]:
    """Yield `os.path.join` for `o.path.join` (`o` is an alias), and its prefixes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            head, _, rest = ast.unparse(node).partition(".")
            if head in bound:
                yield f"{bound[head]}.{rest}"


@pytest.mark.parametrize("path", files())
def test_imports_follow_the_layers(path: str) -> None:
    assert violations(path, (PACKAGE / path).read_text("utf-8")) == []


def test_package_has_no_import_circle() -> None:
    assert find_cycle({path: (PACKAGE / path).read_text("utf-8") for path in files()}) == []


@pytest.mark.parametrize("folder", sorted({str(Path(path).parent) for path in files()}))
def test_each_folder_has_a_docstring(folder: str) -> None:
    if Path(folder).name == "scripts":  # run by their paths, never imported
        assert not (PACKAGE / folder / "__init__.py").exists()
        return
    assert ast.get_docstring(ast.parse((PACKAGE / folder / "__init__.py").read_text("utf-8")))


@pytest.mark.parametrize(
    "path",
    sorted(
        {
            *NAMES_MODULES,
            *MAY_IMPORT,
            *MAY_IMPORT_LATE,
            *PURE,
            *WRITES_ELSEWHERE,
            WRITES_TO_ENVIRONMENTS,
            *(p for ps in ONLY_IN.values() for p in ps),
        }
    ),
)
def test_layer_rules_name_existing_files(path: str) -> None:
    assert (PACKAGE / path).exists()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("core/plans.py", "from pkgwidgets.operations import planning"),
        ("core/plans.py", "def late():\n    from ..backends.index.simple import SimpleIndex"),
        ("core/plans.py", "from ..analysis import run_comparison"),
        ("analysis/impact.py", "from ..operations import rehearsal"),
        ("analysis/run_comparison.py", "import nbformat"),
        ("presentation/value_html.py", "from ..operations import planning"),
        ("backends/store/lock.py", "import msgspec"),
        ("backends/sandbox/scripts/import_modules.py", "from pkgwidgets.core import names"),
        ("backends/sandbox/scripts/import_modules.py", "import packaging"),
        ("backends/environment/scripts/describe_interpreter.py", "from ... import processes"),
        ("backends/store/lock.py", "from packaging.version import Version"),
        ("core/plans.py", "import pkgwidgets.connect"),
        ("core/plans.py", "from .. import connect"),
        ("core/plans.py", "import requests"),
        ("core/plans.py", "try:\n    import msgspec\nexcept ImportError:\n    pass"),
        ("operations/planning.py", "from pkgwidgets.backends import uv"),
        ("operations/planning.py", "from pkgwidgets import connect"),
        ("backends/installer/uv.py", "from ...operations.upgrade_resolver import UpgradeResolver"),
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
        ("server/app.py", "from pkgwidgets.cli import console"),
        ("commands/grammar.py", "from pkgwidgets.cli import console"),
        ("commands/plan_request.py", "from pkgwidgets.notebook.service import PackageService"),
        ("commands/recovery.py", "from pkgwidgets.backends.store import lock"),
        ("core/events.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "
                           "from pkgwidgets.operations import apply"),
        ("demo/index_server.py", "from pkgwidgets.core import plans"),
        ("demo/lab.py", "import pkgwidgets"),
        ("demo/terminal.py", "from pkgwidgets.notebook import service"),
        ("__main__.py", "from pkgwidgets.widgets import panel"),
        ("__main__.py", "from pkgwidgets.operations import inventory"),
        ("cli/verbs.py", "from pkgwidgets.notebook import service"),
        ("cli/verbs.py", "from pkgwidgets.backends.processes import process"),
        ("cli/verbs.py", "def late():\n    from pkgwidgets.demo import terminal"),
        ("notebook/magic.py", "from pkgwidgets.cli import main"),
        ("notebook/magic.py", "def f():\n    from pkgwidgets.widgets.panel import PackagePanel"),
        ("notebook/magic.py", "def f():\n    import pkgwidgets\n    pkgwidgets.PackagePanel"),
        ("notebook/impact.py", "def f():\n    from pkgwidgets.backends.sources import source_api"),
        ("backends/worker/code_snapshot.py", "import pkgwidgets"),
        ("backends/store/lock.py", "from pkgwidgets.core import plans"),
        ("operations/recovery.py", "from packaging.version import Version"),
        ("recover.py", "import msgspec"),
        ("cli/verbs.py", "from pkgwidgets.server import handlers"),
        ("cluster/service.py", "from pkgwidgets.notebook.service import PackageService"),
        ("cluster/service.py", "from pkgwidgets.backends.processes import process"),
        ("cluster/leader.py", "from pkgwidgets.widgets import panel"),
        ("notebook/service.py", "from pkgwidgets.cluster import values"),
        ("notebook/service.py", "import distributed"),
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
        ("backends/worker/launcher.py", "MAIN = 'import sys; from pkgwidgets.worker import main'"),
        ("backends/worker/launcher.py", "start('pkgwidgets.worker')"),
        ("backends/worker/launcher.py", "start(f'pkgwidgets.worker:{name}')"),
        ("backends/worker/recovery_archive.py", "MODULES = ('core/errors.py',)"),
        ("backends/worker/recovery_archive.py", "MODULES = ['backends/store/']"),
        ("operations/verification.py", "import_module(f'{package}').x('notebook.service')"),
        ("backends/environment/record.py", "from os import replace as put\nput(a, b)"),
        ("backends/environment/record.py", "import shutil as s\ns.copystat(a, b)"),
        ("backends/environment/record.py", "file.write_bytes(b'')"),
        ("backends/environment/record.py", "rewritten.replace(file)"),
        ("backends/environment/record.py", "open(file, 'r+b')"),
        ("backends/environment/record.py", "file.open(mode)"),
        ("backends/environment/record.py", "with Path(file).open('ab') as opened: pass"),
        ("backends/environment/record.py", "import os\nos.open(file, os.O_RDWR)"),
        ("backends/environment/record.py", "import os\nweakref.finalize(x, os.unlink, file)"),
        ("backends/store/lock.py", "import os\nos.ftruncate(descriptor, 0)"),
        ("operations/apply.py", "import os\nos.sync()"),
        ("notebook/service.py", "import tempfile\ntempfile.mkdtemp()"),
        ("server/app.py", "file.unlink()"),
    ],
)  # fmt: skip
def test_import_against_the_layers_is_reported(path: str, code: str) -> None:
    assert violations(path, code) != []


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("core/plans.py", "import hashlib\nfrom packaging.version import Version\nfrom . import x"),
        (
            "operations/upgrade_resolver.py",
            "from ..core import plans\nfrom .snapshot import EnvironmentSnapshot",
        ),
        ("backends/processes/process.py", "import os, subprocess\nos.execv(*x)\nsubprocess.run(x)"),
        ("backends/sandbox/import_check.py", "PROBE = 'import subprocess, sys; sys.path[:0] = x'"),
        ("notebook/loaded_packages.py", "import sys\nsys.modules, sys.prefix, sys.path"),
        ("notebook/frames.py", "import pandas as pd\npd.NA"),
        (
            "operations/upgrade_resolver.py",
            "if TYPE_CHECKING:\n    import pandas as pd\nx: pd.DataFrame",
        ),
        ("widgets/panel.py", "from pkgwidgets.notebook.service import PackageService"),
        (
            "server/kernel_interpreter.py",
            "import sys, os\nsys.executable, sys.path_hooks, os.path.sep",
        ),
        ("__init__.py", "def f():\n    from .widgets.panel import PackagePanel"),
        ("__main__.py", "def f():\n    from pkgwidgets.demo import terminal"),
        ("cli/verbs.py", "from pkgwidgets.operations import inventory"),
        ("notebook/magic.py", "from pkgwidgets.commands import grammar"),
        ("commands/plan_request.py", "from pkgwidgets.operations import planning"),
        ("connect.py", "WORKER = 'pkgwidgets.worker'\nFILES = ('core/errors.py',)"),
        ("operations/apply.py", '"Starts `pkgwidgets.worker`."\nx = 1\n"core/text.py"'),
        ("server/app.py", "text = 'pkgwidgets'; more = 'pkgwidgets.invalid', 'a/b.py', 'values.x'"),
        ("server/app.py", "url = f'{base}/pkgwidgets/packages/'"),
        ("backends/store/filesystem.py", "import os\nos.replace(a, b)"),
        ("backends/environment/record.py", "text.replace('a', 'b'), moment.replace(tzinfo=UTC)"),
        ("backends/environment/record.py", "open(file, 'rb'), file.open(encoding='utf-8')"),
        ("backends/environment/record.py", "import os\nos.open(file, os.O_RDONLY | os.O_CLOEXEC)"),
        ("backends/installer/uv.py", "file.write_text('')"),
        ("server/app.py", "import os\nos.write(1, b''), archive.open('METADATA')"),
        ("server/app.py", "from PIL import Image\nImage.open(file)"),
    ],
)
def test_import_along_the_layers_is_accepted(path: str, code: str) -> None:
    assert violations(path, code) == []


@pytest.mark.parametrize(
    "codes",
    [
        {"core/a.py": "from . import b", "core/b.py": "from pkgwidgets.core.a import x"},
        {"core/a.py": "from .b import x", "core/b.py": "def late():\n    from .a import y"},
        {
            "core/a.py": "from .b import x",
            "core/b.py": "if TYPE_CHECKING:\n    from .a import y",
        },
        {
            "__init__.py": "def late():\n    from .notebook.a import x",
            "notebook/a.py": "from pkgwidgets import y",
        },
        {
            "core/a.py": "import pkgwidgets.core.b",
            "core/b.py": "from ..core import c",
            "core/c.py": "class C:\n    def f(self):\n        import pkgwidgets.core.a as a",
        },
        {"core/__init__.py": "from .a import x", "core/a.py": "from pkgwidgets.core import y"},
        {"core/a.py": "from .a import x"},
    ],
)
def test_an_import_circle_is_found(codes: dict[str, str]) -> None:
    cycle = find_cycle(codes)
    assert cycle[0] == cycle[-1]
    assert {*cycle} == {_module(path) for path in codes}


def test_downward_imports_have_no_circle() -> None:
    codes = {
        "__init__.py": "def late():\n    from .core.a import x",
        "core/__init__.py": "",
        "core/a.py": "from . import b\nfrom pkgwidgets.core import c",
        "core/b.py": "import os\nfrom .c import x",
        "core/c.py": "'from . import a'",
    }
    assert find_cycle(codes) == []


@pytest.mark.parametrize("module", ["pkgwidgets", "pkgwidgets.server.app"])
def test_package_import_loads_neither_pandas_nor_ipywidgets(module: str) -> None:
    code = (
        f"import sys, {module}; print(*{{'pandas', 'ipywidgets', 'anywidget'}} & {{*sys.modules}})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr
