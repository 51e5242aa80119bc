"""Thirty unusual but good upgrades, none of which may be rolled back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from fakes import Oracle

from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import AllowPolicy
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.demo.wheel_installer import WheelInstallation
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_undo, plan_upgrade

Files = dict[str, str | bytes]

DATA = "{name}-{version}.data/data/"
PURELIB = "{name}-{version}.data/purelib/"
SCRIPTS = "{name}-{version}.data/scripts/"


def pair(name: str, old: Files, new: Files, **more: object) -> list[BuiltWheel]:
    """Return two versions of a project; `more` applies to both, `new_…` to the newer one."""
    newer = {key.removeprefix("new_"): value for key, value in more.items()}
    older = {key: value for key, value in more.items() if not key.startswith("new_")}
    return [
        BuiltWheel(name=name, version="1.0", files=old, **older),  # type: ignore[arg-type]
        BuiltWheel(name=name, version="2.0", files=new, **newer),  # type: ignore[arg-type]
    ]


def one_version(name: str, files: Files, **more: object) -> list[BuiltWheel]:
    """Return one version of a project, which no upgrade changes."""
    return [BuiltWheel(name=name, version="1.0", files=files, **more)]  # type: ignore[arg-type]


def console_script(name: str, target: str) -> str:
    return f"[console_scripts]\n{name} = {target}\n"


NEEDS_VARIABLE = "import os\nos.environ['NOBODY_SETS_THIS']\n"
RESOURCE = "import pathlib\ntext = (pathlib.Path(__file__).parent / 'a.txt').read_text()\n"
VERSION = "from importlib.metadata import version\n__version__ = version('{}')\n"
LAZY = "def __getattr__(name):\n    import importlib\n    return importlib.import_module('x')\n"
FROM_PREFIX = "import sys, pathlib\nt = (pathlib.Path(sys.prefix) / 'share/g/a.txt').read_text()\n"

THREAD = "import threading, time\nthreading.Thread(target=lambda: time.sleep(9)).start()\n"
WARNS = "import warnings\nwarnings.warn('old', DeprecationWarning)\n"
WRITES_STDERR = "import sys\nsys.stderr.write('Error processing line 1 of nothing\\n')\n"
OPTIONAL_IMPORT = "try:\n    import nobody\nexcept ImportError:\n    pass\n"
OWN_VERSION = VERSION.format("k1") + "assert __version__ == '2.0'\n"
NAMESPACE = (
    "import sys, types, os;"
    "p = os.path.join(sys._getframe(1).f_locals['sitedir'], 'b5');"
    "m = sys.modules.setdefault('b5', types.ModuleType('b5'));"
    "mp = m.__dict__.setdefault('__path__', []);"
    "(p not in mp) and mp.append(p)\n"
)
"""What setuptools wrote for namespace packages, before Python knew them (PEP 420)."""

GOOD: dict[str, list[BuiltWheel]] = {
    "a module": pair("a1", {"a1.py": "x = 1\n"}, {"a1.py": "x = 2\n"}),
    "a package": pair("a2", {"a2/__init__.py": "", "a2/b.py": ""}, {"a2/__init__.py": "import a2.b",
                                                                    "a2/b.py": "y = 1\n"}),
    "a module becomes a package": pair("a3", {"a3.py": ""}, {"a3/__init__.py": "", "a3/b.py": ""}),
    "a package becomes a module": pair("a4", {"a4/__init__.py": "", "a4/b.py": ""}, {"a4.py": ""}),
    "a module is removed": pair("a5", {"a5.py": "", "a5_old.py": ""}, {"a5.py": ""}),
    "a module is renamed": pair("a6", {"six_a.py": ""}, {"a_six.py": "x = 1\n"}),
    "a submodule is removed": pair("a7", {"a7/__init__.py": "import a7.b", "a7/b.py": ""},
                                   {"a7/__init__.py": ""}),
    "a namespace": [
        *pair("b1-one", {"b1/one/__init__.py": ""}, {"b1/one/__init__.py": "import b1.two\n"}),
        *one_version("b1-two", {"b1/two/__init__.py": "x = 1\n"}),
    ],
    "a namespace of loose modules": [
        *pair("b2-one", {"b2/one.py": ""}, {"b2/one.py": "import b2.two\n"}),
        *one_version("b2-two", {"b2/two.py": "x = 1\n"}),
    ],
    "a part of another's package": [
        *pair("b3-plugin", {"b3/plugin.py": ""}, {"b3/plugin.py": "import b3.core\n"}),
        *one_version("b3", {"b3/__init__.py": "", "b3/core.py": "x = 1\n"}),
    ],
    "a package with another's part": [
        *pair("b4", {"b4/__init__.py": "", "b4/core.py": ""},
              {"b4/__init__.py": "", "b4/core.py": "def late(): import b4.plugin\n"}),
        *one_version("b4-plugin", {"b4/plugin.py": "import b4.core\n"}, requires=("b4",)),
    ],
    "a namespace by a path file": [
        *pair("b5-one", {"b5/one.py": "", "b5_one-nspkg.pth": NAMESPACE},
              {"b5/one.py": "x = 1\n", "b5_one-nspkg.pth": f"{NAMESPACE}# again\n"}),
        *one_version("b5-two", {"b5/two.py": "import b5.one\n"}, requires=("b5-one",)),
    ],
    "data files": pair("c1", {"c1.py": "", f"{DATA}share/c1/a": "1", f"{DATA}share/c1/b": "1"},
                       {"c1.py": "", f"{DATA}share/c1/a": "2"}),
    "package data": pair("c2", {"c2/__init__.py": RESOURCE, "c2/a.txt": "1"},
                         {"c2/__init__.py": RESOURCE, "c2/a.txt": "2"}),
    "data by prefix": pair("g", {"g.py": "", f"{DATA}share/g/a.txt": "1"},
                           {"g.py": FROM_PREFIX, f"{DATA}share/g/a.txt": "2"}),
    "new data by prefix": pair("g2", {"g2.py": ""}, {"g2.py": FROM_PREFIX.replace("/g/", "/g2/"),
                               f"{DATA}share/g2/a.txt": "2"}),
    "a command": pair("d1", {"d1.py": "def main(): pass\n"}, {"d1.py": "def main(): print(1)\n"},
                      entry_points=console_script("d1", "d1:main")),
    "a command is renamed": pair("d2", {"d2.py": "def main(): pass\n"},
                                 {"d2.py": "def main(): pass\n"},
                                 entry_points=console_script("d2", "d2:main"),
                                 new_entry_points=console_script("d2-two", "d2:main")),
    "a command is gone that others only look for": [
        *pair("d3", {"d3.py": "def main(): pass\n"}, {"d3.py": ""},
              entry_points=console_script("d3", "d3:main"), new_entry_points=""),
        *one_version("d3-user", {"d3_user.py": "import shutil\nfound = shutil.which('d3')\n"},
               requires=("d3",)),
    ],
    "a script": pair("d4", {"d4.py": "", f"{SCRIPTS}d4run": "#!python\nprint(1)\n"},
                     {"d4.py": "", f"{SCRIPTS}d4run": "#!python\nprint(2)\n"}),
    "a path file": pair("e1", {"e1.pth": "e1_more\n", "e1_more/e1x.py": ""},
                        {"e1.pth": "e1_more\n", "e1_more/e1x.py": "", "e1.py": "import e1x"}),
    "a path file with code": pair("e2", {"e2.py": "x = 1\n", "e2.pth": "import e2\n"},
                                  {"e2.py": "x = 2\n", "e2.pth": "import e2; e2.x = 3\n"}),
    "modules move between two": [
        *pair("f-one", {"f_one.py": "", "f_moved.py": "x = 1\n"}, {"f_one.py": "import f_moved\n"},
              new_requires=("f-two>=2",)),
        *pair("f-two", {"f_two.py": ""}, {"f_two.py": "", "f_moved.py": "x = 2\n"}),
    ],
    "an extra": pair("h1", {"h1.py": ""}, {"h1.py": OPTIONAL_IMPORT},
                     extras=("more",), requires=("nobody; extra == 'more'",)),
    "it prints": pair("i1", {"i1.py": "print('one')\n"}, {"i1.py": "print('x' * 100000)\n"}),
    "it warns": pair("i2", {"i2.py": ""}, {"i2.py": WARNS}),
    "it writes to standard error": pair("i3", {"i3.py": ""}, {"i3.py": WRITES_STDERR}),
    "it starts a thread": pair("i4", {"i4.py": ""}, {"i4.py": THREAD}),
    "it changes the process": pair("i5", {"i5.py": ""}, {"i5.py": "import os, sys\nos.chdir('/')\n"
                                   "sys.argv.clear()\nsys.stdout = None\n"}),
    "it needs a variable that is not set": pair("j1", {"j1.py": NEEDS_VARIABLE},
                                                {"j1.py": f"{NEEDS_VARIABLE}x = 2\n"}),
    "who depends on it failed before": [
        *pair("j2", {"j2.py": ""}, {"j2.py": "x = 1\n"}),
        *one_version("j2-user", {"j2_user.py": "import nobody_at_all\n"}, requires=("j2",)),
    ],
    "its plug-in needs what is not there": pair("j3", {"j3.py": ""}, {"j3.py": "", "_j3_tests.py":
                                                "import a_test_runner\n"}),
    "it asks for its version": pair("k1", {"k1.py": VERSION.format("k1")},
                                    {"k1.py": OWN_VERSION}),
    "it imports late": pair("k2", {"k2.py": ""}, {"k2/__init__.py": LAZY}),
    "it shades the standard library": pair("k3", {"k3.py": ""}, {"k3.py": "", "enum.py": "1/0"}),
    "it brings its tests along": pair("k4", {"k4.py": ""}, {"k4.py": "", "docs/conf.py": "1/0",
                                      "tests/__init__.py": "1/0"}),
    "it is unpacked into purelib": pair("k5", {f"{PURELIB}k5.py": ""},
                                         {f"{PURELIB}k5.py": "x = 1"}),
}  # fmt: skip
"""The wheels of each case; the oldest version of each name is installed."""


TRIED_ALONE = [
    "a package becomes a module", "a part of another's package", "a namespace by a path file",
    "new data by prefix", "a command is renamed", "modules move between two",
    "it changes the process", "who depends on it failed before",
    "its plug-in needs what is not there", "it shades the standard library",
]  # fmt: skip
"""Cases that also run one by one: the ones most likely to be refused."""


def install_directly(garden: Demo, backend: Backend, wheels: Sequence[BuiltWheel]) -> None:
    for wheel in wheels:
        if wheel.version == "1.0":
            scheme = backend.environment.interpreter.scheme
            WheelInstallation(
                wheel=wheel, python=garden.python, scheme=scheme, requested=True
            ).run()
    garden.index.publish(*wheels)


def upgraded_names(wheels: Sequence[BuiltWheel]) -> list[str]:
    return sorted(wheel.id for wheel in wheels if wheel.version == "2.0")


@pytest.mark.slow
@pytest.mark.parametrize("name", TRIED_ALONE)
def test_good_upgrade_is_committed_and_can_be_undone(
    backend: Backend, garden: Demo, tree: Oracle, name: str
) -> None:
    wheels = GOOD[name]
    install_directly(garden, backend, wheels)
    before = tree(backend.environment.interpreter.prefix)
    done = apply.apply_plan(backend, plan_upgrade(backend, upgraded_names(wheels)))
    assert done.outcome is Outcome.COMMITTED
    assert sorted(change.id for change in done.changes) == upgraded_names(wheels)
    apply.apply_plan(backend, plan_undo(backend))
    assert tree(backend.environment.interpreter.prefix) == before


@pytest.mark.slow
@pytest.mark.parametrize("allow", ["dependencies", "all"])
def test_all_good_upgrades_at_once_are_committed_and_can_be_undone(
    backend: Backend, garden: Demo, tree: Oracle, allow: AllowPolicy
) -> None:
    wheels = [wheel for wheels in GOOD.values() for wheel in wheels]
    install_directly(garden, backend, wheels)
    before = tree(backend.environment.interpreter.prefix)
    done = apply.apply_plan(backend, plan_upgrade(backend, upgraded_names(wheels), allow=allow))
    assert done.outcome is Outcome.COMMITTED
    assert set(upgraded_names(wheels)) <= {change.id for change in done.changes}
    assert len(GOOD) >= 30
    apply.apply_plan(backend, plan_undo(backend))
    assert tree(backend.environment.interpreter.prefix) == before
