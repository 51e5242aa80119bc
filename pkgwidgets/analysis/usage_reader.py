"""Read the cells of a notebook, and the code that they run or import."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import PurePath

from . import magic_code, shell_lines
from .code_context import CodeContext
from .code_uses import Unknown, Use
from .local_modules import LocalModules
from .magic_reader import MagicReader
from .name_resolver import NameResolver, Place, deeper
from .name_scopes import Names, Scope, Scopes
from .notebook_file import code_cells
from .running_calls import RunningCalls
from .search_folders import SearchFolders
from .usage_visitor import visit_code

_NOT_PYTHON = "{} is not Python, so the names that it uses are unknown"


class UsageReader:
    """Reads code, the code that it runs, and so on; `uses` and `unknowns` are what is found."""

    def __init__(self, context: CodeContext) -> None:
        self.uses: list[Use] = []
        self.unknowns: list[Unknown] = []
        self._context = context
        self._folders = SearchFolders(context.files, context.folder, context.path)
        self._calls = RunningCalls(self, self._folders)
        self._modules = LocalModules(self, context, self._folders)
        self._notebook = Scope()
        self._magics = MagicReader(self, self._folders, self._calls.values)
        self._running: list[PurePath] = []
        self._later: list[tuple[NameResolver, ast.AST]] = []
        self._is_finishing = False

    def read_cell(self, number: int, source: str) -> None:
        """Read a cell, after those that ran before it."""
        self._read(source, Place(cell=number), Scopes(self._notebook), ipython=True)

    def finish(self) -> None:
        """Read functions again that use names which only later cells bind."""
        self._is_finishing = True
        for code, node in self._later:
            with self._guarded(code.place):
                visit_code(node, self, code.place, code.scopes, self._calls)

    def add_unknown(self, place: Place, text: str) -> None:
        """Add what cannot be read, with its file unless it is in the cell."""
        text = f"{text} (in {place.file})" if place.file else text
        self.unknowns.append(Unknown(cell=place.cell, text=text))

    def read_later(self, code: NameResolver, node: ast.AST) -> None:
        """Read a function again at the end, when all names are bound."""
        if not self._is_finishing:
            at = NameResolver(self, code.place, code.scopes.copy(), self._calls)
            self._later.append((at, node))

    def _read(self, text: str, place: Place, scopes: Scopes, *, ipython: bool) -> None:
        if place.depth > self._context.limits.max_depth:
            self.add_unknown(place, "the code that it runs is nested too deep to be read")
            return
        with self._guarded(place):
            tree = self._parse(text, ipython=ipython)
            if tree is None:
                subject = "this cell" if not place.file and not place.depth else "code that it runs"
                self.add_unknown(place, _NOT_PYTHON.format(subject))
            else:
                visit_code(tree, self, place, scopes, self._calls)

    @contextmanager
    def _guarded(self, place: Place) -> Iterator[None]:
        try:
            yield
        except (RecursionError, MemoryError):
            self.add_unknown(place, "its code is nested too deep to be read")

    def _parse(self, text: str, *, ipython: bool) -> ast.AST | None:
        """Return the syntax tree of code, of a cell as IPython transforms it; None if invalid."""
        tree = _parse_python(text)
        if tree is not None or not ipython:
            return tree
        try:
            transformed = self._context.transform(text)
        except (SyntaxError, ValueError, RecursionError):
            transformed = text
        tree = _parse_python(transformed)
        if tree is None and transformed.strip() and "\n" not in transformed.strip():
            word = transformed.split(maxsplit=1)[0]
            if magic_code.is_line_magic(word):  # IPython's automagic: a line without its `%`
                return _parse_python(self._context.transform(f"%{transformed.strip()}"))
        return tree

    def read_text(self, text: str, code: NameResolver, *, ipython: bool) -> None:
        """Read code that runs with the names of the place."""
        self._read(text, deeper(code.place), code.scopes, ipython=ipython)

    def run_magic(self, code: NameResolver, name: str, line: str, body: str | None) -> None:
        """Read what a magic runs; `body` is None for a line magic."""
        self._magics.run(code, name, line, body)

    def read_part(self, text: str, code: NameResolver, scopes: Scopes, *, ipython: bool) -> None:
        """Read code that runs with these names."""
        self._read(text, deeper(code.place), scopes, ipython=ipython)

    def is_python(self, text: str) -> bool:
        """Tell whether a text is Python in IPython's syntax."""
        return self._parse(text, ipython=True) is not None

    def forget_names(self) -> None:
        """Forget what the cells have bound."""
        self._notebook.clear()
        self._notebook.stars.clear()

    def run_shell(self, code: NameResolver, text: str) -> None:
        """Read the Python programs that shell code starts."""
        place = deeper(code.place)
        for program in shell_lines.python_programs(text):
            if program.code:
                self._read(program.code, place, Scopes(), ipython=False)
            elif program.module:
                self._read(f"import {program.module}", place, Scopes(), ipython=False)
            elif program.file:
                self._run_path(code, program.file, Scopes())
            else:
                self.add_unknown(code.place, "which Python code the shell runs is unknown")

    def run_file(self, code: NameResolver, path: str, *, shared: bool) -> None:
        """Read a file that runs as a program, in new names unless they are shared."""
        scopes = code.scopes if shared or path.endswith((".ipynb", ".ipy")) else Scopes()
        self._run_path(code, path, scopes)
        if scopes is not code.scopes:  # `%run` then copies all names
            for name, names in scopes.module.items():
                code.scopes.bind(name, names)
            code.scopes.innermost.stars.extend(scopes.module.stars)

    def _run_path(self, code: NameResolver, text: str, scopes: Scopes) -> None:
        for name in (text, f"{text}.py"):
            path = self._folders.path(name)
            content = self._content(code.place, path) if path is not None else None
            if path is not None and content is not None:
                break
        else:
            text = f"{text} was not found, so what it uses is unknown"
            self.add_unknown(code.place, text)
            return
        if content == b"" or path in self._running:
            return
        self._running.append(path)
        place = replace(deeper(code.place), file=self._folders.shown(path), path=str(path))
        self._read_content(content, place, scopes)
        self._running.pop()

    def _content(self, place: Place, path: PurePath) -> bytes | None:
        """Return a file's content, None without one; empty, with a note, if it is not read."""
        return self._modules.content(place, path)

    def _read_content(self, content: bytes, place: Place, scopes: Scopes) -> None:
        try:
            if place.path.endswith(".ipynb"):
                for cell in code_cells(content):
                    self._read(cell.source, place, scopes, ipython=True)
                return
            text = importlib.util.decode_source(content)
        except (ValueError, SyntaxError):
            self.add_unknown(place, _NOT_PYTHON.format("this file"))
            return
        self._read(text, place, scopes, ipython=place.path.endswith(".ipy"))

    def read_module(self, content: bytes, place: Place, scope: Scope) -> None:
        """Read a module into its own scope."""
        self._read_content(content, place, Scopes(scope))

    def import_module(self, name: str, place: Place, *, optional: bool) -> bool:
        """Read a module next to the notebook; tell whether it is one."""
        return self._modules.load(name, place, optional=optional)

    def import_name(self, module: str, name: str, place: Place) -> Names:
        """Return what `from module import name` binds, of a module next to the notebook."""
        scope, inner = self._modules.scope(module), f"{module}.{name}"
        if scope is not None and name not in scope:
            self._modules.load(inner, place, optional=True)
            if self._modules.scope(inner) is not None:
                return (inner,)
        return self.member(module, name) or ()

    def member(self, module: str, name: str) -> Names | None:
        """Return what a name of a module next to the notebook stands for; None if not such."""
        scope = self._modules.scope(module)
        if scope is None:
            return None
        if self._modules.scope(f"{module}.{name}") is not None:
            return (f"{module}.{name}",)
        if name in scope:
            return scope[name]
        return self.find_star_name(name, Scopes(scope)) if scope.stars else ()

    def find_star_name(self, name: str, scopes: Scopes) -> Names:
        """Return what a name stands for that only a star import may have bound."""
        possible: list[str] = []
        for module in scopes.stars():
            local = self._modules.scope(module)
            if local is not None:
                names = local.get(name)
                if names is None and local.stars and local is not scopes.module:
                    names = self.find_star_name(name, Scopes(local)) or None
                if names is not None:
                    return names
                continue
            has_name = None if name.startswith("_") else self._context.has_name(f"{module}.{name}")
            if has_name:
                return (f"{module}.{name}",)
            possible += [f"{module}.{name}"] if has_name is None else []
        return tuple(possible)


def _parse_python(text: str) -> ast.AST | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
