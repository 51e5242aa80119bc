"""The names that one source or stub defines; griffe reads those that are looked up."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import griffe

_EXTENSIONS = griffe.load_extensions()
_DYNAMIC = re.compile(
    r"^(?:def )?__getattr__\b|^[^#\n]*(?:\bglobals\(\)|\bsys\.modules\[__name__\]|attach_stub\()",
    re.MULTILINE,
)


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

    @property
    def is_dynamic(self) -> bool:
        """Whether its code creates names at run time, by `__getattr__` (PEP 562) or otherwise."""
        return _DYNAMIC.search(self.text) is not None

    @cached_property
    def is_readable(self) -> bool:
        """Whether its text is Python."""
        return self._tree is not None

    @cached_property
    def _tree(self) -> ast.Module | None:
        try:
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
        return name in self._statements

    def member(self, name: str) -> Any:
        """Return griffe's object for a name, None if there is none."""
        if name not in self._members:
            statements = self._statements.get(name, [])
            self._members[name] = self._visit(statements).members.get(name) if statements else None
        return self._members[name]

    def class_tree(self, name: str) -> ast.ClassDef | None:
        """Return the last class statement of a name, None if there is none."""
        for statement in reversed(self._statements.get(name, [])):
            for node in ast.walk(statement):
                if isinstance(node, ast.ClassDef) and node.name == name:
                    return node
        return None

    @cached_property
    def star_imports(self) -> tuple[str, ...]:
        """The full names of the modules that are star-imported."""
        members = self._visit(self._statements.get("*", [])).members.values()
        return tuple(m.target_path for m in members if m.is_alias and m.wildcard)

    @cached_property
    def exports(self) -> frozenset[str] | None:
        """The names in `__all__`; None without it, or if only running would tell."""
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


def _bound_names(node: ast.AST) -> Iterator[str]:
    """Yield the names that a statement binds in its module; "*" for a star import."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Import() | ast.ImportFrom():
            for alias in node.names:
                is_plain = isinstance(node, ast.Import) and not alias.asname
                yield alias.name.partition(".")[0] if is_plain else alias.asname or alias.name
        case ast.Name(ctx=ast.Store()):
            yield node.id
        case ast.ExceptHandler(name=None) | ast.Lambda() | ast.GeneratorExp() | ast.ListComp():
            for statement in (
                getattr(node, "body", ()) if isinstance(node, ast.ExceptHandler) else ()
            ):
                yield from _bound_names(statement)
        case ast.DictComp() | ast.SetComp() | ast.Constant() | ast.Load() | ast.Store():
            return
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _bound_names(child)
