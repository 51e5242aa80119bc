"""Read what the magics of a cell run, and follow those that change its names or folders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol, assert_never

from . import magic_code
from .name_resolver import NameResolver
from .name_scopes import Scopes
from .search_folders import SearchFolders

_RUN_OPTIONS = "nidtN:b:pD:l:rs:T:em:G"
_WORD = re.compile(r"\"([^\"]*)\"|'([^']*)'|(\S+)")


class CodeRunner(Protocol):
    """Reads the code that a magic runs."""

    def read_part(self, text: str, code: NameResolver, scopes: Scopes, *, ipython: bool) -> None:
        """Read code that runs with these names."""

    def read_text(self, text: str, code: NameResolver, *, ipython: bool) -> None:
        """Read code that runs with the names of the place."""

    def is_python(self, text: str) -> bool:
        """Tell whether a text is Python in IPython's syntax."""

    def run_file(self, code: NameResolver, path: str, *, shared: bool) -> None:
        """Read a file that runs as a program, in new names unless they are shared."""

    def run_shell(self, code: NameResolver, text: str) -> None:
        """Read the Python programs that shell code starts."""

    def forget_names(self) -> None:
        """Forget what the cells have bound."""


class MagicReader:
    """Knows the aliases of magics; `values` are the literal strings that names hold."""

    def __init__(
        self, runner: CodeRunner, folders: SearchFolders, values: Mapping[str, str]
    ) -> None:
        self._runner = runner
        self._folders = folders
        self._values = values
        self._aliases: dict[str, str] = {}

    def run(self, code: NameResolver, name: str, line: str, body: str | None) -> None:
        """Read what a magic runs; `body` is None for a line magic."""
        name = self._aliases.get(name, name)
        if body is not None and name in ("writefile", "file"):
            words = _words(line)
            if words:
                self._folders.write(words[-1], body, append="-a" in words[:-1])
        elif body is not None and magic_code.is_shell(name):
            self._runner.run_shell(code, body)
        elif body is not None:
            self._run_code(code, name, magic_code.cell_magic_code(name, line, body), body=True)
        elif not self._change_state(code, name, line):
            self._run_code(code, name, magic_code.line_magic_code(name, line), body=False)

    def _change_state(self, code: NameResolver, name: str, line: str) -> bool:
        """Follow a line magic that changes folders, names or magics, or runs a file."""
        words = _words(line)
        match name:
            case "run":
                self._run_words(code, line)
            case "cd" | "pushd":
                is_literal = bool(words) and not re.search(r"[{$]", line) and words[-1][0] != "-"
                self._folders.change_folder(words[-1] if is_literal else None if words else "~")
            case "popd":
                self._folders.change_folder(None)
            case "reset":
                if not {"in", "out", "dhist", "array"} & {*map(str.lower, words)}:
                    self._runner.forget_names()
            case "alias_magic":
                names = [word for word in words if not word.startswith("-")]
                if len(names) > 1:
                    self._aliases[names[0].lstrip("%")] = names[1].lstrip("%")
            case "sx" | "system" | "sc":
                self._runner.run_shell(code, line)
            case _:
                return False
        return True

    def _run_code(
        self, code: NameResolver, name: str, magic: magic_code.MagicCode, *, body: bool
    ) -> None:
        shown = f"%%{name}" if body else f"%{name}"
        match magic.namespace:
            case magic_code.Namespace.PROCESS:
                for part in magic.parts:
                    self._runner.read_part(part, code, Scopes(), ipython=False)
            case magic_code.Namespace.LOCAL:
                with code.scopes.nested():
                    for part in magic.parts:
                        self._runner.read_part(part, code, code.scopes, ipython=True)
            case magic_code.Namespace.NOTEBOOK if magic.known:
                for part in magic.parts:
                    self._runner.read_part(part, code, code.scopes, ipython=True)
            case magic_code.Namespace.NOTEBOOK:
                self._run_unknown(code, shown, magic.parts[0], body=body)
            case _:
                assert_never(magic.namespace)
        if magic.binds:
            code.scopes.bind(magic.binds, ())

    def _run_unknown(self, code: NameResolver, shown: str, text: str, *, body: bool) -> None:
        """Read what a magic may run that is not known, if it is Python."""
        before, is_python = len(code.reader.uses), self._runner.is_python(text)
        if is_python:
            self._runner.read_part(text, code, code.scopes, ipython=True)
        what = "whether it runs its line"
        if body:
            what = "whether it runs its body" if is_python else "what it does with its body"
        elif len(code.reader.uses) == before and (is_python or not self._mentions(code, text)):
            return
        code.reader.add_unknown(code.place, f"{shown} is not a known magic: {what} is unknown")

    def _mentions(self, code: NameResolver, text: str) -> bool:
        return any(code.scopes.find(word) for word in re.findall(r"[A-Za-z_]\w*", text))

    def _run_words(self, code: NameResolver, line: str) -> None:
        """Follow `%run`: https://ipython.readthedocs.io/en/stable/interactive/magics.html#magic-run."""
        options, rest = magic_code.split_options(line, _RUN_OPTIONS)
        if options.get("m"):
            self._runner.read_text(f"import {options['m'][0]} as _", code, ipython=False)
            return
        words = _words(rest)
        path = self._values.get(words[0].strip("{}$")) if words else None
        if words and not re.search(r"[{$]", words[0]):
            path = words[0]
        if path is None:
            code.reader.add_unknown(code.place, "which file %run runs is unknown")
        else:
            self._runner.run_file(code, path, shared="i" in options)


def _words(line: str) -> list[str]:
    return ["".join(groups) for groups in _WORD.findall(line)]
