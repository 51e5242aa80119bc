"""Rehearse a notebook that needs its project around it, with an upgrade that breaks one cell."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from scratch_notebooks import write

from pkgwidgets import PackageService, demo

CELLS = (
    "open('../data/rows.csv').read()",
    "import sys; sys.path.insert(0, '..')\nfrom src.helper import cold\ncold()",
    "from pathlib import Path\n"
    "root = Path.cwd().parent if Path.cwd().name == 'notebooks' else Path.cwd()\n"
    "(root / 'data' / 'rows.csv').read_text()",
)
EXPECTED = ["same", "would fail", "same"]


def make_project(project: Path) -> Path:
    """Make a project without a mark, and return its notebook."""
    for folder in ("data", "src"):
        (project / folder).mkdir(parents=True)
    (project / "data" / "rows.csv").write_text("x\n1\n")
    helper = "import frostcall\ndef cold(): return frostcall.frost_tonight(1)\n"
    (project / "src" / "helper.py").write_text(helper)
    return write(project / "notebooks" / "report.ipynb", *CELLS)


def find_fault(place: Path, garden: demo.Demo) -> object:
    """Return what differs from the right answers; a false value if nothing does."""
    service = PackageService(garden.python, index_url=garden.index_url)
    notebook = make_project(place / "project")
    plan = service.plan_upgrade("frostcall")
    given = service.values.rehearsal(plan, notebook, root=place / "project")
    (place / "project" / "pyproject.toml").touch()
    found = service.values.rehearsal(plan, notebook)
    for rehearsal in (given, found):
        verdicts = [str(cell.verdict) for cell in rehearsal.cells]
        if verdicts != EXPECTED or any(cell.before.error for cell in rehearsal.cells):
            return [(cell.verdict, cell.before.error) for cell in rehearsal.cells]
    frame = service.upgrade_all_packages(notebooks=[notebook])
    kept = frame.loc["frostcall", "kind"], service.get_package("frostcall").version
    return kept != ("held back", "1.9.3") and kept


if __name__ == "__main__":
    with TemporaryDirectory() as folder, demo.start(Path(folder, "env")) as garden:
        fault = find_fault(Path(folder), garden)
    print(fault or "no fault")
    sys.exit(1 if fault else 0)
