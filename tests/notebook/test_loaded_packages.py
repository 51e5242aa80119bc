"""Loaded distributions are found, however module and distribution names differ."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import ZipFile

import packaging
import pytest

import pkgwidgets
from pkgwidgets.demo.wheel_builder import BuiltWheel

LENT_FOLDERS = (Path(pkgwidgets.__file__).parent.parent, Path(packaging.__file__).parent.parent)
"""Folders of pkgwidgets and its dependencies, which the environment does not have."""

HEAD = """
import json, os, shutil, sys, zipfile
from pathlib import Path
site, wheels, outside, lent = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:]
sys.path.insert(0, str(site))

def install(name):
    with zipfile.ZipFile(wheels / name) as archive:
        archive.extractall(site)

def remove(name):
    for info in site.glob(name + "-*.dist-info"):
        for row in (info / "RECORD").read_text().splitlines():
            path = site / row.partition(",")[0]
            path.unlink(missing_ok=True)
            for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
                compiled.unlink()  # it would match the new source: same size, same second
        shutil.rmtree(info)

def upgrade(name, version="2.0"):
    remove(name)
    install(name + "-" + version + "-py3-none-any.whl")

def connect_loaded():
    sys.path += lent
    from pkgwidgets.connect import connect
    from pkgwidgets.notebook.loaded_packages import LoadedPackages
    return LoadedPackages(connect(sys.executable, "http://127.0.0.1:1/simple/"))

loaded = None
def look():
    global loaded
    loaded = loaded or connect_loaded()
    return dict(loaded.versions())
"""
TAIL = """
print(json.dumps(look()))
"""


@dataclass(frozen=True)
class Case:
    """Installed wheels, the code to run, and the distributions it loads."""

    wheels: Sequence[BuiltWheel]
    body: str
    loaded: Mapping[str, str]
    later: Sequence[BuiltWheel] = ()
    outside: Mapping[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the environment in which every case is installed."""
    root = tmp_path_factory.mktemp("loaded") / "env"
    venv.create(root, with_pip=False, symlinks=True)
    return root


def wheel(
    name: str, version: str = "1.0", files: Mapping[str, str | bytes] | None = None, **more: object
) -> BuiltWheel:
    module = name.replace("-", "_").lower()
    own = {f"{module}/__init__.py": f'__version__ = "{version}"\n'} if files is None else files
    return BuiltWheel(name=name, version=version, files=own, **more)  # type: ignore[arg-type]


def library(name: str) -> bytes:
    """Return an extension module of the standard library, to pack into a wheel."""
    folder = Path(str(sysconfig.get_config_var("DESTSHARED")))
    return next(folder.glob(f"{name}.*.so")).read_bytes()


SUFFIX = str(sysconfig.get_config_var("EXT_SUFFIX"))
MATHS = "_statistics"
"""An extension module that nothing loads at the start."""
PKGUTIL = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"

EDITABLE = {"{name}-{version}.dist-info/direct_url.json": '{"url": "URL", "dir_info": '
            '{"editable": true}}'}  # fmt: skip
FINDER = """
import sys
from importlib.util import spec_from_file_location

def install(file):
    class Finder:
        @classmethod
        def find_spec(cls, name, path=None, target=None):
            return spec_from_file_location(name, file) if name == "seeds" else None
    sys.meta_path.append(Finder)
"""
PEAS = {"peas/__init__.py": "", "peas/pod.py": "", "peas/vine.py": ""}


