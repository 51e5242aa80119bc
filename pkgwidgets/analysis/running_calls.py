"""Calls that run or import other code, or that say where it is: `exec`, `sys.path.append`."""

from __future__ import annotations

import ast
from typing import Protocol

from .literal_paths import path_of
from .name_resolver import NameResolver, Place
from .name_scopes import Names
from .search_folders import SearchFolders

_IMPORTS = frozenset({"importlib.import_module", "importlib.__import__", "__import__"})
_FILES = {
    "runpy.run_path": 0,
    "importlib.util.spec_from_file_location": 1,
    "importlib.machinery.SourceFileLoader": 1,
}
"""Calls that run a file as a module, and which argument is its path."""
_SHELL = frozenset({
    "os.system", "os.popen", "subprocess.run", "subprocess.call", "subprocess.check_call",
    "subprocess.check_output", "subprocess.Popen", "subprocess.getoutput",
})  # fmt: skip
_MAGIC_METHODS = frozenset({"run_line_magic", "run_cell_magic", "magic", "cell_magic"})
_SHELL_METHODS = frozenset({"system", "getoutput", "getoutput_pipes", "system_piped"})
_CODE_METHODS = frozenset({"run_cell", "run_code", "ex", "ev", "run_cell_async"})


class Runner(Protocol):
    """Reads the code that a call runs."""

    def read_text(self, text: str, code: NameResolver, *, ipython: bool) -> None:
        """Read code that runs with the names of the place."""

    def run_magic(self, code: NameResolver, name: str, line: str, body: str | None) -> None:
        """Read what a magic runs; `body` is None for a line magic."""

    def run_shell(self, code: NameResolver, text: str) -> None:
        """Read the Python programs that shell code starts."""

    def run_file(self, code: NameResolver, path: str, *, shared: bool) -> None:
        """Read a file that runs as a program, in new names unless they are shared."""

    def import_module(self, name: str, place: Place, *, optional: bool) -> bool:
        """Read a module next to the notebook; tell whether it is one."""


