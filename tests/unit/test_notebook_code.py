"""What cells run beside their own statements: magics, shell lines, files and modules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os.path import normpath
from pathlib import PurePath
from types import SimpleNamespace

import pytest

from pkgwidgets.analysis.code_context import CodeContext, ReadLimits
from pkgwidgets.analysis.magic_code import split_options
from pkgwidgets.analysis.name_usage import Cell, Usage, find_usage
from pkgwidgets.analysis.shell_lines import Program, python_programs
from pkgwidgets.notebook import notebook_code

FOLDER = PurePath("/beds/spring")
USE = "import pea\npea.pod(1)"


class Files(dict[str, str]):
    """Files by their paths; relative ones are in the notebook's folder."""

    def read(self, path: PurePath) -> bytes | None:
        text = {normpath(FOLDER / name): text for name, text in self.items()}.get(str(path))
        if text == "too large":
            raise ValueError(text)
        return None if text is None else text.encode()

    def is_folder(self, path: PurePath) -> bool:
        return any(path in (FOLDER / name).parents for name in self)


def usage(*sources: str, files: Mapping[str, str] | None = None, **more: object) -> Usage:
    cells = [Cell(number=number, source=source) for number, source in enumerate(sources, 1)]
    context = CodeContext(
        transform=notebook_code.transform,
        files=Files(files or {}),
        folder=FOLDER,
        has_module=lambda name: name in ("pea", "bean"),
        has_name=lambda name: {"pea.pod": True, "bean.pod": False}.get(name),
        **more,  # type: ignore[arg-type]
    )
    return find_usage(cells, context)


def pods(found: Usage) -> list[int]:
    return sorted({use.cell for use in found.uses if use.name == "pea.pod"})


@pytest.mark.parametrize(
    "source",
    [
        f"%%time\n{USE}",
        f"%%time\n%matplotlib inline\n{USE}",
        f"%%capture out\n!ls\n{USE}",
        f"%%capture --no-stderr out\n%%time\n{USE}",
        f"%%prun -l 5 -s cumulative\n{USE}",
        "%%timeit -n 3 import pea\npea.pod(1)",
        "%%timeit -r1 -n3\n" + USE,
        f"%%memit -r 2\n{USE}",
        f"%%px --local\n{USE}",
        f"%%python\n{USE}",
        f"%%script python3 -u\n{USE}",
        "%%bash\ncd x && python -c 'import pea; pea.pod'",
        "import pea\n%timeit -n 10 -r 3 -q pea.pod(1)",
        "import pea\n%timeit -n10 pea.pod(-1)",
        "import pea\nbest = %timeit -o pea.pod(1)",
        "import pea\n%prun -l 5 -q pea.pod(1)",
        "import pea\n%lprun -f pea.pod print()",
        "import pea\n%time x = pea.pod(1)",
        "import pea\nif 1:\n    %time pea.pod(1)",
        "import pea\nfor _ in ():\n    !ls\n    pea.pod(1)",
        "x = !ls\nfrom pea import pod\npod(1)",
        "!python -c 'import pea; pea.pod(1)'",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import pea; pea.pod'])",
        "get_ipython().run_cell('import pea; pea.pod(1)')",
        "get_ipython().run_line_magic('timeit', '-n 10 __import__(\"pea\").pod(1)')",
        "from pea import *\npod(1)",
        "from pea import *\nfrom bean import *\npod(1)",
    ],
)  # fmt: skip
def test_code_that_a_cell_runs_is_read(source: str) -> None:
    assert pods(usage(source)) == [1]
    assert usage(source).unknowns == ()


def test_automagic_and_aliases_are_magics() -> None:
    assert pods(usage("import pea", "timeit -n 10 pea.pod(1)")) == [2]
    assert pods(usage("%alias_magic t timeit", "import pea", "%t -n 1 pea.pod(1)")) == [3]


@pytest.mark.parametrize(
    "source",
    [
        "%%html\n<b>pea.pod</b>",
        "%%bash\nls && echo pea.pod",
        "%%writefile later.py\n" + USE,
        "%%javascript\nimport pea",
        "%pip install pea",
        "!pip install pea",
        "%load_ext autoreload\n%autoreload 2",
        "%matplotlib inline",
    ],
)
def test_other_languages_are_no_python(source: str) -> None:
    found = usage(source)
    assert (pods(found), found.unknowns) == ([], ())


