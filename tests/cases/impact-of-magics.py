"""The impact names cells whose code magics or `%run` run, or that import a file next to them."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from pkgwidgets import PackageService, demo

USE = "import frostcall\nfrostcall.frost_tonight(1)"
CELLS = {
    "plain": USE,
    "%%time": f"%%time\n{USE}",
    "%%time, a magic inside": f"%%time\n%matplotlib inline\n{USE}",
    "%%capture, a shell line inside": f"%%capture\n!ls\n{USE}",
    "%%capture over %%time": f"%%capture\n%%time\n{USE}",
    "%timeit -n 10": "import frostcall\n%timeit -n 10 frostcall.frost_tonight(1)",
    "%prun -l 5": "import frostcall\n%prun -l 5 frostcall.frost_tonight(1)",
    "%%memit": f"%%memit\n{USE}",
    "%run": "%run helper.py",
    "module next to it": "import helper",
}


def main() -> int:
    """Print what is found in each cell; return 1 if one that breaks is left out."""
    silent = 0
    with tempfile.TemporaryDirectory() as place, demo.start(Path(place, "env")) as garden:
        Path(place, "helper.py").write_text(f"{USE}\n")
        service = PackageService(python=garden.python, index_url=garden.index_url)
        plan = service.plan_upgrade("frostcall")
        for name, source in CELLS.items():
            file = Path(place, "a.ipynb")
            cell = {"cell_type": "code", "source": source}
            file.write_text(json.dumps({"nbformat": 4, "cells": [cell]}))
            found = [row.severity.value for row in service.values.impact(plan, file)]
            silent += "breaks" not in found
            print(f"{name:32} {found}")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
