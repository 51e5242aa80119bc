"""The guide notebooks: where they are, and a copy that says which do not run here."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

FIRST = "quickstart.ipynb"
"""The notebook that the demo opens."""
_CALLS = {"impact": "griffe", "rehearse": "nbclient"}
"""The module that a method of the service imports."""


def copy_notebooks(target: Path) -> list[str]:
    """Copy the notebooks; return a sentence for each whose modules are not installed.

    The copy of such a notebook can be read, and its first cell says what to install.
    """
    target.mkdir()
    notes = []
    for notebook in find_notebooks():
        missing = [name for name in needed_modules(notebook) if not _is_installed(name)]
        if not missing:
            shutil.copy(notebook, target)
            continue
        note = f"needs `pip install {' '.join(missing)}` beside pkgwidgets"
        _copy_with_note(notebook, target, f"To be run, this notebook {note}.")
        notes.append(f"{notebook.name} can be read. To be run, it {note}.")
    return notes


def find_notebooks() -> list[Path]:
    """Return the notebooks: in a checkout those beside the package, else those installed."""
    checkout = Path(__file__).parents[2] / "notebooks"
    if (checkout / FIRST).is_file():
        return sorted(checkout.glob("*.ipynb"))
    files = importlib.metadata.files("pkgwidgets") or ()
    installed = (Path(str(file.locate())) for file in files if file.suffix == ".ipynb")
    return sorted(path for path in installed if path.parts[-3:-1] == ("pkgwidgets", "notebooks"))


def _copy_with_note(notebook: Path, target: Path, note: str) -> None:
    content = json.loads(notebook.read_text("utf-8"))
    cell = {"cell_type": "markdown", "id": "needs", "metadata": {}, "source": [f"**{note}**"]}
    content["cells"].insert(0, cell)
    (target / notebook.name).write_text(json.dumps(content, ensure_ascii=False), "utf-8")


def needed_modules(notebook: Path) -> list[str]:
    """Return the top-level modules that the code cells of a notebook need, sorted."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    sources = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return sorted({name for source in sources for name in _modules(source)})


def _modules(source: str) -> Iterator[str]:
    lines = (line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))
    for node in ast.walk(ast.parse("\n".join(lines))):
        match node:
            case ast.Import(names=names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]
            case ast.Attribute(attr=method) if method in _CALLS:
                yield _CALLS[method]


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
