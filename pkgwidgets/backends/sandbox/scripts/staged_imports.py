"""Import the files of a stage before the installed ones, which are not changed yet.

A part of other scripts, put before them as text. Bytecode goes to separate folders, which are
laid out like the environment.
"""

from __future__ import annotations

import os
import sys

from .report import arm_watchdog, format_error, report_step, task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType


def overlay_stage() -> None:
    """Find staged files first, mask the files that they replace, and run staged .pth files."""
    from importlib.machinery import FileFinder, SourceFileLoader

    masked, libraries = set(task["masked"]), task["libraries"]
    find_spec = FileFinder.find_spec
    set_data, get_data = SourceFileLoader.set_data, SourceFileLoader.get_data

    def find_package_folders(folder: str) -> list[str]:
        for live, staged in libraries:
            for root in (live, staged):
                if folder.startswith(root + os.sep):
                    relative = folder[len(root) :]
                    candidates = (staged + relative, live + relative)
                    return [path for path in candidates if os.path.isdir(path)]
        return [folder]

    def find_unmasked_spec(
        self: FileFinder, name: str, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = find_spec(self, name, target)
        if spec is not None and spec.origin in masked:
            return None
        if spec is not None and spec.loader is not None and spec.submodule_search_locations:
            # A package's staged folder first, then its live one: others may have modules in it.
            spec.submodule_search_locations = find_package_folders(
                spec.submodule_search_locations[0]
            )
        return spec

    def find_bytecode_path(path: str) -> str | None:
        relative = [path[len(root) :] for root in task["roots"] if path.startswith(root)]
        return task["bytecode"] + relative[0] if relative and path.endswith(".pyc") else None

    def set_data_apart(
        self: SourceFileLoader, path: str, data: bytes, *, _mode: int = 0o666
    ) -> None:
        bytecode_path = find_bytecode_path(path)
        if bytecode_path is not None:
            os.makedirs(os.path.dirname(bytecode_path), exist_ok=True)
            set_data(self, bytecode_path, data, _mode=_mode)

    def get_data_apart(self: SourceFileLoader, path: str) -> bytes:
        bytecode_path = find_bytecode_path(path)
        if bytecode_path is not None and os.path.exists(bytecode_path):
            path = bytecode_path
        return get_data(self, path)

    FileFinder.find_spec = find_unmasked_spec  # type: ignore[method-assign,assignment]
    SourceFileLoader.set_data = set_data_apart  # type: ignore[method-assign,assignment]
    SourceFileLoader.get_data = get_data_apart  # type: ignore[method-assign,assignment]
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) in masked:
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
                    run_pth(name, staged)


def run_pth(name: str, sitedir: str) -> None:
    """Run a .pth file as `site` does; such files look up `sitedir` in the calling frame."""
    report_step("starting", name)
    arm_watchdog()
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
        report_step("not started", name, format_error(error))
    else:
        report_step("started", name)


if task["is_staged"]:
    overlay_stage()
