"""Whether the content of a file matters to the programs of an environment.

Wheels of different projects often contain the same file: an empty `__init__.py` of a namespace, a
licence, tests that were packed by mistake.
"""

from __future__ import annotations

import ast
import re
from contextlib import suppress
from pathlib import Path

_DOCUMENT = re.compile(
    r"(?i)(authors|change(s|log)|citation|code_of_conduct|contribut(ing|ors)|copy(ing|right)|history"
    r"|install|licen[cs]es?|manifest|news|notice|readme|security|thanks|third[-_]?party.*|todo)"
    r"([-._].*)?"
)
"""Files that people read: LICENSE, LICENSE-MIT.txt, README.md."""
_UNUSED_FOLDERS = {
    "benchmarks", "doc", "docs", "example", "examples", "test", "tests",
}  # fmt: skip
"""Folders beside the packages that wheels contain by mistake."""
_SHARED_DATA = ("share/doc/", "share/licenses/", "share/man/")
_SCRIPT_MODULES = {"__main__.py", "conf.py", "conftest.py", "setup.py"}
"""Files of a project's own folder; beside the packages they have no use."""
_CODE = re.compile(r".+\.(py|pyc|pyd|pth|egg-link|so(\.[0-9.]+)?)")
_MAX_SOURCE_BYTES = 1 << 20
"""A longer source file is compared byte by byte only."""
_NAMESPACE = "a namespace package"
_NAMESPACE_CALL = re.compile(r"\b(declare_namespace|extend_path)\(")


def matters_in_packages(path: str) -> bool:
    """Return whether the content of a file matters; the path is relative to site-packages."""
    folder, _, name = path.rpartition("/")
    if _DOCUMENT.fullmatch(name) and not _CODE.fullmatch(name):
        return False
    if folder:
        return path.partition("/")[0] not in _UNUSED_FOLDERS
    return _CODE.fullmatch(name) is not None and name not in _SCRIPT_MODULES


def matters_in_prefix(path: str) -> bool:
    """Return whether the content of a file matters; the path is relative to the prefix."""
    name = path.rpartition("/")[2]
    is_document = _DOCUMENT.fullmatch(name) is not None and not _CODE.fullmatch(name)
    return not is_document and not path.startswith(_SHARED_DATA)


def have_same_effect(first: Path, second: Path) -> bool:
    """Return whether two files have the same bytes, or sources of Python the same statements."""
    with suppress(OSError):
        contents = first.read_bytes(), second.read_bytes()
        if contents[0] == contents[1]:
            return True
        if second.suffix == ".py" and max(map(len, contents)) < _MAX_SOURCE_BYTES:
            effects = [_source_effect(content) for content in contents]
            return effects[0] is not None and effects[0] == effects[1]
    return False


def has_no_effect(file: Path) -> bool:
    """Return whether a source of Python only declares a namespace, or does nothing at all."""
    with suppress(OSError):
        is_source = file.suffix == ".py" and file.stat().st_size < _MAX_SOURCE_BYTES
        return is_source and _source_effect(file.read_bytes()) in _NO_EFFECTS
    return False


def _source_effect(source: bytes) -> str | None:
    """Return the statements without comments and docstring; None if they cannot be parsed.

    The ways to declare a namespace package (pkgutil, setuptools) are one and the same.
    """
    try:
        statements = ast.parse(source).body
        if statements and ast.get_docstring(ast.Module(statements, [])) is not None:
            del statements[0]
        if statements and all(_declares_namespace(statement) for statement in statements):
            return _NAMESPACE
        return ast.dump(ast.Module(statements, []))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


_NO_EFFECTS = (_NAMESPACE, _source_effect(b""))


def _declares_namespace(statement: ast.stmt) -> bool:
    """Return whether a statement only declares a namespace, or imports what declares it."""
    if isinstance(statement, ast.Try):
        parts = [*statement.body, *(part for each in statement.handlers for part in each.body)]
        return not statement.orelse and all(map(_declares_namespace, parts))
    if isinstance(statement, ast.Import | ast.ImportFrom):
        text = ast.unparse(statement)
        return text in ("import pkg_resources", "import pkgutil", "from pkgutil import extend_path")
    if isinstance(statement, ast.Assign | ast.Expr):
        return _NAMESPACE_CALL.search(ast.unparse(statement)) is not None
    return False
