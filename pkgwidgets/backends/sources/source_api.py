"""Read the API of distributions from their sources with griffe; the code never runs."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import griffe

from pkgwidgets.analysis.api_changes import NameState, Parameter, Signature

_MAX_ALIASES = 12
"""The longest chain of aliases that is followed."""
_FOUND = Signature(state=NameState.FOUND)

logging.getLogger("griffe").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class _Definition:
    """A class, function or other object, with the module that defines it."""

    module: str
    node: Any


@dataclass(frozen=True, slots=True)
class _Module:
    """A module: the griffe trees of its stub and its source, None where they are missing."""

    name: str
    stub: Any = None
    source: Any = None
    is_dynamic: bool = False
    """Whether its code creates names at run time, by `__getattr__` (PEP 562) or `globals()`."""

    @property
    def trees(self) -> list[Any]:
        """The trees, the stub first: it also has the names that are created at run time."""
        return [tree for tree in (self.stub, self.source) if tree is not None]


_Result = _Definition | _Module | NameState


class SourceApi:
    """The modules in some folders, such as the live or the staged site-packages.

    Only the modules that a name leads through are read.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._modules: dict[str, _Module | None] = {}
        self._files: dict[str, tuple[Path, ...] | None] = {}
        self._texts: dict[Path, str] = {}
        self._may_be_dynamic: dict[str, bool] = {}

    def api(self, name: str) -> Signature:
        """Return the signature of a full name, such as `altair.Chart().mark_bar`."""
        result = self._resolve(name, 0)
        if isinstance(result, NameState):
            return Signature(state=result)
        return self._make_signature(result) if isinstance(result, _Definition) else _FOUND

    def has_module(self, name: str) -> bool:
        """Tell whether a module with this full name exists."""
        return self._find_files(name) is not None

    def _resolve(self, name: str, depth: int) -> _Result:
        first, *rest = name.split(".")
        if depth > _MAX_ALIASES:
            return NameState.UNKNOWN
        module = self._find_module(first.removesuffix("()"))
        result: _Result = NameState.MISSING if module is None else module
        for part in rest:
            name_part = part.removesuffix("()")
            result = self._find_member(result, name_part, depth)
            if isinstance(result, NameState):
                return result
            if part != name_part and rest[-1] is not part and not _is_class(result):
                return NameState.UNKNOWN  # the type that a function returns is unknown
        return result

    def _find_member(self, owner: _Result, name: str, depth: int) -> _Result:
        if isinstance(owner, _Module):
            return self._find_in_module(owner, name, depth)
        if isinstance(owner, _Definition) and _is_class(owner):
            return self._find_in_class(owner, name, depth)
        return NameState.UNKNOWN

    def _find_in_module(self, module: _Module, name: str, depth: int) -> _Result:
        if not module.trees:
            return NameState.UNKNOWN
        for tree in module.trees:
            member = tree.members.get(name)
            if member is not None:
                return self._follow_alias(module, member, depth)
        submodule = self._find_module(f"{module.name}.{name}")
        if submodule is not None:
            return submodule
        is_unknown = False
        for tree in module.trees:
            result = self._find_in_star_imports(tree, name, depth)
            if result is NameState.UNKNOWN:
                is_unknown = True
            elif result is not NameState.MISSING:
                return result
        # A stub is complete. Without one, names that are created at run time are not visible.
        is_dynamic = module.stub is None and module.is_dynamic
        return NameState.UNKNOWN if is_unknown or is_dynamic else NameState.MISSING

    def _follow_alias(self, module: _Module, member: Any, depth: int) -> _Result:
        if not member.is_alias:
            return _Definition(module.name, member)
        result = self._resolve(member.target_path, depth + 1)
        # An imported name exists, even if its source cannot be read.
        return _Definition(module.name, None) if isinstance(result, NameState) else result

    def _find_in_star_imports(self, tree: Any, name: str, depth: int) -> _Result:
        """Look for a name in the modules that a module star-imports."""
        fallback: _Result = NameState.MISSING
        for member in tree.members.values():
            if not (member.is_alias and member.wildcard) or name.startswith("_"):
                continue
            if not self._may_define(member.target_path, name):
                continue
            target = self._find_module(member.target_path)
            if target is None or depth > _MAX_ALIASES:
                fallback = NameState.UNKNOWN
                continue
            result = self._find_in_module(target, name, depth + 1)
            if not isinstance(result, NameState):
                return result
            fallback = NameState.UNKNOWN if result is NameState.UNKNOWN else fallback
        return fallback

    def _find_in_class(self, owner: _Definition, name: str, depth: int) -> _Result:
        if name in owner.node.members:
            return self._follow_alias(_Module(owner.module), owner.node.members[name], depth)
        fallback: _Result = (
            NameState.UNKNOWN if "__getattr__" in owner.node.members else NameState.MISSING
        )
        if owner.node.decorators or getattr(owner.node, "keywords", None):
            fallback = NameState.UNKNOWN  # a decorator or a metaclass may add members
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
        return fallback

    def _resolve_base(self, module: str, text: str, depth: int) -> _Result:
        if text == "object":
            return NameState.FOUND
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
            if not isinstance(constructor, _Definition):
                return Signature(state=NameState.FOUND, deprecated=_is_deprecated(definition.node))
            function = constructor
        return Signature(
            state=NameState.FOUND,
            parameters=_parameters(function.node, bound=_is_class(definition)),
            deprecated=_is_deprecated(definition.node),
        )

    def _find_module(self, name: str) -> _Module | None:
        if name not in self._modules:
            self._modules[name] = self._read_module(name)
        return self._modules[name]

    def _read_module(self, name: str) -> _Module | None:
        files = self._find_files(name)
        if files is None:
            return None
        trees = {file.suffix: _parse(name, file, self._read_text(file)) for file in files}
        source = next((self._read_text(file) for file in files if file.suffix == ".py"), "")
        return _Module(name, trees.get(".pyi"), trees.get(".py"), _is_dynamic(source))

    def _find_files(self, name: str) -> tuple[Path, ...] | None:
        if name not in self._files:
            self._files[name] = self._locate_files(name)
        return self._files[name]

    def _locate_files(self, name: str) -> tuple[Path, ...] | None:
        """Return the stub and the source of a module, None if there is no such module.

        It is empty for a namespace package, and for an extension module without a stub.
        """
        first, *_ = name.split(".")
        for folder in self._folders:
            path = folder.joinpath(*name.split("."))
            for base in (path / "__init__", path):
                files = [base.with_name(f"{base.name}{suffix}") for suffix in (".pyi", ".py")]
                existing = tuple(file for file in files if file.is_file())
                if existing or any(
                    base.with_name(base.name + suffix).exists() for suffix in EXTENSION_SUFFIXES
                ):
                    return existing
            if path.is_dir() and any(path.glob("*.py")):
                return ()  # a namespace package (PEP 420)
            if _hides_later_folders(folder, first):
                return None
        return None

    def _read_text(self, file: Path) -> str:
        if file not in self._texts:
            try:
                self._texts[file] = file.read_text("utf-8", "replace")
            except OSError:
                self._texts[file] = ""
        return self._texts[file]

    def _may_define(self, module: str, name: str) -> bool:
        """Tell whether a module may define a name; a text search is faster than parsing."""
        files = self._find_files(module)
        if not files:
            return True
        if module not in self._may_be_dynamic:
            text = "".join(map(self._read_text, files))
            self._may_be_dynamic[module] = "import *" in text or _is_dynamic(text)
        return self._may_be_dynamic[module] or any(name in self._read_text(file) for file in files)


