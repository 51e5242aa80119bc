"""Find the calls in a module that make, change or remove files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

FUNCTIONS = frozenset({
    *(
        f"os.{name}"
        for name in (
            "chflags", "chmod", "chown", "copy_file_range", "fchmod", "fchown", "fdatasync",
            "fsync", "ftruncate", "lchmod", "lchown", "link", "makedirs", "mkdir", "mkfifo",
            "mknod", "posix_fallocate", "pwrite", "pwritev", "remove", "removedirs", "removexattr",
            "rename", "renames", "replace", "rmdir", "sendfile", "setxattr", "symlink", "sync",
            "truncate", "unlink", "utime",
        )
    ),
    *(
        f"shutil.{name}"
        for name in (
            "chown", "copy", "copy2", "copyfile", "copymode", "copystat", "copytree",
            "make_archive", "move", "rmtree", "unpack_archive",
        )
    ),
    *(
        f"tempfile.{name}"
        for name in (
            "NamedTemporaryFile", "SpooledTemporaryFile", "TemporaryDirectory", "TemporaryFile",
            "mkdtemp", "mkstemp",
        )
    ),
    "sqlite3.connect",
})  # fmt: skip
"""Functions that write, by their full names; `os.write` to a pipe is no file."""
METHODS = frozenset({
    "chmod", "hardlink_to", "lchmod", "mkdir", "rmdir", "symlink_to", "touch", "unlink",
    "write_bytes", "write_text",
})  # fmt: skip
"""Methods of `Path` that write, and that no other class has."""
MOVES = ("rename", "replace")
"""Methods of `Path` with one argument; those of a text or a value have more, or names."""
OPENERS = ("open", "io.open", "codecs.open", "os.fdopen", "zipfile.ZipFile", "tarfile.open")
_MODE = re.compile(r"[rwxabt+]{1,4}")


def writing_calls(code: str) -> Iterator[str]:
    """Yield the name of each function or method that may write, as `os.replace` or `.unlink`."""
    tree = ast.parse(code)
    bound = dict(_bound_names(tree))
    for node in ast.walk(tree):
        # Not only calls: `finalize(owner, shutil.rmtree)` calls it later.
        if isinstance(node, ast.Attribute | ast.Name):
            name = _full_name(node, bound)
            if name in FUNCTIONS:
                yield name
            elif isinstance(node, ast.Attribute) and node.attr in METHODS:
                yield f".{node.attr}"
        if isinstance(node, ast.Call) and _is_writing_call(node, bound):
            yield _full_name(node.func, bound)


def _is_writing_call(call: ast.Call, bound: dict[str, str]) -> bool:
    """Tell whether a call opens a file to write it, or moves a `Path`."""
    name = _full_name(call.func, bound)
    if name == "os.open":
        flags = ast.unparse(call.args[1]) if len(call.args) > 1 else "O_WRONLY"
        return bool(re.search(r"O_(?!RDONLY|CLOEXEC|NOFOLLOW|DIRECTORY)\w+", flags))
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    is_function = ast.unparse(call.func).partition(".")[0] in bound  # of another module
    if name in OPENERS or (method == "open" and not is_function):
        modes = [keyword.value for keyword in call.keywords if keyword.arg == "mode"]
        # The mode comes second, but first in `path.open(mode)`.
        modes += call.args[1:2] if name in OPENERS else call.args[:1]
        return any(map(_is_writing_mode, modes))
    is_move = method in MOVES and len(call.args) == 1 and not call.keywords
    return is_move and name not in FUNCTIONS


def _is_writing_mode(mode: ast.expr) -> bool:
    """Tell whether a mode may be one to write: a variable may."""
    if not isinstance(mode, ast.Constant):
        return True
    text = str(mode.value)
    return bool(_MODE.fullmatch(text) and set(text) & set("wxa+"))


def _bound_names(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield each imported name with what it stands for: `o` for `os`, `move` for `shutil.move`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name, alias.name
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _full_name(node: ast.expr, bound: dict[str, str]) -> str:
    head, dot, rest = ast.unparse(node).partition(".")
    return f"{bound.get(head, head)}{dot}{rest}"
