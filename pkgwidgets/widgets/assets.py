"""The files of the front end: ES modules, joined to one text for each view.

A browser gets a view's code as one text, where no import finds a file. So the imports are followed
here, without a build step and without a network.
"""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from pathlib import Path

STATIC = Path(__file__).parent / "static"

_IMPORT = re.compile(
    r'^import \{\s*\w+(?:,\s*\w+)*,?\s*\} from "(?P<path>\.{1,2}/[\w./]+\.js)";\n', re.MULTILINE
)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const)\b)", re.MULTILINE)
_LEFT_OVER = re.compile(r"^(?:import|export (?!default\b)).*", re.MULTILINE)


def bundle(view: str, static: Path = STATIC) -> str:
    """Return a view's file and all that it imports as one ES module; only the view exports.

    The files share one scope, so no name may be defined at the top of two of them. Raises
    ValueError for files that import each other and for what cannot be joined: an import of a
    package or under another name, an export of anything but a function or a constant.
    """
    graph = _import_graph((static / f"{view}.js").resolve())
    return "\n".join(map(_without_imports, TopologicalSorter(graph).static_order()))


def _import_graph(view: Path) -> dict[Path, list[Path]]:
    """Return the files that a view needs, each with the files that it imports itself."""
    graph: dict[Path, list[Path]] = {}
    waiting = [view]
    while waiting:
        file = waiting.pop()
        if file not in graph:
            found = _IMPORT.finditer(file.read_text("utf-8"))
            graph[file] = [(file.parent / each["path"]).resolve() for each in found]
            waiting += graph[file]
    return graph


def _without_imports(file: Path) -> str:
    text = _EXPORT.sub("", _IMPORT.sub("", file.read_text("utf-8")))
    if left := _LEFT_OVER.search(text):
        raise ValueError(f"{file.name} cannot be joined: {left[0]}")
    return text
