"""Which names a module may create at run time: by `__getattr__` (PEP 562) or by a lazy loader."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_OTHER_WAYS = re.compile(
    r"^[^#\n]*(?:\bglobals\(\)(?!\[)|\bglobals\(\)\[[^\]]*\] *=|\bsys\.modules\[__name__\]|"
    r"\bvars\(\)|^exec\()",
    re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class DynamicNames:
    """What is known of the names that only exist at run time."""

    is_open: bool = False
    """Whether they may be any names."""
    possible: frozenset[str] = frozenset()
    imports: Mapping[str, str] = field(default_factory=dict)
    """Names that a lazy loader imports, with their full names."""

    def may_have(self, name: str) -> bool:
        """Tell whether a name may exist."""
        return self.is_open or name in self.possible


def read_dynamic_names(tree: ast.Module, text: str, package: str) -> DynamicNames:
    """Return what the code of a module says of names that it creates at run time.

    `package` is the package that its relative imports count from.
    """
    is_open = _OTHER_WAYS.search(text) is not None
    if "__getattr__" not in text:
        return DynamicNames(is_open=is_open)
    own = frozenset(_assigned_names(tree))
    for statement in tree.body:
        match statement:
            case ast.FunctionDef(name="__getattr__"):
                is_open = is_open or not _Getattr(statement, own).is_closed()
                return DynamicNames(is_open=is_open, possible=frozenset(_strings(tree)))
            case ast.ClassDef(name="__getattr__"):
                names = frozenset(n.name for n in statement.body if isinstance(n, ast.FunctionDef))
                return DynamicNames(is_open=is_open, possible=names)
            case ast.Assign(targets=[ast.Tuple()], value=ast.Call()):
                if "__getattr__" in ast.unparse(statement.targets[0]):
                    imports = dict(_lazy_imports(statement.value, package))  # type: ignore[arg-type]
                    return DynamicNames(is_open=is_open or not imports, imports=imports)
    is_conditional = re.search(r"^\s*(?:def )?__getattr__\b", text, re.MULTILINE) is not None
    return DynamicNames(is_open=is_open or is_conditional)


class _Getattr:
    """A module's `__getattr__`: closed if it returns only for names that the module lists."""

    def __init__(self, function: ast.FunctionDef, own: frozenset[str]) -> None:
        parameters = function.args.posonlyargs + function.args.args
        self._name = parameters[0].arg if parameters else ""
        self._function = function
        self._own = own

    def is_closed(self) -> bool:
        return bool(self._name) and self._is_closed(self._function.body, guarded=False)

    def _is_closed(self, statements: Sequence[ast.stmt], *, guarded: bool) -> bool:
        for statement in statements:
            match statement:
                case ast.Return(value=value):
                    if not guarded and not self._is_global(value):
                        return False
                case ast.If(test=test, body=body, orelse=orelse):
                    listed, excluded = self._lists(test), self._excludes(test)
                    if not self._is_closed(body, guarded=guarded or listed):
                        return False
                    if not self._is_closed(orelse, guarded=guarded or excluded):
                        return False
                    guarded = guarded or (excluded and _ends(body))
                case ast.Try():
                    inner = [*statement.body, *statement.orelse]
                    parts = (inner, *(handler.body for handler in statement.handlers))
                    if not all(self._is_closed(part, guarded=guarded) for part in parts):
                        return False
                case ast.With(body=body) | ast.For(body=body):
                    if not self._is_closed(body, guarded=guarded):
                        return False
        return True

    def _is_global(self, value: ast.expr | None) -> bool:
        return value is not None and ast.unparse(value) == f"globals()[{self._name}]"

    def _lists(self, test: ast.expr) -> bool:
        """Tell whether a test holds only for names that the module lists."""
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            return any(self._lists(value) for value in test.values)
        return self._compares(test, ast.Eq, ast.In)

    def _excludes(self, test: ast.expr) -> bool:
        return self._compares(test, ast.NotEq, ast.NotIn)

    def _compares(self, test: ast.expr, equal: type[ast.cmpop], within: type[ast.cmpop]) -> bool:
        if not isinstance(test, ast.Compare) or len(test.ops) != 1:
            return False
        if ast.unparse(test.left) != self._name:
            return False
        listed = test.comparators[0]
        is_literal = isinstance(listed, ast.Tuple | ast.List | ast.Set | ast.Dict)
        is_here = is_literal or (isinstance(listed, ast.Name) and listed.id in self._own)
        return isinstance(test.ops[0], equal) or (isinstance(test.ops[0], within) and is_here)


def _ends(body: Sequence[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], ast.Raise | ast.Return)


def _assigned_names(tree: ast.Module) -> Iterator[str]:
    for statement in tree.body:
        targets: list[ast.expr] = statement.targets if isinstance(statement, ast.Assign) else []
        if isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def _strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.rpartition(".")[2]


def _lazy_imports(call: ast.Call, package: str) -> Iterator[tuple[str, str]]:
    """Yield what a lazy loader is given: `[".part.Name"]`, or `{"part": ["Name"]}`."""
    for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
        if isinstance(argument, ast.Dict):
            for key, value in zip(argument.keys, argument.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    for name in _strings(value):
                        yield name, f"{package}.{key.value}.{name}"
        elif isinstance(argument, ast.List | ast.Tuple | ast.Set):
            for element in argument.elts:
                text = element.value if isinstance(element, ast.Constant) else None
                if isinstance(text, str):
                    yield text.rpartition(".")[2], f"{package}.{text.lstrip('.')}"
