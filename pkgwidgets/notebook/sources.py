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

from pkgwidgets.core.api import Api, Parameter, State

_DEEPEST = 12
"""So many names are followed from one to the next."""
_MISSING = Api(state=State.MISSING)
_UNKNOWN = Api(state=State.UNKNOWN)
_FOUND = Api(state=State.FOUND)

logging.getLogger("griffe").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class _Thing:
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


_Found = _Thing | _Module | State


class Sources:
    """Modules below some folders, such as the site-packages that are or will be.

    Only the modules that a name leads through are read.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._modules: dict[str, _Module | None] = {}
        self._files: dict[str, tuple[Path, ...] | None] = {}
        self._texts: dict[Path, str] = {}
        self._open: dict[str, bool] = {}

    def api(self, name: str) -> Api:
        """Return what the sources say of a name in full, `altair.Chart().mark_bar`."""
        found = self._find(name, 0)
        if isinstance(found, State):
            return Api(state=found)
        return self._described(found) if isinstance(found, _Thing) else _FOUND

    def has_module(self, name: str) -> bool:
        """Tell whether there is a module of this name in full."""
        return self._files_of(name) is not None

    def _find(self, name: str, depth: int) -> _Found:
        first, *rest = name.split(".")
        if depth > _DEEPEST:
            return State.UNKNOWN
        module = self._module(first.removesuffix("()"))
        found: _Found = State.MISSING if module is None else module
        for part in rest:
            plain = part.removesuffix("()")
            found = self._member(found, plain, depth)
            if isinstance(found, State):
                return found
            if part != plain and rest[-1] is not part and not _is_class(found):
                return State.UNKNOWN  # what a function returns is not known
        return found

    def _member(self, owner: _Found, name: str, depth: int) -> _Found:
        if isinstance(owner, _Module):
            return self._in_module(owner, name, depth)
        if isinstance(owner, _Thing) and _is_class(owner):
            return self._in_class(owner, name, depth)
        return State.UNKNOWN

    def _in_module(self, module: _Module, name: str, depth: int) -> _Found:
        if not module.trees:
            return State.UNKNOWN
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
            if starred is State.UNKNOWN:
                unsure = True
            elif starred is not State.MISSING:
                return starred
        # A stub is written to be complete; without one, what is made as it runs is not seen.
        dynamic = module.stub is None and module.makes_names
        return State.UNKNOWN if unsure or dynamic else State.MISSING

    def _followed(self, module: _Module, member: Any, depth: int) -> _Found:
        if not member.is_alias:
            return _Thing(module.name, member)
        found = self._find(member.target_path, depth + 1)
        # What is imported by its name is there, even if it cannot be seen where it comes from.
        return _Thing(module.name, None) if isinstance(found, State) else found

    def _starred(self, tree: Any, name: str, depth: int) -> _Found:
        """Look into what a module takes over from others with a star."""
        answer: _Found = State.MISSING
        for member in tree.members.values():
            if not (member.is_alias and member.wildcard) or name.startswith("_"):
                continue
            if not self._may_have(member.target_path, name):
                continue
            target = self._module(member.target_path)
            if target is None or depth > _DEEPEST:
                answer = State.UNKNOWN
                continue
            found = self._in_module(target, name, depth + 1)
            if not isinstance(found, State):
                return found
            answer = State.UNKNOWN if found is State.UNKNOWN else answer
        return answer

    def _in_class(self, owner: _Thing, name: str, depth: int) -> _Found:
        if name in owner.what.members:
            return self._followed(_Module(owner.module), owner.what.members[name], depth)
        answer: _Found = State.UNKNOWN if "__getattr__" in owner.what.members else State.MISSING
        if owner.what.decorators or getattr(owner.what, "keywords", None):
            answer = State.UNKNOWN  # a decorator or a metaclass may add to it
        for base in owner.what.bases:
            text = str(base).partition("[")[0]
            above = State.UNKNOWN if depth > _DEEPEST else self._base(owner.module, text, depth)
            if above is State.FOUND:
                continue
            found = self._member(above, name, depth + 1)
            if not isinstance(found, State):
                return found
            answer = State.UNKNOWN if found is State.UNKNOWN else answer
        return answer

    def _base(self, module: str, text: str, depth: int) -> _Found:
        if text == "object":
            return State.FOUND
        found: _Found = self._module(module) or State.UNKNOWN
        for part in text.split("."):
            found = self._member(found, part, depth + 1)
        return found

    def _described(self, thing: _Thing) -> Api:
        if thing.what is None:
            return _FOUND
        function = thing
        if _is_class(thing):
            made = self._in_class(thing, "__init__", 0)
            if not isinstance(made, _Thing):
                return Api(state=State.FOUND, deprecated=_is_deprecated(thing.what))
            function = made
        return Api(
            state=State.FOUND,
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
    return isinstance(found, _Thing) and found.what is not None and bool(found.what.is_class)


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
        by_place="positional" in kind,
        by_name="keyword" in kind,
        many=many,
    )
