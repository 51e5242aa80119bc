"""Read the API of distributions from their sources with griffe; the code never runs."""

from __future__ import annotations

import ast
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pkgwidgets.analysis.api_changes import NameState, Signature

from .module_files import ModuleFinder
from .module_names import ModuleNames
from .parameters import has_other_members, is_deprecated, parameters_of
from .type_names import named_types

_MAX_ALIASES = 12
"""The longest chain of aliases that is followed."""
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

    @property
    def is_dynamic(self) -> bool:
        """Whether names may be created at run time. A stub is complete."""
        return self.stub is None and (self.source is None or self.source.is_dynamic)


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
        if not any(tree.is_readable for tree in trees):
            return (
                NameState.UNKNOWN
                if self._finder.find(f"{module.name}.{name}") is None
                else (self._find_module(f"{module.name}.{name}") or NameState.UNKNOWN)
            )
        for tree in trees:
            if tree.defines(name):
                return self._follow(module, tree.member(name), depth)
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
        return NameState.UNKNOWN if is_unknown or module.is_dynamic else NameState.MISSING

    def _follow(
        self, module: _Module, member: Any, depth: int, owner: _Definition | None = None
    ) -> _Result:
        """Follow an import, or an assignment of another name, to what it stands for."""
        if member is None:
            return _Definition(module.name, None)
        if member.is_alias:
            result = self._resolve(member.target_path, depth + 1)
            # An imported name exists, even if its source cannot be read.
            return _Definition(module.name, None) if isinstance(result, NameState) else result
        definition = _Definition(module.name, member, owner)
        value = str(member.value) if member.is_attribute and member.value is not None else ""
        if not all(part.isidentifier() for part in value.split(".")) or depth > _MAX_ALIASES:
            return definition
        result = NameState.UNKNOWN
        if owner is not None and "." not in value and value != member.name:
            result = self._find_in_class(owner, value, depth + 1)
        elif value != member.name:
            result = self._resolve_in(module.name, value, depth + 1)
        return definition if isinstance(result, NameState) else result

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
        fallback: _Result = (
            NameState.UNKNOWN if has_other_members(owner.node) else NameState.MISSING
        )
        for base in owner.node.bases:
            base_name = str(base).partition("[")[0]
            base_result = (
                NameState.UNKNOWN
                if depth > _MAX_ALIASES
                else self._resolve_base(owner.module, base_name, depth)
            )
            if base_result is NameState.FOUND:
                continue
            result = self._find_member(base_result, name, depth + 1)
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

    def _resolve_base(self, module: str, text: str, depth: int) -> _Result:
        return NameState.FOUND if text == "object" else self._resolve_in(module, text, depth)

    def _resolve_in(self, module: str, text: str, depth: int) -> _Result:
        """Resolve a dotted name as the code of a module sees it."""
        result: _Result = self._find_module(module) or NameState.UNKNOWN
        for part in text.split("."):
            result = self._find_member(result, part, depth + 1)
        return result

    def _make_signature(self, definition: _Definition) -> Signature:
        if definition.node is None:
            return _FOUND
        function = definition
        if _is_class(definition):
            constructor = self._find_in_class(definition, "__init__", 0)
            if not isinstance(constructor, _Definition) or constructor.node is None:
                return Signature(state=NameState.FOUND, deprecated=is_deprecated(definition.node))
            function = constructor
        return Signature(
            state=NameState.FOUND,
            parameters=parameters_of(function.node, bound=_is_class(definition)),
            deprecated=is_deprecated(definition.node),
        )

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
        tree.mentions(name) or "import *" in tree.text or tree.is_dynamic for tree in trees
    )


def _is_class(result: _Result) -> bool:
    return (
        isinstance(result, _Definition) and result.node is not None and bool(result.node.is_class)
    )
