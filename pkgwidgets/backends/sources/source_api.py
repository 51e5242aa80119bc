"""Read the API of distributions from their sources with griffe; the code never runs."""

from __future__ import annotations

import ast
import builtins
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pkgwidgets.analysis.api_changes import NameState, Parameter, Signature

from .module_files import ModuleFinder
from .module_names import ModuleNames
from .parameters import bases_of, has_other_members, is_deprecated, parameters_of
from .type_names import named_types

_MAX_ALIASES = 12
"""The longest chain of aliases that is followed."""
_BUILTIN_CLASSES = {name: kind for name, kind in vars(builtins).items() if isinstance(kind, type)}
_FOUND = Signature(state=NameState.FOUND)

logging.getLogger("griffe").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class _Definition:
    """A class, function or other object, with the module and class that define it."""

    module: str
    node: Any
    owner: _Definition | None = None
    """The class through which a member was looked up."""


@dataclass(frozen=True, slots=True)
class _Module:
    """A module: the names of its stub and of its source, None where they are missing."""

    name: str
    stub: ModuleNames | None = None
    source: ModuleNames | None = None

    @property
    def trees(self) -> list[ModuleNames]:
        """The stub first: it also has the names that are created at run time."""
        return [tree for tree in (self.stub, self.source) if tree is not None]

    def may_create(self, name: str) -> bool:
        """Tell whether a name may be created at run time. A stub is complete."""
        is_open = self.source is None or self.source.dynamic.may_have(name)
        return self.stub is None and is_open


_Result = _Definition | _Module | NameState


