"""Find the imported names that the cells of a notebook use, without running them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from packaging.utils import NormalizedName

_CODE_MAGICS = frozenset({"capture", "prun", "time", "timeit"})
"""IPython magics whose argument is notebook code."""
_INDEXERS = frozenset({"at", "iat", "iloc", "loc"})
"""The attributes of a pandas frame that are indexed instead of the frame itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A code cell: its number as the caller counts, and its source as plain Python."""

    number: int
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """The arguments of a call: how many positional ones, and the names of the keyword ones."""

    positional_count: int
    names: tuple[str, ...] = ()
    has_unpacking: bool = False
    """Whether `*values` or `**options` add arguments that cannot be counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """A name that a cell uses, fully qualified: `numpy.float_`.

    An attribute of a call's result is written `altair.Chart().mark_bar`.
    """

    cell: int
    line: int
    name: str
    call: Call | None = None
    module: bool = False
    """Whether the name must be a module: it is imported, or something is imported from it."""
    chained: bool = False
    """Whether it is the base of a chained assignment: `frame["a"][0] = 1`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """All names that a notebook's cells use; `unread` holds the numbers of unparsable cells."""

    uses: tuple[Use, ...]
    unread: tuple[int, ...] = ()


def find_usage(cells: Iterable[Cell]) -> Usage:
    """Return the names that the cells use; a cell sees the bindings of the cells before it."""
    visitor = _UsageVisitor()
    unparsable = []
    for cell in cells:
        try:
            visitor.read(cell.number, ast.parse(cell.source))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            unparsable.append(cell.number)
    return Usage(uses=tuple(dict.fromkeys(visitor.uses)), unread=tuple(unparsable))


def owning_distribution(name: str, modules: Mapping[str, NormalizedName]) -> NormalizedName | None:
    """Return the distribution that owns a name, or None.

    `modules` maps module names to distributions; the longest module that the name begins with wins.
    """
    parts = name.replace("()", "").split(".")
    for length in range(len(parts), 0, -1):
        distribution = modules.get(".".join(parts[:length]))
        if distribution is not None:
            return distribution
    return None


