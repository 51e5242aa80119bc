"""Which names of which modules the cells of a notebook use, read without running anything."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from packaging.utils import NormalizedName

_RUNS_ITS_BODY = frozenset({"capture", "prun", "time", "timeit"})
"""IPython's magics whose argument is code of the notebook."""
_INDEXERS = frozenset({"at", "iat", "iloc", "loc"})
"""What stands between a frame of pandas and an index."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A cell of code: its number, as its reader counts, and its text as plain Python."""

    number: int
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """What a call gives: how many values by place, and which by name; `open` if there is more."""

    positional_count: int
    names: tuple[str, ...] = ()
    has_unpacking: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """A name that a cell uses, in full: `numpy.float_`.

    What comes out of a call is written so: `altair.Chart().mark_bar`.
    """

    cell: int
    line: int
    name: str
    call: Call | None = None
    module: bool = False
    """Whether the name must be that of a module: it is imported as one, or from it."""
    chained: bool = False
    """Whether a part of a part of it is assigned to: `frame["a"][0] = 1`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """All that a notebook's cells use; `unread` are the numbers of those that are no Python."""

    uses: tuple[Use, ...]
    unread: tuple[int, ...] = ()


def find_usage(cells: Iterable[Cell]) -> Usage:
    """Read the cells, each with the names that those before it bound."""
    reader = _Reader()
    unread = []
    for cell in cells:
        try:
            reader.read(cell.number, ast.parse(cell.source))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            unread.append(cell.number)
    return Usage(uses=tuple(dict.fromkeys(reader.uses)), unread=tuple(unread))


def owning_distribution(name: str, modules: Mapping[str, NormalizedName]) -> NormalizedName | None:
    """Return whose a name is: theirs who have the longest module that it begins with."""
    parts = name.replace("()", "").split(".")
    for length in range(len(parts), 0, -1):
        owner = modules.get(".".join(parts[:length]))
        if owner is not None:
            return owner
    return None