def test_body_of_an_unknown_magic_is_read_and_marked() -> None:
    found = usage(f"%%harvest now\n{USE}", "%%harvest\nselect pods")
    assert pods(found) == [1]
    assert [unknown.cell for unknown in found.unknowns] == [1, 2]
    assert usage("import pea", "%harvest pea.pod", "%harvest --all").unknowns[0].cell == 2


@pytest.mark.parametrize(
    "source",
    [
        "x =",
        "%run {name}",
        "%run gone.py",
        "import nowhere",
        "exec(text)",
        "import pea\ngetattr(pea, name)",
        "import importlib\nimportlib.import_module(name)",
        "!python {name}",
        "import large",
        "%run large.py",
        "%run words.py",
        "get_ipython().run_cell(text)",
    ],
)
def test_code_that_cannot_be_read_is_unknown_by_its_cell(source: str) -> None:
    files = {"large.py": "too large", "words.py": "many words"}
    found = usage("import pea", source, files=files)
    assert [unknown.cell for unknown in found.unknowns] == [2]


def test_import_that_the_code_can_do_without_is_not_unknown() -> None:
    assert usage("try:\n    import nowhere\nexcept ImportError:\n    pass").unknowns == ()


NOTEBOOK = json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": "%time\n" + USE}]})


@pytest.mark.parametrize(
    ("source", "file", "text"),
    [
        ("%run x.py", "x.py", USE),
        ("%run x", "x.py", USE),
        ("%run -i -t x.py 3 --n 4", "x.py", USE),
        ("%run 'a b.py'", "a b.py", USE),
        ("%run x.ipynb", "x.ipynb", NOTEBOOK),
        ("%run -m tools.x", "tools/x.py", USE),
        ("%cd ..\n%run x.py", "../x.py", USE),
        ("import os\nos.chdir('..')\nimport x", "../x.py", USE),
        ("!python x.py", "x.py", USE),
        ("import x", "x.py", USE),
        ("import x", "x/__init__.py", USE),
        ("import x.y.z", "x/y/z.py", USE),
        ("from x import y", "x/y.py", USE),
        ("import sys\nsys.path.append('../src')\nimport x", "../src/x.py", USE),
        ("import sys\nsys.path.insert(0, '..')\nfrom x import *", "../x.py", USE),
        ("import sys\nSRC = '../src'\nsys.path += [SRC]\nimport x", "../src/x.py", USE),
        ("import sys\nfrom pathlib import Path\nsys.path[:0] = [str(Path.cwd().parent / 's')]\n"
         "import x", "../s/x.py", USE),
        ("import os, sys\nsys.path.append(os.path.abspath(os.path.join('..', 's')))\nimport x",
         "../s/x.py", USE),
        ("import importlib\nimportlib.import_module('x')", "x.py", USE),
        ("import runpy\nrunpy.run_path('x.py')", "x.py", USE),
        ("exec(open('x.py').read())", "x.py", USE),
    ],
)  # fmt: skip
def test_files_and_modules_of_a_notebook_are_followed(source: str, file: str, text: str) -> None:
    found = usage(source, files={file: text})
    assert pods(found) == [1]
    assert {use.file for use in found.uses if use.name == "pea.pod"} != {""}


def test_names_of_followed_code_are_known_in_later_cells() -> None:
    files = {"x.py": "import pea as p\nfrom pea import *\nhoe = p", "y/__init__.py": "import x"}
    files |= {"w/__init__.py": "from .v import *\nfrom . import u", "w/v.py": USE, "w/u.py": USE}
    assert pods(usage("import w", files=files)) == [1]
    assert pods(usage("import w", "w.u.pea.pod(1)", "w.pea.pod(1)", files=files)) == [1, 2, 3]
    assert pods(usage("import x", "x.p.pod(1)", files=files)) == [2]
    assert pods(usage("from x import hoe", "hoe.pod(1)", files=files)) == [2]
    assert pods(usage("from x import *", "hoe.pod(1)", files=files)) == [2]
    assert pods(usage("%run x.py", "p.pod(1)", files=files)) == [2]
    assert pods(usage("import y", "y.x.p.pod(1)", files=files)) == [2]
    assert pods(usage("%%writefile new.py\n" + USE, "import new")) == [2]