def _hides_later_folders(folder: Path, first: str) -> bool:
    """Tell whether a folder has a regular module, which hides those later on the path."""
    return any((folder / name).exists() for name in (f"{first}/__init__.py", f"{first}.py"))


def _parse(name: str, file: Path, text: str) -> Any:
    try:
        return griffe.visit(name, file, text)
    except (SyntaxError, ValueError, RecursionError, griffe.GriffeError):
        return None


def _is_class(result: _Result) -> bool:
    return (
        isinstance(result, _Definition) and result.node is not None and bool(result.node.is_class)
    )


def _is_dynamic(text: str) -> bool:
    return re.search(r"^(def )?__getattr__\b|^[^#\n]*\bglobals\(\)", text, re.MULTILINE) is not None


def _is_deprecated(node: Any) -> bool:
    decorators = getattr(node, "decorators", ()) or ()
    return any(
        "deprecat" in str(decorator.value).partition("(")[0].lower() for decorator in decorators
    )


def _parameters(node: Any, *, bound: bool) -> tuple[Parameter, ...] | None:
    if not getattr(node, "is_function", False):
        return None
    is_method = bound or (node.parent is not None and node.parent.is_class)
    is_static = any("staticmethod" in str(decorator.value) for decorator in node.decorators)
    parameters = [_make_parameter(parameter) for parameter in node.parameters]
    skips_first = is_method and not is_static and bool(parameters)
    return tuple(parameters[1:] if skips_first else parameters)


def _make_parameter(parameter: Any) -> Parameter:
    kind = str(parameter.kind.value)
    is_variadic = kind.startswith("variadic")
    return Parameter(
        name=parameter.name,
        default=None if is_variadic or parameter.default is None else str(parameter.default),
        positional="positional" in kind,
        keyword="keyword" in kind,
        variadic=is_variadic,
    )