class _Reader(ast.NodeVisitor):
    """Walks the statements in their order; a name that is bound to something else is forgotten."""

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self._cell = 0
        self._scopes: list[dict[str, str | None]] = [{}]

    def read(self, number: int, tree: ast.AST) -> None:
        self._cell = number
        self.visit(tree)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._use(node, alias.name, module=True)
            bound = alias.asname or alias.name.partition(".")[0]
            self._bind(bound, alias.name if alias.asname else bound)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level or not node.module:
            return
        self._use(node, node.module, module=True)
        for alias in node.names:
            if alias.name != "*":
                self._use(node, f"{node.module}.{alias.name}")
                self._bind(alias.asname or alias.name, f"{node.module}.{alias.name}")

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        known = self._name(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._bind(target.id, known)
            else:
                self.visit(target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
        if isinstance(node.target, ast.Name):
            self._bind(node.target.id, self._name(node.value) if node.value else None)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        # What is gone through is looked at before its parts get their names.
        for part in (node.iter, node.target, *node.body, *node.orelse):
            self.visit(part)

    visit_AsyncFor = visit_For  # noqa: N815 - as `ast` names it

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for outer in (*node.decorator_list, node.returns):
            if outer is not None:
                self.visit(outer)
        self._bind(node.name, None)
        with self._scope(node.args):
            for statement in node.body:
                self.visit(statement)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - as `ast` names it

    def visit_Lambda(self, node: ast.Lambda) -> None:
        with self._scope(node.args):
            self.visit(node.body)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._bind(node.name, None)
        for outer in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(outer)
        with self._scope(None):
            for statement in node.body:
                self.visit(statement)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> None:
        with self._scope(None):
            for part in node.generators:
                self.visit(part.iter)
                self.visit(part.target)
                for test in part.ifs:
                    self.visit(test)
            for result in [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]:
                self.visit(result)

    visit_ListComp = _comprehension  # noqa: N815 - as `ast` names it
    visit_SetComp = _comprehension  # noqa: N815 - as `ast` names it
    visit_GeneratorExp = _comprehension  # noqa: N815 - as `ast` names it
    visit_DictComp = _comprehension  # noqa: N815 - as `ast` names it

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            known = self._name(node)
            if known is not None:
                self._use(node, known)
        else:
            self._bind(node.id, None)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        known = self._name(node)
        if known is not None and isinstance(node.ctx, ast.Load):
            self._use(node, known)
        self._within(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.ctx, ast.Store):
            self._use_part(node, node.value)
        self.generic_visit(node)

    def _use_part(self, node: ast.expr, changed: ast.expr) -> None:
        """Note what an expression is a part of, if that is changed by way of it."""
        part = _without_indexer(changed)
        if isinstance(part, ast.Subscript):
            known = self._name(_without_indexer(part.value))
            if known is not None:
                use = Use(cell=self._cell, line=node.lineno, name=known, chained=True)
                self.uses.append(use)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and _is_in_place(node):
            self._use_part(node, node.func.value)
        known = self._name(node.func)
        if known is not None:
            self._use(node, known, _call_arguments(node))
            self._within(node.func)
        else:
            self.visit(node.func)
        for argument in (*node.args, *node.keywords):
            self.visit(argument)
        self._read_magic(node)

    def _within(self, node: ast.AST) -> None:
        """Visit what a chain of names begins with, if that is more than a name."""
        while isinstance(node, ast.Attribute):
            node = node.value
        if not isinstance(node, ast.Name) or self._name(node) is None:
            self.visit(node)

    def _read_magic(self, node: ast.Call) -> None:
        """Read the code that a magic runs: IPython makes a text of it."""
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if called not in ("run_line_magic", "run_cell_magic"):
            return
        texts = [
            argument.value if isinstance(argument, ast.Constant) else None for argument in node.args
        ]
        if texts and texts[0] in _RUNS_ITS_BODY and isinstance(texts[-1], str):
            try:
                inner = ast.parse(texts[-1])
            except (SyntaxError, ValueError):
                return
            self.visit(inner)

    def _name(self, node: ast.AST) -> str | None:
        """Return what an expression stands for, if it leads back to an import."""
        if isinstance(node, ast.Name):
            for scope in reversed(self._scopes):
                if node.id in scope:
                    return scope[node.id]
            return None
        if isinstance(node, ast.Attribute):
            base = self._name(node.value)
            return None if base is None else f"{base}.{node.attr}"
        if isinstance(node, ast.Call):
            called = self._name(node.func)
            return None if called is None else f"{called}()"
        return None

    def _bind(self, name: str, known: str | None) -> None:
        self._scopes[-1][name] = known

    def _use(
        self,
        node: ast.stmt | ast.expr,
        name: str,
        call: Call | None = None,
        *,
        module: bool = False,
    ) -> None:
        use = Use(cell=self._cell, line=node.lineno, name=name, call=call, module=module)
        self.uses.append(use)

    @contextmanager
    def _scope(self, arguments: ast.arguments | None) -> Iterator[None]:
        names: dict[str, str | None] = {}
        if arguments is not None:
            for default in (*arguments.defaults, *arguments.kw_defaults):
                if default is not None:
                    self.visit(default)
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            every += [
                argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None
            ]
            names = {argument.arg: None for argument in every}
        self._scopes.append(names)
        try:
            yield
        finally:
            self._scopes.pop()


def _without_indexer(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.Attribute) and node.attr in _INDEXERS else node


def _is_in_place(node: ast.Call) -> bool:
    """Tell a method that changes what it is called on, as pandas has it: `inplace=True`."""
    return any(
        keyword.arg == "inplace"
        and isinstance(keyword.value, ast.Constant)
        and keyword.value.value is True
        for keyword in node.keywords
    )


def _call_arguments(node: ast.Call) -> Call:
    return Call(
        positional_count=sum(not isinstance(argument, ast.Starred) for argument in node.args),
        names=tuple(argument.arg for argument in node.keywords if argument.arg is not None),
        has_unpacking=any(isinstance(argument, ast.Starred) for argument in node.args)
        or any(argument.arg is None for argument in node.keywords),
    )