def test_reset_forgets_what_cells_imported() -> None:
    assert pods(usage("import pea", "%reset -f", "pea.pod(1)")) == []


def test_circles_and_limits_end_the_reading() -> None:
    circle = {"a.py": "import b", "b.py": f"import a\n{USE}", "c.py": "exec(open('c.py').read())"}
    assert pods(usage("import a", files=circle)) == [1]
    assert usage("%run c.py", files=circle).unknowns == ()
    few = ReadLimits(max_files=1)
    assert [unknown.cell for unknown in usage("import a", files=circle, limits=few).unknowns] == [1]
    small = ReadLimits(max_bytes=3)
    assert [u.cell for u in usage("import a", files=circle, limits=small).unknowns] == [1]
    flat = ReadLimits(max_depth=1)
    deep = {"a.py": "import b", "b.py": USE}
    assert [u.cell for u in usage("import a", files=deep, limits=flat).unknowns] == [1]


def test_module_of_the_environment_is_not_read_from_a_folder_of_the_notebook() -> None:
    found = usage("import sys\nsys.path.append('lib')\nimport bean", files={"lib/bean.py": USE})
    assert pods(found) == []
    assert [use.name for use in found.uses] == ["sys", "sys.path.append", "bean"]


def test_options_of_a_magic_end_where_its_code_begins() -> None:
    assert split_options("-n 5 -ov best -f(1)", "n:ov:") == (
        {"n": ["5"], "o": [""], "v": ["best"]},
        "-f(1)",
    )
    assert split_options("--no-raise-error f()", "") == ({"no-raise-error": [""]}, "f()")


@pytest.mark.parametrize(
    ("text", "programs"),
    [
        ("python a.py --x; ls", [Program(file="a.py")]),
        ("VAR=1 nohup python3.11 -u -W ignore -m pea.pod &", [Program(module="pea.pod")]),
        ("ls | python", []),
        ("{sys.executable} -m pip install x", [Program(module="pip")]),
        ("python $SCRIPT", [Program()]),
        ("python 'open", [Program()]),
        ("echo python a.py # python b.py", []),
        ("python --version", []),
    ],
)
def test_python_programs_of_shell_lines_are_found(text: str, programs: list[Program]) -> None:
    assert [*python_programs(text)] == programs


# --- the kernel's history


def shell(raw: list[str], count: int, **more: object) -> SimpleNamespace:
    history = SimpleNamespace(input_hist_raw=raw)
    names = {"In": ["", "import bean"]}
    values = {"execution_count": count, "starting_dir": "/beds", "user_ns": names, **more}
    return SimpleNamespace(history_manager=history, **values)


def test_cells_come_from_the_history_and_not_from_a_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running = shell(["", "import pea", "%time pea.pod"], 2)
    monkeypatch.setattr("IPython.get_ipython", lambda: running)
    read = notebook_code.executed_cells()
    assert [cell.source for cell in read.cells] == ["import pea", "%time pea.pod"]
    assert (str(read.folder), read.unknowns) == ("/beds", ())


def test_cell_that_was_run_again_has_the_number_of_its_last_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running = shell(["", "import pea", "pea.pod", "import pea", "pea.pod", "pea.bed"], 6)
    monkeypatch.setattr("IPython.get_ipython", lambda: running)
    read = notebook_code.executed_cells()
    assert [cell.number for cell in read.cells] == [1, 2, 3, 4, 5]
    assert read.last_runs == {1: 3, 2: 4, 3: 3, 4: 4, 5: 5}


def test_cells_that_the_history_lost_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("IPython.get_ipython", lambda: shell(["", "", "x", "y"], 6))
    read = notebook_code.executed_cells()
    assert [cell.number for cell in read.cells] == [2, 3]
    assert [unknown.cell for unknown in read.unknowns] == [1, 4, 5]
