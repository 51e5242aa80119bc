"""Rehearse notebooks whose truth is known, and compare the verdicts with the truth.

    python tests/rehearsal_truth/run.py [--only NAME] [--kind demo|real] [--index-url URL]

A row shows a sign for each cell:

| `=` | same                 | `x` | breaks     | `?` | could not be tried             |
| `~` | noise                | `c` | changes    | `!` | fails with another error then  |
| `+` | fixed                |

The exit code is 1 if a rehearsal passes a notebook that the upgrade breaks. With `--check-truth`
nothing is rehearsed. The notebooks run plainly before and after the upgrade, which shows whether
the truth is right.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import uv

sys.path.append(str(Path(__file__).parent.parent))

from rehearsal_truth import judgement, plain_runs
from rehearsal_truth.catalog import NOTEBOOKS
from rehearsal_truth.environments import Environments
from rehearsal_truth.truth import TruthNotebook


def main() -> int:
    """Run the notebooks, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", metavar="NAME", help="the notebooks whose names contain this")
    parser.add_argument("--kind", choices=["demo", "real"])
    parser.add_argument("--index-url", metavar="URL", help="the index of the real packages")
    parser.add_argument("--check-truth", action="store_true", help="run the notebooks plainly")
    arguments = parser.parse_args()
    notebooks = [
        notebook
        for notebook in NOTEBOOKS
        if arguments.kind in (None, notebook.kind) and (arguments.only or "") in notebook.name
    ]
    with tempfile.TemporaryDirectory(prefix="pkgwidgets-truth-") as name:
        folder = Path(name).resolve()
        isolate(folder)
        with Environments(folder, arguments.index_url) as environments:
            if arguments.check_truth:
                return plain_runs.check(notebooks, environments, folder)
            return rehearse_all(notebooks, environments, folder / "projects")


def isolate(folder: Path) -> None:
    """Ignore the machine's configuration; use an empty cache of index answers, and uv's own."""
    uv_cache = subprocess.check_output([uv.find_uv_bin(), "cache", "dir"], text=True).strip()
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        del os.environ[name]
    os.environ.update(PIP_CONFIG_FILE=os.devnull, UV_NO_CONFIG="1", UV_CACHE_DIR=uv_cache)
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")


def rehearse_all(
    notebooks: Sequence[TruthNotebook], environments: Environments, folder: Path
) -> int:
    """Rehearse the notebooks one by one; print each row as it is known, and the totals."""
    width = max((len(notebook.name) for notebook in notebooks), default=0)
    judgements = []
    print(judgement.head(width))
    for notebook in notebooks:
        judgements.append(rehearse(notebook, environments, folder))
        print(judgement.row(judgements[-1], width), flush=True)
    print(f"\n{judgement.totals(judgements)}")
    return int(any(judged.is_missed for judged in judgements))


def rehearse(
    notebook: TruthNotebook, environments: Environments, folder: Path
) -> judgement.Judgement:
    """Rehearse one notebook and judge the rehearsal."""
    service, plan = environments.service(notebook.environment), environments.plan(notebook)
    path = notebook.write(folder)
    started_at = perf_counter()
    rehearsal = service.values.rehearsal(plan, path, report=lambda event: None)
    return judgement.judge(notebook, rehearsal, perf_counter() - started_at)


if __name__ == "__main__":
    sys.exit(main())
