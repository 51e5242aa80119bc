"""The names that one source or stub defines; griffe reads those that are looked up."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import griffe

from .dynamic_names import DynamicNames, read_dynamic_names
from .plain_functions import plain_function

_EXTENSIONS = griffe.load_extensions()
_SCOPES = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)


@contextmanager
def _paused_collection() -> Iterator[None]:
    """Pause the collection of reference cycles: a syntax tree has none, but thousands of objects.

    Else the collector goes through all of the kernel's objects again and again.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class ModuleNames:
    """The names of a module, by the statements that bind them at its top level."""

    def __init__(self, name: str, file: Path) -> None:
        self.name = name
        self._file = file
        try:
            self.text = file.read_text("utf-8", "replace")
        except OSError:
            self.text = ""
        self._members: dict[str, Any] = {}

    @cached_property
    def dynamic(self) -> DynamicNames:
        """What its code says of the names that it creates at run time."""
        if self._tree is None:
            return DynamicNames(is_open=True)
        return read_dynamic_names(self._tree, self.text, self._package)

    @property
    def _package(self) -> str:
        is_package = self._file.stem == "__init__"
        return self.name if is_package else self.name.rpartition(".")[0]

    @cached_property
    def is_readable(self) -> bool:
        """Whether its text is Python."""
        return self._tree is not None

    @cached_property
    def _tree(self) -> ast.Module | None:
        try:
            with _paused_collection():
                return ast.parse(self.text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None

    @cached_property
    def _statements(self) -> dict[str, list[ast.stmt]]:
        """The statements that bind each name; what is deleted afterwards has none."""
        found: dict[str, list[ast.stmt]] = {}
        for statement in self._tree.body if self._tree is not None else ():
            for name in _bound_names(statement):
                statements = found.setdefault(name, [])
                if statement not in statements[-1:]:
                    statements.append(statement)
            if isinstance(statement, ast.Delete):
                for target in statement.targets:
                    if isinstance(target, ast.Name):
                        found.pop(target.id, None)
        return found

    def defines(self, name: str) -> bool:
        """Tell whether a statement at the top level binds a name."""
        return name in self._statements or name in self.dynamic.imports

    def member(self, name: str) -> Any:
        """Return griffe's object for a name, or a plain function; None if there is none."""
        if name not in self._members:
            statements = self._statements.get(name, [])
            member: Any = plain_function(statements)
            if member is None and statements:
                # griffe knows `overload` and `cached_property` by their imports.
                known = [s for n in _decorator_names(statements) for s in self._imports_of(n)]
                member = self._visit([*known, *statements]).members.get(name)
            self._members[name] = member
        return self._members[name]

    def _imports_of(self, name: str) -> list[ast.stmt]:
        statements = self._statements.get(name, [])
        return [node for node in statements if isinstance(node, ast.Import | ast.ImportFrom)]

    def class_tree(self, name: str) -> ast.ClassDef | None:
        """Return the last class statement of a name, None if there is none."""
        for statement in reversed(self._statements.get(name, [])):
            for node in ast.walk(statement):
                if isinstance(node, ast.ClassDef) and node.name == name:
                    return node
        return None

    def imported(self, name: str) -> str:
        """Return the full name that an import binds to a name; "" if it is defined here.

        In `try` and `if` the first one counts.
        """
        statements = self._statements.get(name, [])[-1:]
        if statements and isinstance(statements[0], ast.FunctionDef | ast.ClassDef):
            return ""
        for node in _own_nodes(statements):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for alias, target in self._targets(node):
                    if alias == name:
                        return target
            elif name in _directly_bound(node):
                return ""
        return self.dynamic.imports.get(name, "")

    @cached_property
    def star_imports(self) -> tuple[str, ...]:
        """The full names of the modules that are star-imported."""
        nodes = _own_nodes(self._statements.get("*", []))
        imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
        return tuple(
            target.removesuffix(".*")
            for node in imports
            for alias, target in self._targets(node)
            if alias == "*"
        )

    def _targets(self, node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
        """Yield the names that an import binds, each with what it stands for."""
        for alias in node.names:
            if isinstance(node, ast.Import):
                first = alias.name.partition(".")[0]
                yield alias.asname or first, alias.name if alias.asname else first
                continue
            parts = self._package.split(".")
            above = parts[: len(parts) + 1 - node.level] if node.level else []
            full = [*above, *filter(None, [node.module]), alias.name]
            yield alias.asname or alias.name, ".".join(full)

    @cached_property
    def exports(self) -> frozenset[str] | None:
        """The names in `__all__`; None without it, or if only running would tell."""
        if "__all__" not in self.text:
            return None
        names: set[str] = set()
        statements = self._statements.get("__all__")
        for statement in statements or ():
            value = getattr(statement, "value", None)
            if not isinstance(value, ast.List | ast.Tuple | ast.Set):
                return None
            for element in value.elts:
                if not isinstance(element, ast.Constant) or not isinstance(element.value, str):
                    return None
                names.add(element.value)
        is_extended = statements is None or "__all__." in self.text
        return None if is_extended else frozenset(names)

    def mentions(self, name: str) -> bool:
        """Tell whether a name occurs in the text; a search is faster than parsing."""
        return name in self.text

    def _visit(self, statements: Sequence[ast.stmt]) -> Any:
        visitor = griffe.Visitor(self.name, self._file, "", _EXTENSIONS)
        try:
            visitor.visit(ast.Module(body=list(statements), type_ignores=[]))
        except (ValueError, RecursionError, griffe.GriffeError):
            return griffe.Module(self.name)
        return visitor.current.module


def _decorator_names(statements: Iterable[ast.stmt]) -> set[str]:
    """Return the names at the start of the decorators of functions, also of methods."""
    names = set()
    for statement in statements:
        for node in (statement, *getattr(statement, "body", ())):
            for decorator in getattr(node, "decorator_list", ()):
                names.add(ast.unparse(decorator).partition("(")[0].partition(".")[0])
    return names


def _own_nodes(statements: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes of statements in their order, without those of functions and classes."""
    waiting = [*statements][::-1]  # not by recursion: expressions may be nested deep
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _SCOPES):
            waiting += [*ast.iter_child_nodes(node)][::-1]


def _bound_names(statement: ast.AST) -> Iterator[str]:
    """Yield the names that a statement binds in its module; "*" for a star import."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):  # most of them
        yield statement.name
        return
    for node in _own_nodes([statement]):
        yield from _directly_bound(node)


def _directly_bound(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Import() | ast.ImportFrom():
            for alias in node.names:
                is_plain = isinstance(node, ast.Import) and not alias.asname
                yield alias.name.partition(".")[0] if is_plain else alias.asname or alias.name
        case ast.Name(ctx=ast.Store()):
            yield node.id
