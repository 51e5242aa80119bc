"""The guide notebooks: where they are, and a copy of those that run here."""

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
_EXTRAS = {"distributed": "dask", "griffe": "impact", "ipylab": "dock", "nbclient": "impact"}
"""The extra of pkgwidgets that installs a module which a notebook imports."""
_CALLS = {"impact": "griffe", "rehearse": "nbclient"}
"""The module that a method of the service imports."""


def copy_notebooks(target: Path) -> list[str]:
    """Copy the notebooks whose modules are installed; return a sentence for each other one."""
    target.mkdir()
    left_out = []
    for notebook in find_notebooks():
        missing = [name for name in needed_modules(notebook) if not _is_installed(name)]
        if not missing:
            shutil.copy(notebook, target)
            continue
        extra = _EXTRAS.get(missing[0])
        package = f"pkgwidgets[{extra}]" if extra else missing[0]
        left_out.append(f"{notebook.name} is left out. It needs `pip install '{package}'`.")
    return left_out


def find_notebooks() -> list[Path]:
    """Return the notebooks: in a checkout those beside the package, else those installed."""
    checkout = Path(__file__).parents[2] / "notebooks"
    if (checkout / FIRST).is_file():
        return sorted(checkout.glob("*.ipynb"))
    files = importlib.metadata.files("pkgwidgets") or ()
    installed = (Path(str(file.locate())) for file in files if file.suffix == ".ipynb")
    return sorted(path for path in installed if path.parts[-3:-1] == ("pkgwidgets", "notebooks"))


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
