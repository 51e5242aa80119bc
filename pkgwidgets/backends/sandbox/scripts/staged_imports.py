"""Let the files of a stage be imported before the installed ones, which are not changed yet.

A part of other scripts, put before them as text. What is compiled is kept apart, in folders laid
out like the environment.
"""

from __future__ import annotations

import os
import sys

from .report import say, task, watch, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType


def lay_stage_over() -> None:
    """Find staged files first, hide those that they replace, and run staged .pth files."""
    from importlib.machinery import FileFinder, SourceFileLoader

    hidden, libraries = set(task["hidden"]), task["libraries"]
    find, keep, read = FileFinder.find_spec, SourceFileLoader.set_data, SourceFileLoader.get_data

    def both(folder: str) -> list[str]:
        for live, staged in libraries:
            for root in (live, staged):
                if folder.startswith(root + os.sep):
                    inside = folder[len(root) :]
                    return [f for f in (staged + inside, live + inside) if os.path.isdir(f)]
        return [folder]

    def find_left(
        self: FileFinder, name: str, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = find(self, name, target)
        if spec is not None and spec.origin in hidden:
            return None
        if spec is not None and spec.loader is not None and spec.submodule_search_locations:
            # One folder afterwards: what others have in a package is found beside what is staged.
            spec.submodule_search_locations = both(spec.submodule_search_locations[0])
        return spec

    def apart(path: str) -> str | None:
        inside = [path[len(root) :] for root in task["roots"] if path.startswith(root)]
        return task["compiled"] + inside[0] if inside and path.endswith(".pyc") else None

    def keep_apart(self: SourceFileLoader, path: str, data: bytes, *, _mode: int = 0o666) -> None:
        kept = apart(path)
        if kept is not None:
            os.makedirs(os.path.dirname(kept), exist_ok=True)
            keep(self, kept, data, _mode=_mode)

    def read_apart(self: SourceFileLoader, path: str) -> bytes:
        kept = apart(path)
        return read(self, kept if kept is not None and os.path.exists(kept) else path)

    FileFinder.find_spec = find_left  # type: ignore[method-assign,assignment]
    SourceFileLoader.set_data = keep_apart  # type: ignore[method-assign,assignment]
    SourceFileLoader.get_data = read_apart  # type: ignore[method-assign,assignment]
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) in hidden:
            del sys.modules[name]
    for live, staged in libraries:
        sys.path.insert(sys.path.index(live) if live in sys.path else len(sys.path), staged)
        for module in list(sys.modules.values()):
            path = getattr(module, "__path__", None)
            if isinstance(path, list):
                path[:0] = [staged + p[len(live) :] for p in path if p.startswith(live + os.sep)]
    for _, staged in libraries:
        if os.path.isdir(staged):
            for name in sorted(os.listdir(staged)):
                if name.endswith(".pth"):
                    start(name, staged)


def start(name: str, sitedir: str) -> None:
    """Do what `site` does with a .pth file; such files look up `sitedir` in the frame above."""
    say("starting", name)
    watch()
    try:
        with open(os.path.join(sitedir, name), encoding="utf-8-sig") as file:
            for line in file:
                line = line.rstrip()
                if line.startswith(("import ", "import\t")):
                    exec(line)  # noqa: S102 - as `site` does
                elif line and not line.startswith("#"):
                    folder = os.path.join(sitedir, line)
                    if os.path.exists(folder) and folder not in sys.path:
                        sys.path.append(folder)
    except BaseException as error:
        say("not started", name, words(error))
    else:
        say("started", name)


if task["beside"]:
    lay_stage_over()
