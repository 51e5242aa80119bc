"""Read the statements of Python code: what they import, bind, use and run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from . import chained_assignment
from .code_uses import Call, Use
from .name_resolver import NameResolver, Place, Reader
from .name_scopes import Names, Scopes
from .running_calls import RunningCalls


def visit_code(
    tree: ast.AST, reader: Reader, place: Place, scopes: Scopes, calls: RunningCalls
) -> None:
    """Collect the uses of code in statement order, with the names that are bound before it."""
    _UsageVisitor(reader, place, scopes, calls).visit(tree)


class _UsageVisitor(NameResolver, ast.NodeVisitor):
    """Collects uses in statement order; rebinding a name to a local value drops its import."""

    def __init__(self, reader: Reader, place: Place, scopes: Scopes, calls: RunningCalls) -> None:
        super().__init__(reader, place, scopes, calls)
        self.calls = calls
        self._is_optional = False

    """Whether the code goes on without what it imports."""

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._import(node, alias.name)
            local_name = alias.asname or alias.name.partition(".")[0]
            self.scopes.bind(local_name, (alias.name if alias.asname else local_name,))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = self._absolute_name(node)
        if not module:
            return
        is_local = self._import(node, module)
        for alias in node.names:
            if alias.name == "*":
                self.scopes.innermost.stars.append(module)
                continue
            names: Names = (f"{module}.{alias.name}",)
            if is_local:
                names = self.reader.import_name(module, alias.name, self.place)
            self.add_uses(node, names)
            self.scopes.bind(alias.asname or alias.name, names)

    def _absolute_name(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.place.package.split(".") if self.place.package else []
        if node.level > len(parts):
            return ""
        return ".".join([*parts[: len(parts) + 1 - node.level], *filter(None, [node.module])])

    def _import(self, node: ast.stmt, name: str) -> bool:
        is_local = self.reader.import_module(name, self.place, optional=self._is_optional)
        if not is_local:
            self.add_uses(node, (name,), module=True)
        return is_local

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        names = self.resolve(node.value)
        for target in node.targets:
            self.calls.assign(self, target, node.value)
            if isinstance(target, ast.Name):
                self.scopes.bind(target.id, names)
            else:
                self.visit(target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self.calls.assign(self, node.target, node.value)
        if isinstance(node.target, ast.Name):
            self.scopes.bind(node.target.id, self.resolve(node.value) if node.value else ())

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.calls.extend(self, node.target, node.value)
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.scopes.bind(node.target.id, self.resolve(node.value))

    def visit_Global(self, node: ast.Global) -> None:
        self.scopes.innermost.globals.update(node.names)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        start = dict(self.scopes.innermost)
        self._visit_all(node.body)
        with self.scopes.alternative(start):
            self._visit_all(node.orelse)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        # The iterable is evaluated before the loop variables are bound.
        self._visit_all((node.iter, node.target))
        self._visit_loop(node.body, node.orelse)

    visit_AsyncFor = visit_For  # noqa: N815 - as `ast` names it

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        self._visit_loop(node.body, node.orelse)

    def _visit_loop(self, body: Sequence[ast.stmt], orelse: Sequence[ast.stmt]) -> None:
        with self.scopes.alternative(dict(self.scopes.innermost)):
            self._visit_all(body)
        self._visit_all(orelse)

    def visit_Try(self, node: ast.Try) -> None:
        self._visit_try(node)

    def _visit_try(self, node: ast.Try | ast.TryStar) -> None:
        start = dict(self.scopes.innermost)
        was_optional = self._is_optional
        self._is_optional = was_optional or bool(node.handlers)
        self._visit_all(node.body)
        self._is_optional = was_optional
        self._visit_all(node.orelse)
        for handler in node.handlers:
            with self.scopes.alternative(start):
                self.visit(handler)
        self._visit_all(node.finalbody)

    def visit_TryStar(self, node: ast.TryStar) -> None:
        self._visit_try(node)

    def visit_match_case(self, node: ast.match_case) -> None:
        with self.scopes.alternative(dict(self.scopes.innermost)):
            self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._visit_all((*node.decorator_list, node.returns))
        self.scopes.bind(node.name, ())
        self._visit_defaults(node.args)
        self._visit_body(node.args, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - as `ast` names it

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_defaults(node.args)
        self._visit_body(node.args, [node.body])

    def _visit_defaults(self, arguments: ast.arguments) -> None:
        self._visit_all((*arguments.defaults, *arguments.kw_defaults))

    def _visit_body(self, arguments: ast.arguments, body: Sequence[ast.AST]) -> None:
        """Visit what runs when a function is called: names may be bound after its definition."""
        before, self.has_unbound = self.has_unbound, False
        parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        parameters += [p for p in (arguments.vararg, arguments.kwarg) if p is not None]
        bindings: dict[str, Names] = {parameter.arg: () for parameter in parameters}
        with self.scopes.nested(bindings):
            self._visit_all(body)
            if self.has_unbound and not before:
                for node in body:
                    self.reader.read_later(self, node)
        self.has_unbound = before or self.has_unbound

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.scopes.bind(node.name, ())
        self._visit_all((*node.decorator_list, *node.bases, *node.keywords))
        with self.scopes.nested():
            self._visit_all(node.body)

    def _visit_comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> None:
        with self.scopes.nested():
            for generator in node.generators:
                self._visit_all((generator.iter, generator.target, *generator.ifs))
            self._visit_all(
                [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            )

    visit_ListComp = _visit_comprehension  # noqa: N815 - as `ast` names it
    visit_SetComp = _visit_comprehension  # noqa: N815 - as `ast` names it
    visit_GeneratorExp = _visit_comprehension  # noqa: N815 - as `ast` names it
    visit_DictComp = _visit_comprehension  # noqa: N815 - as `ast` names it

    def _visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """Do nothing: a constant uses no name."""

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.add_uses(node, self.resolve(node))
        else:
            self.scopes.bind(node.id, ())

    def visit_Attribute(self, node: ast.Attribute) -> None:
        names = self.resolve(node)
        if isinstance(node.ctx, ast.Load):
            self.add_uses(node, names)
        self._visit_chain_base(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.ctx, ast.Store):
            self._add_chained_uses(node, node.value)
        self.generic_visit(node)

    def _add_chained_uses(self, node: ast.expr, target: ast.expr) -> None:
        """Record a chained use if `target`, which is being changed, is itself a subscript."""
        base = chained_assignment.base_of(target)
        for name in self.resolve(base) if base is not None else ():
            self.add_use(node, Use(cell=0, line=0, name=name, chained=True))

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and chained_assignment.is_in_place(node):
            self._add_chained_uses(node, node.func.value)
        names = self.resolve(node.func)
        if names:
            self.add_uses(node, names, _call_arguments(node))
            self._visit_chain_base(node.func)
        else:
            self.visit(node.func)
        self._visit_all((*node.args, *node.keywords))
        self.calls.visit(self, node, names)

    def _visit_chain_base(self, node: ast.AST) -> None:
        """Visit the expression at the base of an attribute chain, unless it is a resolved name."""
        while isinstance(node, ast.Attribute):
            node = node.value
        if not isinstance(node, ast.Name) or not self.resolve(node):
            self.visit(node)


def _call_arguments(node: ast.Call) -> Call:
    return Call(
        positional_count=sum(not isinstance(argument, ast.Starred) for argument in node.args),
        names=tuple(argument.arg for argument in node.keywords if argument.arg is not None),
        has_unpacking=any(isinstance(argument, ast.Starred) for argument in node.args)
        or any(argument.arg is None for argument in node.keywords),
    )
