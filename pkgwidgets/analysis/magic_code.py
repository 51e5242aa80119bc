"""Which Python a magic runs, by its name, its line and its body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Namespace(StrEnum):
    """Where a magic runs code: in the notebook's names, in new ones on top, or elsewhere."""

    NOTEBOOK = "notebook"
    LOCAL = "local"
    PROCESS = "process"


@dataclass(frozen=True, kw_only=True, slots=True)
class MagicCode:
    """The Python that a magic runs, in IPython's syntax, in order."""

    parts: tuple[str, ...] = ()
    namespace: Namespace = Namespace.NOTEBOOK
    binds: str = ""
    """The name of the notebook that it sets to a value of its own."""
    known: bool = True
    """Whether it is known that it runs these parts."""


# The options of each magic, as in `getopt`: a letter before ":" takes a value. Of IPython:
# https://ipython.readthedocs.io/en/stable/interactive/magics.html; the others are extensions.
_OPTIONS: Mapping[str, str] = {
    "time": "",
    "timeit": "n:r:tcp:qov:",
    "prun": "D:l:rs:T:q",
    "debug": "b:",
    "memit": "r:t:i:coe",
    "lprun": "f:m:rsD:T:u:z",
    "mprun": "f:rT:c",
    "px": "t:abvo:",
    "heat": "o:",
    "snakeviz": "tf:",
    "pyinstrument": "",
    "scalene": "",
}
_LOCAL = frozenset({"timeit", "memit"})
"""They run their code in a function: what it binds is gone afterwards."""
_BODY_ONLY = frozenset({
    "autopx", "capture", "code_wrap", "heat", "ipytest", "itime", "local", "manim",
    "memray_flamegraph", "notify", "px", "pyinstrument", "run_pytest", "scalene", "skip_if",
    "snakeviz", "viztracer", "wurlitzer",
})  # fmt: skip
"""Cell magics that run their body; the line has options for them."""
_PROCESSES = frozenset({"python", "python3"})
"""Cell magics that run their body in a Python process of its own."""
_OTHER_LANGUAGES = frozenset({
    "!", "HTML", "R", "SVG", "ai", "bash", "bigquery", "cmd", "cpp", "css", "csv", "cypher",
    "dot", "duckdb", "file", "graphviz", "html", "javascript", "js", "json", "julia", "kql",
    "latex", "markdown", "matlab", "mermaid", "octave", "perl", "powershell", "pypy", "python2",
    "ruby", "rust", "script", "sh", "sql", "sqlite", "stata", "svg", "sx", "system", "tikz",
    "typescript", "writefile", "yaml",
})  # fmt: skip
"""Cell magics whose body is another language, or is only written to a file."""
_NO_CODE = frozenset({
    "aimport", "alias", "alias_magic", "autoawait", "autocall", "automagic", "autoreload",
    "autosave", "bookmark", "cat", "cd", "clear", "colors", "conda", "config", "connect_info",
    "cp", "dhist", "dirs", "doctest_mode", "edit", "env", "gui", "hist", "history",
    "killbgscripts", "ldir", "less", "lf", "lk", "ll", "load", "loadpy", "logoff", "logon",
    "logstart", "logstate", "logstop", "ls", "lsmagic", "lx", "macro", "magic", "mamba", "man",
    "micromamba", "mkdir", "more", "mv", "notebook", "packages", "page", "pastebin", "pdb",
    "pdef", "pdoc", "pfile", "pinfo", "pinfo2", "pip", "pkgwidgets", "popd", "pprint",
    "precision", "psearch", "psource", "pushd", "pwd", "pycat", "qtconsole", "quickref",
    "recall", "rehashx", "rep", "rerun", "reset", "reset_selective", "rm", "rmdir", "save",
    "sc", "set_env", "sql", "store", "subshell", "sx", "system", "tb", "tensorboard", "unalias",
    "unload_ext", "uv", "watermark", "who", "who_ls", "whos", "xdel", "xmode",
})  # fmt: skip
"""Line magics that run no Python of the notebook; what some of them do is read elsewhere."""
# As `IPython.core.pylabtools.import_pylab` does.
_PYLAB = """\
import numpy
import matplotlib
from matplotlib import pylab, mlab, pyplot
np = numpy
plt = pyplot
from pylab import *
from numpy import *
"""
_MATPLOTLIB = "try:\n    import matplotlib\nexcept ImportError:\n    pass\n"
_OPTION = re.compile(r"--(?P<long>[\w-]+)(?:=(?P<value>\S*))?(?:\s+|$)|-(?P<short>[A-Za-z]\S*)\s*")
_WORD = re.compile(r"(\"[^\"]*\"|'[^']*'|\S+)\s*")