CASES = {
    "the name of the module is another": Case(
        [wheel("PyYAML", files={"yaml/__init__.py": ""})], "import yaml", {"pyyaml": "1.0"}
    ),
    "another distribution has the name of the module": Case(
        [wheel("yaml", files={"toml_like.py": ""}), wheel("PyYAML", files={"yaml.py": ""})],
        "import yaml",
        {"pyyaml": "1.0"},
    ),
    "one distribution has many modules": Case(
        [wheel("setup-things", "3.1", {"alpha.py": "", "beta/__init__.py": "", "_g.py": ""})],
        "import beta",
        {"setup-things": "3.1"},
    ),
    "one module of a namespace package": Case(
        [wheel("ns-a", files={"ns/a.py": ""}), wheel("ns-b", files={"ns/b.py": ""})],
        "import ns.a",
        {"ns-a": "1.0"},
    ),
    "only the namespace package": Case(
        [wheel("ns-a", files={"ns/a.py": ""}), wheel("ns-b", files={"ns/b.py": ""})],
        "import ns",
        {},
    ),
    "both modules of a namespace package": Case(
        [wheel("ns-a", files={"ns/a.py": ""}), wheel("ns-b", "2", {"ns/b.py": ""})],
        "import ns.a, ns.b",
        {"ns-a": "1.0", "ns-b": "2"},
    ),
    "a namespace deep in a package of another": Case(
        [wheel("host"), wheel("guest", files={"host/plugins/guest.py": ""})],
        "import host",
        {"host": "1.0"},
    ),
    "a file that two distributions claim, one of them with more": Case(
        [
            wheel("old-a", files={"old/__init__.py": PKGUTIL, "old/a.py": ""}),
            wheel("old-b", files={"old/__init__.py": PKGUTIL, "old/b.py": ""}),
        ],
        "import old.a",
        {"old-a": "1.0"},
    ),
    "a module that two distributions claim": Case(
        [wheel("cv", files={"cv2.py": ""}), wheel("cv-headless", files={"cv2.py": ""})],
        "import cv2",
        {"cv": "1.0", "cv-headless": "1.0"},
    ),
    "an extension module at the top": Case(
        [wheel("fast", files={f"{MATHS}{SUFFIX}": library(MATHS)})],
        f"import {MATHS}",
        {"fast": "1.0"},
    ),
    "an extension module in a package without an init": Case(
        [wheel("fast", files={f"quick/{MATHS}{SUFFIX}": library(MATHS)})],
        f"import quick.{MATHS}",
        {"fast": "1.0"},
    ),
    "a library that only other code loads": Case(
        [wheel("blas", files={f"blas.libs/lib{MATHS}.so.3": library(MATHS)})],
        f"import ctypes; ctypes.CDLL(str(site / 'blas.libs/lib{MATHS}.so.3'))",
        {"blas": "1.0"},
    ),
    "an extension module that is deleted from the modules": Case(
        [wheel("fast", files={f"quick/{MATHS}{SUFFIX}": library(MATHS)})],
        f"import quick.{MATHS}\nfor n in ('quick', 'quick.{MATHS}'): del sys.modules[n]\ndel quick",
        {"fast": "1.0"},
    ),
    "a library whose file was removed since": Case(
        [wheel("fast", files={f"quick/{MATHS}{SUFFIX}": library(MATHS)})],
        f"import quick.{MATHS}\nlook()\nremove('fast')",
        {"fast": "1.0"},
    ),
    "a copy inside of another distribution": Case(
        [wheel("requests"), wheel("pip", files={"pip/__init__.py": "",
                                                "pip/_vendor/requests/__init__.py": ""})],
        "import pip._vendor.requests",
        {"pip": "1.0"},
    ),
    "a copy that goes by the name of the original": Case(
        [wheel("six"), wheel("tool", files={"tool/__init__.py": "", "tool/_six.py": ""})],
        "import tool._six; sys.modules['six'] = tool._six",
        {"tool": "1.0"},
    ),
    "a module that was made in memory": Case(
        [wheel("peas")], "import types; sys.modules['peas'] = types.ModuleType('peas')", {}
    ),
    "a module under two names": Case(
        [wheel("peas")], "import peas; sys.modules['beans'] = peas", {"peas": "1.0"}
    ),
    "an editable distribution": Case(
        [wheel("seeds", files=EDITABLE)],
        "sys.path.append(str(outside / 'src')); import seeds",
        {"seeds": "1.0"},
        outside={"src/seeds/__init__.py": ""},
    ),
    "an editable distribution that a finder of its own finds": Case(
        [wheel("seeds", files={**EDITABLE, "__editable___seeds_finder.py": FINDER})],
        "import __editable___seeds_finder as f\nf.install(str(outside / 'src/seeds/__init__.py'))\n"
        "import seeds",
        {"seeds": "1.0"},
        outside={"src/seeds/__init__.py": ""},
    ),
    "an editable distribution that is not imported": Case(
        [wheel("seeds", files=EDITABLE), wheel("peas")], "import peas", {"peas": "1.0"}
    ),
    "a module from a zip": Case(
        [wheel("peas")],
        "with zipfile.ZipFile(outside / 'peas.zip', 'w') as z: z.writestr('peas.py', '')\n"
        "sys.path.insert(0, str(outside / 'peas.zip')); import peas",
        {},
    ),
    "a module that hides the installed one": Case(
        [wheel("peas")],
        "sys.path.insert(0, str(outside)); import peas",
        {},
        outside={"peas.py": ""},
    ),
    "a submodule that is not loaded yet": Case(
        [wheel("peas", files=PEAS)], "import peas", {"peas": "1.0"}
    ),
    "a submodule that is declared and comes when it is asked for": Case(
        [wheel("peas", files={"peas/__init__.py": "def __getattr__(name):\n"
                              "    raise SystemExit(f'{name} was asked for')\n"
                              "__all__ = ['pod']\n", "peas/pod.py": "import beans"}),
         wheel("beans")],
        "import peas",
        {"peas": "1.0"},
    ),
    "a module whose import is put off": Case(
        [wheel("peas", files={"peas.py": "raise SystemExit('it was run')"})],
        "import importlib.util as u\nspec = u.find_spec('peas')\n"
        "spec.loader = u.LazyLoader(spec.loader)\nm = u.module_from_spec(spec)\n"
        "sys.modules['peas'] = m\nspec.loader.exec_module(m)",
        {},
    ),
    "a module that does something when it is asked": Case(
        [wheel("peas", files={"peas.py": "def __getattr__(name): raise SystemExit(name)"})],
        "import peas; del peas.__file__",
        {"peas": "1.0"},
    ),
    "an object in the place of a module": Case(
        [wheel("peas", files={"peas.py": "import sys\nclass Odd:\n    __slots__ = ()\n"
                              "    def __getattr__(self, name): raise SystemExit(name)\n"
                              "sys.modules[__name__] = Odd()\n"})],
        "import peas; sys.modules['nothing'] = None",
        {},
    ),
    "a module that gives another file as its own": Case(
        [wheel("peas"), wheel("odd", files={"odd.py": "__file__ = '_odd.py'"})],
        "import odd",
        {"odd": "1.0"},
    ),
    "the same distribution of the user's own site, in front of the installed one": Case(
        [wheel("peas"), wheel("beans")],
        "with zipfile.ZipFile(wheels / 'peas-2.0-py3-none-any.whl') as z: z.extractall(outside)\n"
        "import site as s; s.addsitedir(str(outside))\n"
        "sys.path.insert(0, sys.path.pop()); import peas, beans\nassert peas.__version__ == '2.0'",
        {"beans": "1.0"},
        later=[wheel("peas", "2.0")],
    ),
    "a module that only a forked child imports": Case(
        [wheel("peas")],
        "child = os.fork()\nif not child:\n    import peas\n    os._exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0",
        {},
    ),
    "a distribution that is only a script": Case(
        [wheel("tool", files={"{name}-{version}.data/scripts/tool": "#!python\n"})], "", {}
    ),
    "the main module of a distribution": Case(
        [wheel("tool", files={"tool/__main__.py": "running = True"})],
        "import runpy; sys.argv = ['tool']; m = sys.modules['__main__']\n"
        "m.__spec__ = __import__('importlib.util').util.find_spec('tool.__main__')",
        {"tool": "1.0"},
    ),
    "a module that only a child process imports": Case(
        [wheel("peas")],
        "import subprocess; code = f'import sys; sys.path.insert(0, {str(site)!r}); import peas'\n"
        "subprocess.run([sys.executable, '-c', code], check=True)",
        {},
    ),
    "bytecode without a source": Case(
        [wheel("peas")],
        "import py_compile\nfile = site / 'peas' / '__init__.py'\n"
        "py_compile.compile(str(file), str(site / 'peas' / '__init__.pyc'))\nfile.unlink()\n"
        "info = next(site.glob('peas-*.dist-info')) / 'RECORD'\n"
        "info.write_text(info.read_text().replace('__init__.py,', '__init__.pyc,'))\nimport peas",
        {"peas": "1.0"},
    ),
    "a folder that is reached by a link": Case(
        [wheel("peas")],
        "os.symlink(site, outside / 'linked')\nsys.path.remove(str(site))\n"
        "sys.path.insert(0, str(outside / 'linked')); import peas",
        {"peas": "1.0"},
    ),
    "a module in a folder that is put on the path at the start": Case(
        [wheel("win", files={"win.pth": "win/lib\n", "win/lib/winapi.py": ""})],
        "import site as s; s.addsitedir(str(site)); import winapi",
        {"win": "1.0"},
    ),
    "an installation that is links into a cache": Case(
        [wheel("peas"), wheel("fast", files={f"quick/{MATHS}{SUFFIX}": library(MATHS)})],
        f"for n in ('peas/__init__.py', 'quick/{MATHS}{SUFFIX}'):\n"
        "    (outside / n).parent.mkdir()\n    (site / n).rename(outside / n)\n"
        f"    (site / n).symlink_to(outside / n)\nimport peas, quick.{MATHS}",
        {"peas": "1.0", "fast": "1.0"},
    ),
    "a RECORD that is missing": Case(
        [wheel("peas"), wheel("beans")],
        "(next(site.glob('peas-*.dist-info')) / 'RECORD').unlink()\nimport peas, beans",
        {"beans": "1.0"},
    ),
    "names that begin alike": Case(
        [wheel("peas"), wheel("peas-more", files={"peas_more/__init__.py": ""})],
        "import peas_more",
        {"peas-more": "1.0"},
    ),
    "the standard library": Case([wheel("json5")], "import json, decimal, xml.dom", {}),
    "it was upgraded after the first look": Case(
        [wheel("peas")],
        "import peas\nlook()\nupgrade('peas')",
        {"peas": "1.0"},
        later=[wheel("peas", "2.0")],
    ),
    "it was upgraded before the first look": Case(
        [wheel("peas")],
        "import peas\nupgrade('peas')",
        {"peas": "1.0"},
        later=[wheel("peas", "2.0")],
    ),
    "it was installed and imported while this ran": Case(
        [wheel("peas")], "upgrade('peas')\nimport peas", {"peas": "2.0"}, [wheel("peas", "2.0")]
    ),
    "its module states a version of its own": Case(
        [wheel("peas")],
        "upgrade('peas')\nimport peas",
        {"peas": "2.0"},
        [wheel("peas", "2.0", {"peas.py": "__version__ = '0.7'"})],
    ),
    "it was upgraded, and a part of it is loaded only now": Case(
        [wheel("peas", files=PEAS)],
        "import peas\nlook()\nupgrade('peas')\nimport peas.pod",
        {"peas": "1.0"},
        [wheel("peas", "2.0", PEAS)],
    ),
    "it was upgraded and loaded again": Case(
        [wheel("peas", files=PEAS)],
        "import importlib, peas\nlook()\nupgrade('peas')\nimportlib.reload(peas)",
        {"peas": "2.0"},
        [wheel("peas", "2.0", PEAS)],
    ),
    "it was dropped, upgraded and imported anew": Case(
        [wheel("peas")],
        "import peas\nlook()\nupgrade('peas')\ndel sys.modules['peas'], peas\nimport peas",
        {"peas": "2.0"},
        [wheel("peas", "2.0")],
    ),
    "it was dropped from the modules and is still in use": Case(
        [wheel("peas")],
        "import peas\nlook()\nupgrade('peas')\ndel sys.modules['peas']",
        {"peas": "1.0"},
        [wheel("peas", "2.0")],
    ),
    "it was removed": Case([wheel("peas")], "import peas\nlook()\nremove('peas')", {"peas": "1.0"}),
    "it was removed before the first look": Case(
        [wheel("peas")], "import peas\nremove('peas')", {}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_loaded_distributions_are_found_by_module_files(
    name: str, empty: Path, tmp_path: Path
) -> None:
    case = CASES[name]
    root, site = _install(case, empty, tmp_path)
    assert _run(HEAD + case.body + TAIL, root, site, tmp_path) == dict(case.loaded)


def test_extension_modules_and_unimported_submodules_are_counted(
    empty: Path, tmp_path: Path
) -> None:
    code: dict[str, str | bytes] = {
        "quick/__init__.py": "",
        "quick/slow.py": "",
        f"quick/{MATHS}{SUFFIX}": library(MATHS),
    }
    case = Case([wheel("fast", files=code), wheel("peas", files=PEAS), wheel("beans")], "", {})
    root, site = _install(case, empty, tmp_path)
    body = f"import quick.{MATHS}, peas.pod, beans\nlook()\nfrom dataclasses import asdict\n"
    tail = "print(json.dumps({name: asdict(l) for name, l in loaded.loaded_packages().items()}))"
    assert _run(HEAD + body + tail, root, site, tmp_path) == {
        "fast": {"version": "1.0", "extension": f"{MATHS}{SUFFIX}", "waiting": 1},
        "peas": {"version": "1.0", "extension": "", "waiting": 1},
        "beans": {"version": "1.0", "extension": "", "waiting": 0},
    }


def test_environment_of_another_interpreter_has_nothing_loaded(empty: Path, tmp_path: Path) -> None:
    case = Case([wheel("peas")], "", {})
    root, site = _install(case, empty, tmp_path)
    body = f"import peas\nsys.executable = {sys.executable!r}\nsys.prefix = {sys.prefix!r}\n"
    code = body + f"real = {str(root / 'bin/python')!r}\n" + TAIL
    head = HEAD.replace("connect(sys.executable,", "connect(real,")
    assert _run(head + code, root, site, tmp_path) == {}


def _install(case: Case, empty: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Install the wheels of a case in a fresh site-packages."""
    site = next(empty.glob("lib/python*/site-packages"))
    shutil.rmtree(site)
    site.mkdir()
    wheels, outside = tmp_path / "wheels", tmp_path / "outside"
    wheels.mkdir()
    outside.mkdir()
    for path, text in case.outside.items():
        (outside / path).parent.mkdir(parents=True, exist_ok=True)
        (outside / path).write_text(text)
    for wheel in (*case.wheels, *case.later):
        (wheels / wheel.filename).write_bytes(wheel.data)
    for wheel in case.wheels:
        with ZipFile(wheels / wheel.filename) as archive:
            archive.extractall(site)
    for direct in site.glob("*.dist-info/direct_url.json"):
        direct.write_text(direct.read_text().replace("URL", outside.as_uri()))
    return empty, site


def _run(code: str, root: Path, site: Path, tmp_path: Path) -> object:
    argv = [str(root / "bin" / "python"), "-c", code, str(site), str(tmp_path / "wheels")]
    argv.append(str(tmp_path / "outside"))
    for number, folder in enumerate(LENT_FOLDERS):
        # By another name: what is in a folder called site-packages is installed.
        link = tmp_path / f"lent-{number}"
        link.symlink_to(folder)
        argv.append(str(link))
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
