"""Bundle the JavaScript of each view: its ES modules, joined to one text.

A browser gets the code of a view as one text, in which an import cannot find a file. So the imports
are resolved here, without a build step and without a network.
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
_UNSUPPORTED_LINE = re.compile(r"^(?:import|export (?!default\b)).*", re.MULTILINE)


def bundle(view: str, static: Path = STATIC) -> str:
    """Return a view and all files that it imports as one ES module; only the view exports.

    The files share one scope, so no two may define the same top-level name. Raises `ValueError` for
    files that import each other, for imports of packages or under another name, and for exports of
    anything but functions and constants.
    """
    graph = _import_graph((static / f"{view}.js").resolve())
    return "\n".join(map(_strip_imports, TopologicalSorter(graph).static_order()))


def _import_graph(view: Path) -> dict[Path, list[Path]]:
    """Return the files that a view needs, each with its own imports."""
    graph: dict[Path, list[Path]] = {}
    pending = [view]
    while pending:
        file = pending.pop()
        if file not in graph:
            matches = _IMPORT.finditer(file.read_text("utf-8"))
            graph[file] = [(file.parent / match["path"]).resolve() for match in matches]
            pending += graph[file]
    return graph


def _strip_imports(file: Path) -> str:
    text = _EXPORT.sub("", _IMPORT.sub("", file.read_text("utf-8")))
    if unsupported := _UNSUPPORTED_LINE.search(text):
        raise ValueError(f"{file.name} cannot be joined: {unsupported[0]}")
    return text
