"""From the click on *Packages* in JupyterLab's toolbar to the rows, against an empty cell.

    PYTHONPATH=tests python tests/benchmarks/entry.py [--runs 5]

The kernel runs in an environment of 388 packages. An empty cell's time is that from running it to
its output in the same page: what any message to the kernel takes there.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

from browser.garden_kernel import write_garden_notebook
from index_server import make_environment, make_pages, serve_pages
from jupyterlab_server import Lab, Notebook, chromium, serve_front_end
from panel import line
from playwright.sync_api import Browser

PROJECTS = 388
PATIENCE = 90_000
CLICKED = """() => {
  const bar = document.querySelector(".jp-NotebookPanel-toolbar");
  const opener = bar.querySelector("[data-command='pkgwidgets:open']");
  window.begun = performance.now();
  opener.click();
}"""
SHOWN = """(count) => {
  const shown = [...document.querySelectorAll('.pkgw-side-place .pkgw-count')];
  if (!shown.some(({ textContent }) => textContent === `${count} of ${count}`)) return false;
  return performance.now() - window.begun;
}"""
RAN = """() => {
  window.begun = performance.now();
  window.jupyterapp.shell.currentWidget.content.activeCellIndex = 0;
  window.jupyterapp.commands.execute('notebook:run-cell');
}"""
PUT_OUT = """() => document.querySelector('.jp-Notebook .jp-OutputArea-output')
  ? performance.now() - window.begun : false"""


def main() -> None:
    """Measure both ways, and print the results with their aims."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="pkgwidgets-bench-") as name:
        folder = Path(name)
        pages = make_pages(folder / "pages", PROJECTS)
        python = make_environment(folder / "env", None, pages)
        with serve_pages(pages) as url, serve_front_end(folder / "lab") as lab:
            place = SimpleNamespace(python=python, index_url=url)
            with chromium() as browser:
                measure(browser, lab, place, runs, in_kernel=True, aim=1.0)
                measure(browser, lab, place, runs, in_kernel=False, aim=0.7)


def measure(
    browser: Browser, lab: Lab, place: Any, runs: int, *, in_kernel: bool, aim: float
) -> None:
    """Print what the first rows take beyond an empty cell."""
    way = "in the kernel" if in_kernel else "over REST"
    rows, cells = list[float](), list[float]()
    for number in range(runs):
        name = f"{way.replace(' ', '-')}-{number}.ipynb"
        write_garden_notebook(lab, place, name, "1", has_pkgwidgets=in_kernel)
        notebook = Notebook(browser, lab.address_of(name), name)
        cells.append(_seconds(notebook, RAN, PUT_OUT, None))
        rows.append(_seconds(notebook, CLICKED, SHOWN, PROJECTS))
        notebook.close()
        lab.end_kernels()
    difference = [shown - cell for shown, cell in zip(rows, cells, strict=True)]
    line(f"{way}: rows beyond an empty cell, s", difference, aim)
    print(f"{'  from the click to the rows, s':42}{median(rows):10.2f}")
    print(f"{'  an empty cell, s':42}{median(cells):10.2f}")
    ratios = [shown / cell for shown, cell in zip(rows, cells, strict=True)]
    print(f"{'  rows / an empty cell':42}{median(ratios):10.1f}", flush=True)


def _seconds(notebook: Notebook, begin: str, ended: str, argument: object) -> float:
    notebook.page.evaluate(begin)
    found: Callable[[], float] = notebook.page.wait_for_function(
        ended, arg=argument, polling="raf", timeout=PATIENCE
    ).json_value
    return found() / 1000


if __name__ == "__main__":
    main()