class SourceApi:
    """The modules in some folders, such as the live or the staged site-packages.

    Only the modules that a name leads through are read.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._finder = ModuleFinder(folders)
        self._modules: dict[str, _Module | None] = {}
        self._signatures: dict[str, Signature] = {}
        self._result_of = ""

    def api(self, name: str) -> Signature:
        """Return the signature of a full name, such as `altair.Chart().mark_bar`."""
        if name not in self._signatures:
            self._signatures[name] = self._read(name)
        return self._signatures[name]

    def _read(self, name: str) -> Signature:
        self._result_of = ""
        result = self._resolve(name, 0)
        if isinstance(result, NameState):
            is_result = result is NameState.UNKNOWN
            return Signature(state=result, result_of=self._result_of if is_result else "")
        return self._make_signature(result) if isinstance(result, _Definition) else _FOUND

    def has_module(self, name: str) -> bool:
        """Tell whether a module with this full name exists."""
        return self._finder.find(name) is not None

    def _resolve(self, name: str, depth: int) -> _Result:
        first, *rest = name.split(".")
        if depth > _MAX_ALIASES:
            return NameState.UNKNOWN
        module = self._find_module(first.removesuffix("()"))
        result: _Result = NameState.MISSING if module is None else module
        for number, part in enumerate(rest, 1):
            name_part = part.removesuffix("()")
            result = self._find_member(result, name_part, depth)
            if isinstance(result, NameState):
                return result
            if part != name_part and rest[number:]:
                result = self._result_type(result, depth)
                if result is NameState.UNKNOWN and not depth:
                    self._result_of = ".".join([first, *rest[:number]]).removesuffix("()")
                if isinstance(result, NameState):
                    return NameState.UNKNOWN
        return result

    def _result_type(self, function: _Result, depth: int) -> _Result:
        """Return the class of what a call returns: its annotation tells it of a function."""
        if not isinstance(function, _Definition) or function.node is None:
            return NameState.UNKNOWN
        if _is_class(function):
            return function
        if not getattr(function.node, "is_function", False):
            return NameState.UNKNOWN
        functions = [function.node, *(function.node.overloads or ())]
        return self._annotated_type(function, {str(f.returns or "") for f in functions}, depth)

    def _annotated_type(self, definition: _Definition, texts: set[str], depth: int) -> _Result:
        """Return the class that annotations name, if it is one."""
        types = {name for text in texts for name in named_types(text)}
        if types == {"Self"} and definition.owner is not None:
            return definition.owner
        if len(types) != 1 or depth > _MAX_ALIASES:
            return NameState.UNKNOWN
        result = self._resolve_in(definition.module, types.pop(), depth)
        return result if _is_class(result) else NameState.UNKNOWN

    def _find_member(self, owner: _Result, name: str, depth: int) -> _Result:
        if isinstance(owner, _Module):
            return self._find_in_module(owner, name, depth)
        if isinstance(owner, _Definition) and _is_class(owner):
            return self._find_in_class(owner, name, depth)
        if isinstance(owner, _Definition) and getattr(owner.node, "is_attribute", False):
            annotation = str(owner.node.annotation or "")
            kind = self._annotated_type(owner, {annotation}, depth + 1)
            if isinstance(kind, _Definition):
                return self._find_in_class(kind, name, depth + 1)
        return NameState.UNKNOWN

    def _find_in_module(self, module: _Module, name: str, depth: int) -> _Result:
        trees = module.trees
        is_readable = bool(trees) and (trees[0].is_readable or trees[-1].is_readable)
        if not is_readable:  # an extension, a namespace, or no Python
            return self._find_module(f"{module.name}.{name}") or NameState.UNKNOWN
        for tree in trees:
            if tree.defines(name):
                target = tree.imported(name)
                if not target:
                    return self._follow(module, tree.member(name), depth)
                if target != f"{module.name}.{name}":
                    return self._import(module, target, depth)
        submodule = self._find_module(f"{module.name}.{name}")
        if submodule is not None:
            return submodule
        is_unknown = False
        for tree in trees:
            result = self._find_in_star_imports(tree, name, depth)
            if result is NameState.UNKNOWN:
                is_unknown = True
            elif result is not NameState.MISSING:
                return result
        return NameState.UNKNOWN if is_unknown or module.may_create(name) else NameState.MISSING

    def _follow(
        self, module: _Module, member: Any, depth: int, owner: _Definition | None = None
    ) -> _Result:
        """Follow an import, or an assignment of another name, to what it stands for."""
        if member is None:
            return _Definition(module.name, None)
        if member.is_alias:
            return self._import(module, member.target_path, depth)
        definition = _Definition(module.name, member, owner)
        value = str(member.value) if member.is_attribute and member.value is not None else ""
        if not all(part.isidentifier() for part in value.split(".")) or depth > _MAX_ALIASES:
            return definition
        result: _Result = NameState.UNKNOWN
        if owner is not None and "." not in value and value != member.name:
            result = self._find_in_class(owner, value, depth + 1)
        elif value != member.name:
            result = self._resolve_in(module.name, value, depth + 1)
        return definition if isinstance(result, NameState) else result

    def _import(self, module: _Module, target: str, depth: int) -> _Result:
        """Follow an import. The name exists, even if the source of its target cannot be read."""
        result = self._resolve(target, depth + 1)
        return _Definition(module.name, None) if isinstance(result, NameState) else result

    def _find_in_star_imports(self, tree: ModuleNames, name: str, depth: int) -> _Result:
        """Look for a name in the modules that a module star-imports."""
        fallback: _Result = NameState.MISSING
        for path in tree.star_imports:
            target = self._find_module(path)
            if target is None or depth > _MAX_ALIASES:
                fallback = NameState.UNKNOWN
                continue
            if not _may_export(target, name):
                continue
            result = self._find_in_module(target, name, depth + 1)
            if not isinstance(result, NameState):
                return result
            fallback = NameState.UNKNOWN if result is NameState.UNKNOWN else fallback
        return fallback

    def _find_in_class(self, owner: _Definition, name: str, depth: int) -> _Result:
        if name in owner.node.members:
            member = owner.node.members[name]
            return self._follow(_Module(owner.module), member, depth, owner)
        if (getattr(owner.node, "overloads", None) or {}).get(name):
            return _Definition(owner.module, None)  # a stub may have nothing but overloads
        fallback: _Result = (
            NameState.UNKNOWN if has_other_members(owner.node) else NameState.MISSING
        )
        for base in bases_of(owner.node, metaclass=not name.startswith("__")):
            result: _Result = NameState.UNKNOWN
            if depth <= _MAX_ALIASES:
                result = self._find_in_base(owner, base, name, depth)
            if not isinstance(result, NameState):
                return result
            fallback = NameState.UNKNOWN if result is NameState.UNKNOWN else fallback
        if self._sets_attribute(owner, name):
            return _Definition(owner.module, None)
        return fallback

    def _sets_attribute(self, owner: _Definition, name: str) -> bool:
        """Tell whether a method of a class sets an attribute: `self.name = …`."""
        module = self._find_module(owner.module)
        trees = module.trees if module is not None else []
        for tree in trees if any(f".{name}" in tree.text for tree in trees) else ():
            source = tree.class_tree(owner.node.name)
            for node in ast.walk(source) if source is not None else ():
                is_set = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
                if is_set and node.attr == name:  # type: ignore[attr-defined]
                    return True
        return False

    def _find_in_base(self, owner: _Definition, base: str, name: str, depth: int) -> _Result:
        result = self._resolve_in(owner.module, base, depth)
        if result is NameState.MISSING and base in _BUILTIN_CLASSES:
            has_name = hasattr(_BUILTIN_CLASSES[base], name) and not name.startswith("__")
            return _Definition(owner.module, None) if has_name else NameState.MISSING
        return self._find_member(result, name, depth + 1)

    def _resolve_in(self, module: str, text: str, depth: int) -> _Result:
        """Resolve a dotted name as the code of a module sees it."""
        result: _Result = self._find_module(module) or NameState.UNKNOWN
        for part in text.split("."):
            result = self._find_member(result, part, depth + 1)
        return result

    def _make_signature(self, definition: _Definition) -> Signature:
        if definition.node is None:
            return _FOUND
        parameters = (
            self._constructor_parameters(definition)
            if _is_class(definition)
            else parameters_of(definition.node, bound=False)
        )
        return Signature(
            state=NameState.FOUND,
            parameters=parameters,
            deprecated=is_deprecated(definition.node),
        )

    def _constructor_parameters(self, definition: _Definition) -> tuple[Parameter, ...] | None:
        """Return what a class takes: `__new__` counts unless it takes anything for `__init__`."""
        found: tuple[Parameter, ...] | None = None
        for name in ("__init__", "__new__"):
            method = self._find_in_class(definition, name, 0)
            node = method.node if isinstance(method, _Definition) else None
            parameters = parameters_of(node, bound=True) if node is not None else None
            if (parameters is not None and not all(p.variadic for p in parameters)) or (
                found is None and parameters
            ):
                found = parameters
        return found

    def _find_module(self, name: str) -> _Module | None:
        if name not in self._modules:
            files = self._finder.find(name)
            self._modules[name] = (
                None
                if files is None
                else _Module(
                    name,
                    ModuleNames(name, files.stub) if files.stub else None,
                    ModuleNames(name, files.source) if files.source else None,
                )
            )
        return self._modules[name]


def _may_export(module: _Module, name: str) -> bool:
    """Tell whether a star import of a module may bind a name."""
    exports = [tree.exports for tree in module.trees]
    known = [names for names in exports if names is not None]
    if known:
        return any(name in names for names in known)
    if name.startswith("_"):
        return False
    trees = module.trees
    return not trees or any(
        tree.mentions(name) or "import *" in tree.text or tree.dynamic.may_have(name)
        for tree in trees
    )


def _is_class(result: _Result) -> bool:
    return (
        isinstance(result, _Definition) and result.node is not None and bool(result.node.is_class)
    )
