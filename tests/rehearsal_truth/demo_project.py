"""Notebooks that use what lies around them in their project."""

from __future__ import annotations

from rehearsal_truth.truth import TruthNotebook, breaks, changes, same

_DATA = {"pyproject.toml": "[project]\nname = 'plot'\n", "data/rows.csv": "celsius\n1\n"}

NOTEBOOKS = (
    TruthNotebook(
        name="data-above",
        upgrade=("frostcall",),
        folder="notebooks",
        files=_DATA,
        cells=(
            same("rows = open('../data/rows.csv').read().split()\nrows"),
            same("""
                from pathlib import Path
                root = Path.cwd().parent if Path.cwd().name == "notebooks" else Path.cwd()
                (root / "data" / "rows.csv").read_text()
                """),
            breaks("import frostcall\n[frostcall.frost_tonight(int(row)) for row in rows[1:]]"),
        ),
    ),
    TruthNotebook(
        name="module-above",
        upgrade=("frostcall",),
        folder="notebooks",
        files={
            **_DATA,
            "src/helper.py": "import frostcall\n\ndef cold():\n"
            "    return frostcall.frost_tonight(1)\n",
        },
        cells=(
            same("import sys\nsys.path.insert(0, '..')\nfrom src.helper import cold"),
            breaks("cold()"),
        ),
    ),
    TruthNotebook(
        name="module-next-to-it",
        upgrade=("seedshelf",),
        files={
            "helper.py": "import datetime\nimport seedshelf\n\ndef carrot():\n"
            "    print(datetime.datetime.now())\n    print(seedshelf.sow('carrot'))\n"
        },
        cells=(
            same("import helper"),
            changes("helper.carrot()"),
        ),
    ),
    TruthNotebook(
        name="writes-its-folder",
        upgrade=("soilbook",),
        folder="notebooks",
        files={**_DATA, "notebooks/runs.txt": ""},
        cells=(
            same("""
                from pathlib import Path
                runs = Path("runs.txt")
                runs.write_text(runs.read_text() + "x")
                runs.read_text()
                """),
            same("import os\nos.chdir('..')\nPath('data/rows.csv').read_text()"),
            same("import soilbook\nsoilbook.acidity('south')"),
        ),
    ),
)
