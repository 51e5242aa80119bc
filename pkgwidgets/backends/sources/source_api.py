"""What the sources of distributions offer, by griffe: read module by module, and never run."""

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
"""So many names are followed from one to the next."""
_MISSING = Signature(state=NameState.MISSING)
_UNKNOWN = Signature(state=NameState.UNKNOWN)
_FOUND = Signature(state=NameState.FOUND)

logging.getLogger("griffe").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class _Definition:
    """A class, a function or something else, in the module in which it is written."""

    module: str
    what: Any


@dataclass(frozen=True, slots=True)
class _Module:
    """A module: its stub and its source, as far as there are any."""

    name: str
    stub: Any = None
    source: Any = None
    makes_names: bool = False
    """Whether it makes names while it runs (PEP 562), or writes into its own."""

    @property
    def trees(self) -> list[Any]:
        """The stub first: it is complete where the source makes names as it runs."""
        return [tree for tree in (self.stub, self.source) if tree is not None]


_Found = _Definition | _Module | NameState


class SourceApi:
    """Modules below some folders, such as the site-packages that are or will be.

    Only the modules that a name leads through are read.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._modules: dict[str, _Module | None] = {}
        self._files: dict[str, tuple[Path, ...] | None] = {}
        self._texts: dict[Path, str] = {}
        self._open: dict[str, bool] = {}

    def api(self, name: str) -> Signature:
        """Return what the sources say of a name in full, `altair.Chart().mark_bar`."""
        found = self._find(name, 0)
        if isinstance(found, NameState):
            return Signature(state=found)
        return self._described(found) if isinstance(found, _Definition) else _FOUND

    def has_module(self, name: str) -> bool:
        """Tell whether there is a module of this name in full."""
        return self._files_of(name) is not None

    def _find(self, name: str, depth: int) -> _Found:
        first, *rest = name.split(".")
        if depth > _MAX_ALIASES:
            return NameState.UNKNOWN
        module = self._module(first.removesuffix("()"))
        found: _Found = NameState.MISSING if module is None else module
        for part in rest:
            plain = part.removesuffix("()")
            found = self._member(found, plain, depth)
            if isinstance(found, NameState):
                return found
            if part != plain and rest[-1] is not part and not _is_class(found):
                return NameState.UNKNOWN  # what a function returns is not known
        return found

    def _member(self, owner: _Found, name: str, depth: int) -> _Found:
        if isinstance(owner, _Module):
            return self._in_module(owner, name, depth)
        if isinstance(owner, _Definition) and _is_class(owner):
            return self._in_class(owner, name, depth)
        return NameState.UNKNOWN

    def _in_module(self, module: _Module, name: str, depth: int) -> _Found:
        if not module.trees:
            return NameState.UNKNOWN
        for tree in module.trees:
            member = tree.members.get(name)
            if member is not None:
                return self._followed(module, member, depth)
        inner = self._module(f"{module.name}.{name}")
        if inner is not None:
            return inner
        unsure = False
        for tree in module.trees:
            starred = self._starred(tree, name, depth)
            if starred is NameState.UNKNOWN:
                unsure = True
            elif starred is not NameState.MISSING:
                return starred
        # A stub is written to be complete; without one, what is made as it runs is not seen.
        dynamic = module.stub is None and module.makes_names
        return NameState.UNKNOWN if unsure or dynamic else NameState.MISSING

    def _followed(self, module: _Module, member: Any, depth: int) -> _Found:
        if not member.is_alias:
            return _Definition(module.name, member)
        found = self._find(member.target_path, depth + 1)
        # What is imported by its name is there, even if it cannot be seen where it comes from.
        return _Definition(module.name, None) if isinstance(found, NameState) else found

    def _starred(self, tree: Any, name: str, depth: int) -> _Found:
        """Look into what a module takes over from others with a star."""
        answer: _Found = NameState.MISSING
        for member in tree.members.values():
            if not (member.is_alias and member.wildcard) or name.startswith("_"):
                continue
            if not self._may_have(member.target_path, name):
                continue
            target = self._module(member.target_path)
            if target is None or depth > _MAX_ALIASES:
                answer = NameState.UNKNOWN
                continue
            found = self._in_module(target, name, depth + 1)
            if not isinstance(found, NameState):
                return found
            answer = NameState.UNKNOWN if found is NameState.UNKNOWN else answer
        return answer

    def _in_class(self, owner: _Definition, name: str, depth: int) -> _Found:
        if name in owner.what.members:
            return self._followed(_Module(owner.module), owner.what.members[name], depth)
        answer: _Found = (
            NameState.UNKNOWN if "__getattr__" in owner.what.members else NameState.MISSING
        )
        if owner.what.decorators or getattr(owner.what, "keywords", None):
            answer = NameState.UNKNOWN  # a decorator or a metaclass may add to it
        for base in owner.what.bases:
            text = str(base).partition("[")[0]
            above = (
                NameState.UNKNOWN if depth > _MAX_ALIASES else self._base(owner.module, text, depth)
            )
            if above is NameState.FOUND:
                continue
            found = self._member(above, name, depth + 1)
            if not isinstance(found, NameState):
                return found
            answer = NameState.UNKNOWN if found is NameState.UNKNOWN else answer
        return answer

    def _base(self, module: str, text: str, depth: int) -> _Found:
        if text == "object":
            return NameState.FOUND
        found: _Found = self._module(module) or NameState.UNKNOWN
        for part in text.split("."):
            found = self._member(found, part, depth + 1)
        return found

    def _described(self, thing: _Definition) -> Signature:
        if thing.what is None:
            return _FOUND
        function = thing
        if _is_class(thing):
            made = self._in_class(thing, "__init__", 0)
            if not isinstance(made, _Definition):
                return Signature(state=NameState.FOUND, deprecated=_is_deprecated(thing.what))
            function = made
        return Signature(
            state=NameState.FOUND,
            parameters=_parameters(function.what, bound=_is_class(thing)),
            deprecated=_is_deprecated(thing.what),
        )

    def _module(self, name: str) -> _Module | None:
        if name not in self._modules:
            self._modules[name] = self._read(name)
        return self._modules[name]

    def _read(self, name: str) -> _Module | None:
        files = self._files_of(name)
        if files is None:
            return None
        trees = {file.suffix: _tree(name, file, self._text(file)) for file in files}
        source = next((self._text(file) for file in files if file.suffix == ".py"), "")
        return _Module(name, trees.get(".pyi"), trees.get(".py"), _makes_names(source))

    def _files_of(self, name: str) -> tuple[Path, ...] | None:
        if name not in self._files:
            self._files[name] = self._found(name)
        return self._files[name]

    def _found(self, name: str) -> tuple[Path, ...] | None:
        """Return the stub and the source of a module; nothing of one that is no text, or a folder.

        None if there is no such module.
        """
        first, *_ = name.split(".")
        for folder in self._folders:
            place = folder.joinpath(*name.split("."))
            for base in (place / "__init__", place):
                files = [base.with_name(f"{base.name}{end}") for end in (".pyi", ".py")]
                there = tuple(file for file in files if file.is_file())
                if there or any(
                    base.with_name(base.name + end).exists() for end in EXTENSION_SUFFIXES
                ):
                    return there
            if place.is_dir() and any(place.glob("*.py")):
                return ()  # a namespace package (PEP 420)
            if _is_whole(folder, first):
                return None
        return None

    def _text(self, file: Path) -> str:
        if file not in self._texts:
            try:
                self._texts[file] = file.read_text("utf-8", "replace")
            except OSError:
                self._texts[file] = ""
        return self._texts[file]

    def _may_have(self, module: str, name: str) -> bool:
        """Tell whether it is worth to read a module for a name: that costs more than a search."""
        files = self._files_of(module)
        if not files:
            return True
        if module not in self._open:
            text = "".join(map(self._text, files))
            self._open[module] = "import *" in text or _makes_names(text)
        return self._open[module] or any(name in self._text(file) for file in files)


def _is_whole(folder: Path, first: str) -> bool:
    """Tell whether a folder has all of a module: what comes after it on the path is hidden."""
    return any((folder / each).exists() for each in (f"{first}/__init__.py", f"{first}.py"))


def _tree(name: str, file: Path, text: str) -> Any:
    try:
        return griffe.visit(name, file, text)
    except (SyntaxError, ValueError, RecursionError, griffe.GriffeError):
        return None


def _is_class(found: _Found) -> bool:
    return isinstance(found, _Definition) and found.what is not None and bool(found.what.is_class)


def _makes_names(text: str) -> bool:
    return re.search(r"^(def )?__getattr__\b|^[^#\n]*\bglobals\(\)", text, re.MULTILINE) is not None


def _is_deprecated(what: Any) -> bool:
    decorators = getattr(what, "decorators", ()) or ()
    return any("deprecat" in str(each.value).partition("(")[0].lower() for each in decorators)


def _parameters(what: Any, *, bound: bool) -> tuple[Parameter, ...] | None:
    if not getattr(what, "is_function", False):
        return None
    method = bound or (what.parent is not None and what.parent.is_class)
    static = any("staticmethod" in str(each.value) for each in what.decorators)
    found = [_parameter(each) for each in what.parameters]
    return tuple(found[1:] if method and not static and found else found)


def _parameter(each: Any) -> Parameter:
    kind = str(each.kind.value)
    many = kind.startswith("variadic")
    return Parameter(
        name=each.name,
        default=None if many or each.default is None else str(each.default),
        positional="positional" in kind,
        keyword="keyword" in kind,
        variadic=many,
    )