def line_magic_code(name: str, line: str) -> MagicCode:
    """Return what `%name line` runs.

    >>> line_magic_code("timeit", "-n 10 f(1)").parts
    ('f(1)',)
    """
    if name == "pylab":
        return MagicCode(parts=(_PYLAB,))
    if name == "matplotlib":
        return MagicCode(parts=(_MATPLOTLIB,))
    if name in ("load_ext", "reload_ext"):
        is_module = re.fullmatch(r"(?!autoreload$|storemagic$)[\w.]+", line.strip())
        return MagicCode(parts=(f"import {line.strip()} as _",) if is_module else ())
    if name not in _OPTIONS:
        return MagicCode(parts=(line,), known=False) if name not in _NO_CODE else MagicCode()
    options, code = split_options(line, _OPTIONS[name])
    return MagicCode(
        parts=(*_profiled(options), code),
        namespace=Namespace.LOCAL if name in _LOCAL else Namespace.NOTEBOOK,
        binds=_result_name(name, options),
    )


def cell_magic_code(name: str, line: str, body: str) -> MagicCode:
    """Return what `%%name line` runs of the cell's body, and of the line."""
    if name in _OTHER_LANGUAGES and not is_python_script(name, line):
        return MagicCode()
    if name in _PROCESSES or name == "script":
        return MagicCode(parts=(body,), namespace=Namespace.PROCESS)
    if name in _BODY_ONLY:
        words = line.split()
        output = words[0] if name == "capture" and words and words[0].isidentifier() else ""
        return MagicCode(parts=(body,), binds=output)
    if name not in _OPTIONS:
        return MagicCode(parts=(body,), known=False)
    options, code = split_options(line, _OPTIONS[name])
    return MagicCode(
        parts=(*_profiled(options), code, body),
        namespace=Namespace.LOCAL if name in _LOCAL else Namespace.NOTEBOOK,
        binds=_result_name(name, options),
    )


def is_shell(name: str) -> bool:
    """Tell whether the body of a cell magic is read by a shell.

    >>> is_shell("bash")
    True
    """
    return name in ("bash", "sh", "!", "sx", "system")


def is_line_magic(name: str) -> bool:
    """Tell whether a word that starts a line without `%` may be a magic (`%automagic`)."""
    return name in _NO_CODE or name in _OPTIONS or name in ("run", "matplotlib", "pylab")


def is_python_script(name: str, line: str) -> bool:
    """Tell whether `%%script line` runs the Python of the environment."""
    words = [word for word in line.split() if not word.startswith("-")]
    return name == "script" and bool(words) and _PYTHON.fullmatch(words[0]) is not None


def split_options(line: str, letters: str) -> tuple[Mapping[str, list[str]], str]:
    """Split a line into the options before its code, and the code.

    >>> split_options("-n10 -r 3 -q f(-1)", "n:r:q")
    ({'n': ['10'], 'r': ['3'], 'q': ['']}, 'f(-1)')
    """
    options: dict[str, list[str]] = {}
    rest = line.lstrip()
    while match := _OPTION.match(rest):
        cluster, after = match["short"], rest[match.end() :]
        if cluster is None:
            options.setdefault(match["long"], []).append(match["value"] or "")
            rest = after
            continue
        if f"{cluster[0]}" not in letters.replace(":", ""):
            break
        name = _value_letter(cluster, letters)
        value = cluster.partition(name)[2] if name else ""
        if name and not value:
            word = _WORD.match(after)
            value, after = (word[1], after[word.end() :]) if word else ("", after)
        for letter in cluster.partition(name)[0] + name if name else cluster:
            options.setdefault(letter, []).append(value if letter == name else "")
        rest = after
    return options, re.sub(r"^--(\s+|$)", "", rest)


_PYTHON = re.compile(r"(.*/)?(python|ipython)[\d.]*")


def _value_letter(cluster: str, letters: str) -> str:
    """Return the first letter of an option cluster that takes a value; "" if none does."""
    return next((letter for letter in cluster if f"{letter}:" in letters), "")


def _profiled(options: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Return the functions and modules that a line profiler is given, as code."""
    modules = (f"import {name} as _" for name in options.get("m", ()) if name)
    return (*options.get("f", ()), *modules)


def _result_name(name: str, options: Mapping[str, list[str]]) -> str:
    return "".join(options.get("v", ())[-1:]) if name == "timeit" else ""