class RunningCalls:
    """Finds such calls; `values` are the literal strings that names hold."""

    def __init__(self, runner: Runner, folders: SearchFolders) -> None:
        self._runner = runner
        self._folders = folders
        self.values: dict[str, str] = {}

    def assign(self, code: NameResolver, target: ast.expr, value: ast.expr) -> None:
        """Note an assignment to a name, or to `sys.path`."""
        if isinstance(target, ast.Name):
            text = self._path(code, value)
            if text is None:
                self.values.pop(target.id, None)
            elif not code.scopes.is_nested:
                self.values[target.id] = text
        elif isinstance(target, ast.Attribute | ast.Subscript):
            owner = target.value if isinstance(target, ast.Subscript) else target
            if code.resolve(owner) == ("sys.path",):
                self._add_folders(code, value, first=_is_start(target))

    def extend(self, code: NameResolver, target: ast.expr, value: ast.expr) -> None:
        """Note `sys.path += […]`."""
        if isinstance(target, ast.Attribute) and code.resolve(target) == ("sys.path",):
            self._add_folders(code, value, first=False)
        elif isinstance(target, ast.Name):
            self.values.pop(target.id, None)

    def value_of(self, code: NameResolver, node: ast.Call, names: Names) -> Names | None:
        """Return what a call gives that names a module or an attribute literally; else None."""
        name = _plain_name(code, node.func, names)
        texts = [_literal(argument) for argument in node.args]
        if name == "getattr" and len(texts) > 1 and texts[1] is not None:
            return code.members(code.resolve(node.args[0]), texts[1])
        if name in _IMPORTS and texts and texts[0]:
            module = _absolute_module(texts)
            return (module.partition(".")[0] if name == "__import__" else module,)
        return None

    def visit(self, code: NameResolver, node: ast.Call, names: Names) -> None:
        """Read the code that a call runs, and note the folders that it adds."""
        name = _plain_name(code, node.func, names)
        if isinstance(node.func, ast.Attribute) and self._visit_shell(code, node, node.func):
            return
        if name in ("exec", "eval"):
            self._visit_exec(code, node, name)
        elif name == "getattr":
            self._visit_getattr(code, node)
        elif name in _IMPORTS:
            self._visit_import(code, node, name)
        elif name in _FILES:
            self._visit_file(code, node, _FILES[name])
        elif name in _SHELL and node.args:
            self._visit_program(code, node.args[0])
        elif name.startswith(("sys.path.", "site.", "os.chdir")):
            self._visit_folders(code, node, name)

    def _visit_shell(self, code: NameResolver, node: ast.Call, function: ast.Attribute) -> bool:
        """Read what a method of IPython's shell runs; tell whether it is one."""
        method, texts = function.attr, [_literal(argument) for argument in node.args]
        is_shell = ast.unparse(function.value) == "get_ipython()"
        if method not in _MAGIC_METHODS and not is_shell:
            return False
        if method not in _MAGIC_METHODS | _SHELL_METHODS | _CODE_METHODS or not texts:
            return False
        if None in texts[:3]:
            if is_shell:
                text = f"get_ipython().{method}() runs code that is known only at run time"
                code.reader.add_unknown(code.place, text)
            return is_shell
        known = [text or "" for text in texts]
        if method == "magic":
            name, _, line = known[0].lstrip("%").partition(" ")
            self._runner.run_magic(code, name, line, None)
        elif method in _MAGIC_METHODS:
            known += ["", ""]
            body = known[2] if method in ("run_cell_magic", "cell_magic") else None
            self._runner.run_magic(code, known[0], known[1], body)
        elif method in _SHELL_METHODS:
            self._runner.run_shell(code, known[0])
        else:
            self._runner.read_text(known[0], code, ipython=True)
        return True

    def _visit_exec(self, code: NameResolver, node: ast.Call, name: str) -> None:
        source = node.args[0] if node.args else None
        if isinstance(source, ast.Call) and ast.unparse(source.func) == "compile" and source.args:
            source = source.args[0]
        text = _literal(source)
        if text is not None:
            self._runner.read_text(text.strip() if name == "eval" else text, code, ipython=False)
            return
        for inner in ast.walk(source) if source is not None else ():
            path = _opened_path(inner)
            value = self._path(code, path) if path is not None else None
            if value is not None:
                self._runner.run_file(code, value, shared=True)
                return
        code.reader.add_unknown(code.place, f"{name} runs code that is known only at run time")

    def _visit_getattr(self, code: NameResolver, node: ast.Call) -> None:
        names = code.resolve(node.args[0]) if len(node.args) > 1 else ()
        if _literal(node.args[1] if names else None) is not None:
            code.add_uses(node, code.resolve(node))
        elif names:
            text = f"which attribute getattr takes from {names[0]} is known only at run time"
            code.reader.add_unknown(code.place, text)

    def _visit_import(self, code: NameResolver, node: ast.Call, name: str) -> None:
        texts = [_literal(argument) for argument in node.args]
        module = _absolute_module(texts) if texts and texts[0] else ""
        if not module:
            text = f"which module {name.rpartition('.')[2]} imports is known only at run time"
            code.reader.add_unknown(code.place, text)
        elif not self._runner.import_module(module, code.place, optional=False):
            code.add_uses(node, (module,), module=True)

    def _visit_file(self, code: NameResolver, node: ast.Call, position: int) -> None:
        path = self._path(code, node.args[position]) if len(node.args) > position else None
        if path is None:
            text = "which file is run as a module is known only at run time"
            code.reader.add_unknown(code.place, text)
        else:
            self._runner.run_file(code, path, shared=False)

    def _visit_program(self, code: NameResolver, argument: ast.expr) -> None:
        text = _literal(argument)
        if text is None and isinstance(argument, ast.List | ast.Tuple):
            words = [_word(element) for element in argument.elts]
            text = " ".join(_quoted(word) for word in words)
        if text is not None:
            self._runner.run_shell(code, text)

    def _visit_folders(self, code: NameResolver, node: ast.Call, name: str) -> None:
        arguments = node.args
        if name == "os.chdir" and arguments:
            self._folders.change_folder(self._path(code, arguments[0]))
        elif name == "sys.path.insert" and len(arguments) == 2:
            position = arguments[0]
            is_start = isinstance(position, ast.Constant) and position.value in (0, 1)
            self._add_folder(code, arguments[1], first=is_start)
        elif name in ("sys.path.append", "site.addsitedir") and arguments:
            self._add_folder(code, arguments[0], first=False)
        elif name == "sys.path.extend" and arguments:
            self._add_folders(code, arguments[0], first=False)

    def _add_folders(self, code: NameResolver, value: ast.expr, *, first: bool) -> None:
        for node in ast.walk(value):
            if isinstance(node, ast.List | ast.Tuple):
                for element in node.elts:
                    self._add_folder(code, element, first=first)

    def _add_folder(self, code: NameResolver, value: ast.expr, *, first: bool) -> None:
        path = self._path(code, value)
        if path is not None:
            self._folders.add(path, first=first)

    def _path(self, code: NameResolver, node: ast.expr) -> str | None:
        file = code.place.path
        values = {**self.values, "__file__": file} if file else self.values
        return path_of(node, code.resolve, values, self._folders.folder)


def _plain_name(code: NameResolver, function: ast.expr, names: Names) -> str:
    """Return the full name of a function: an imported one, or a builtin."""
    if names:
        return names[0]
    is_builtin = isinstance(function, ast.Name) and code.scopes.find(function.id) is None
    return function.id if is_builtin else ""  # type: ignore[attr-defined]


def _literal(node: ast.AST | None) -> str | None:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return node.value if is_text else None  # type: ignore[union-attr]


def _absolute_module(texts: list[str | None]) -> str:
    """Return the module of `import_module(name, package)`; "" if it is not literal."""
    name, package = texts[0] or "", (texts[1] if len(texts) > 1 else None) or ""
    if not name.startswith("."):
        return name
    relative = name.lstrip(".")
    parts = package.split(".")[: len(package.split(".")) + 1 - (len(name) - len(relative))]
    return ".".join([*parts, relative]).rstrip(".") if package else ""


def _opened_path(node: ast.AST) -> ast.expr | None:
    """Return the path of `open(path)` and of `path.read_text()`."""
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Name) and node.func.id == "open" and node.args:
        return node.args[0]
    is_read = isinstance(node.func, ast.Attribute) and node.func.attr in ("read_text", "read_bytes")
    return node.func.value if is_read else None  # type: ignore[attr-defined]


def _word(node: ast.expr) -> str:
    """Return a word of a command; one that is not literal in braces, as IPython writes it."""
    text = _literal(node)
    return f"{{{ast.unparse(node)}}}" if text is None else text


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\"'\"'") + "'"


def _is_start(target: ast.expr) -> bool:
    """Tell whether `sys.path[:0] = …` puts folders first; `sys.path = […]` is taken so, too."""
    return not isinstance(target, ast.Subscript) or ":0" in ast.unparse(target).replace(" ", "")