class _UsageVisitor(ast.NodeVisitor):
    """Collects uses in statement order; rebinding a name to a local value drops its import."""

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self._cell = 0
        self._scopes: list[dict[str, str | None]] = [{}]

    def read(self, number: int, tree: ast.AST) -> None:
        self._cell = number
        self.visit(tree)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add_use(node, alias.name, module=True)
            local_name = alias.asname or alias.name.partition(".")[0]
            self._bind(local_name, alias.name if alias.asname else local_name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level or not node.module:
            return
        self._add_use(node, node.module, module=True)
        for alias in node.names:
            if alias.name != "*":
                self._add_use(node, f"{node.module}.{alias.name}")
                self._bind(alias.asname or alias.name, f"{node.module}.{alias.name}")

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        qualified_name = self._resolve(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._bind(target.id, qualified_name)
            else:
                self.visit(target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
        if isinstance(node.target, ast.Name):
            self._bind(node.target.id, self._resolve(node.value) if node.value else None)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        # The iterable is evaluated before the loop variables are bound.
        for child in (node.iter, node.target, *node.body, *node.orelse):
            self.visit(child)

    visit_AsyncFor = visit_For  # noqa: N815 - as `ast` names it

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for expression in (*node.decorator_list, node.returns):
            if expression is not None:
                self.visit(expression)
        self._bind(node.name, None)
        with self._nested_scope(node.args):
            for statement in node.body:
                self.visit(statement)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - as `ast` names it

    def visit_Lambda(self, node: ast.Lambda) -> None:
        with self._nested_scope(node.args):
            self.visit(node.body)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._bind(node.name, None)
        for expression in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(expression)
        with self._nested_scope(None):
            for statement in node.body:
                self.visit(statement)

    def _visit_comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> None:
        with self._nested_scope(None):
            for generator in node.generators:
                self.visit(generator.iter)
                self.visit(generator.target)
                for condition in generator.ifs:
                    self.visit(condition)
            for result in [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]:
                self.visit(result)

    visit_ListComp = _visit_comprehension  # noqa: N815 - as `ast` names it
    visit_SetComp = _visit_comprehension  # noqa: N815 - as `ast` names it
    visit_GeneratorExp = _visit_comprehension  # noqa: N815 - as `ast` names it
    visit_DictComp = _visit_comprehension  # noqa: N815 - as `ast` names it

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            qualified_name = self._resolve(node)
            if qualified_name is not None:
                self._add_use(node, qualified_name)
        else:
            self._bind(node.id, None)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        qualified_name = self._resolve(node)
        if qualified_name is not None and isinstance(node.ctx, ast.Load):
            self._add_use(node, qualified_name)
        self._visit_chain_base(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.ctx, ast.Store):
            self._add_chained_use(node, node.value)
        self.generic_visit(node)

    def _add_chained_use(self, node: ast.expr, target: ast.expr) -> None:
        """Record a chained use if `target`, which is being changed, is itself a subscript."""
        subscript = _without_indexer(target)
        if isinstance(subscript, ast.Subscript):
            qualified_name = self._resolve(_without_indexer(subscript.value))
            if qualified_name is not None:
                use = Use(cell=self._cell, line=node.lineno, name=qualified_name, chained=True)
                self.uses.append(use)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and _is_in_place(node):
            self._add_chained_use(node, node.func.value)
        qualified_name = self._resolve(node.func)
        if qualified_name is not None:
            self._add_use(node, qualified_name, _call_arguments(node))
            self._visit_chain_base(node.func)
        else:
            self.visit(node.func)
        for argument in (*node.args, *node.keywords):
            self.visit(argument)
        self._visit_magic(node)

    def _visit_chain_base(self, node: ast.AST) -> None:
        """Visit the expression at the base of an attribute chain, unless it is a resolved name."""
        while isinstance(node, ast.Attribute):
            node = node.value
        if not isinstance(node, ast.Name) or self._resolve(node) is None:
            self.visit(node)

    def _visit_magic(self, node: ast.Call) -> None:
        """Visit the code that a magic runs: IPython passes it as a string."""
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if method not in ("run_line_magic", "run_cell_magic"):
            return
        arguments = [
            argument.value if isinstance(argument, ast.Constant) else None for argument in node.args
        ]
        if arguments and arguments[0] in _CODE_MAGICS and isinstance(arguments[-1], str):
            try:
                tree = ast.parse(arguments[-1])
            except (SyntaxError, ValueError):
                return
            self.visit(tree)

    def _resolve(self, node: ast.AST) -> str | None:
        """Return the qualified name of an expression that leads back to an import, else None."""
        if isinstance(node, ast.Name):
            for scope in reversed(self._scopes):
                if node.id in scope:
                    return scope[node.id]
            return None
        if isinstance(node, ast.Attribute):
            base = self._resolve(node.value)
            return None if base is None else f"{base}.{node.attr}"
        if isinstance(node, ast.Call):
            function = self._resolve(node.func)
            return None if function is None else f"{function}()"
        return None

    def _bind(self, name: str, qualified_name: str | None) -> None:
        self._scopes[-1][name] = qualified_name

    def _add_use(
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
    def _nested_scope(self, arguments: ast.arguments | None) -> Iterator[None]:
        bindings: dict[str, str | None] = {}
        if arguments is not None:
            for default in (*arguments.defaults, *arguments.kw_defaults):
                if default is not None:
                    self.visit(default)
            parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            parameters += [
                parameter
                for parameter in (arguments.vararg, arguments.kwarg)
                if parameter is not None
            ]
            bindings = {parameter.arg: None for parameter in parameters}
        self._scopes.append(bindings)
        try:
            yield
        finally:
            self._scopes.pop()


def _without_indexer(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.Attribute) and node.attr in _INDEXERS else node


def _is_in_place(node: ast.Call) -> bool:
    """Return whether a method call changes its object in place: pandas' `inplace=True`."""
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
