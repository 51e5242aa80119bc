"""The panel's table in a real JupyterLab and a real Chromium, against its goals and plain widgets.

    PYTHONPATH=tests python tests/benchmarks/panel.py [--runs 5] [--plain 500]

Times in the browser run from the first message of the cell to the frame that paints the rows.
They include reading the rows. The time of a click includes the way to the kernel and back. "Wire"
counts the bytes from the web sockets; a row's share is the cost of 5,000 rows less that of 0 rows.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from browser.panel_notebook import GARDEN, PANEL
from index_server import (
    make_environment,
    make_pages,
)
from jupyterlab_server import Lab, Notebook, chromium, serve_front_end
from playwright.sync_api import Browser, TimeoutError

PROJECTS = 388
PATIENCE = 90_000
ROWS = """
from dataclasses import replace
from datetime import UTC, datetime
import ipywidgets
from pkgwidgets.core.packages import VersionStep, PackageInfo, PackageStatus
from pkgwidgets.widgets.package_table import PackageTable

START = datetime(2026, 1, 1, tzinfo=UTC)
INFOS = [
    PackageInfo(
        name=f"project-{n}", version="1.26.4", latest_version="2.1.0", compatible_version="2.1.0",
        change=VersionStep.MAJOR, released=START, requested=n % 3 == 0, loaded_version="1.26.4",
        summary=f"Structure number {n} for data analysis, time series and much else",
    )
    for n in range(COUNT)
]
"""
TABLE = """
def on_message(message):
    name = message["names"][0]
    row = next(info for info in INFOS if info.name == name)
    table.patch([replace(row, status=PackageStatus.UPGRADING)])

table = PackageTable(on_message)
table.show(INFOS)
table
"""
PLAIN = """
def plain(info):
    texts = (info.name, info.version, info.latest_version, "", "3 weeks")
    button = ipywidgets.Button(description="Upgrade")
    return ipywidgets.HBox([*map(ipywidgets.Label, texts), button])

ipywidgets.VBox([plain(info) for info in INFOS])
"""
COUNT = "import json, ipywidgets; print(len(ipywidgets.widget._instances))"
WATCH = """() => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const seen = window.seen = { first: 0, output: 0, done: 0 };
  kernel.iopubMessage.connect((_, { header: { msg_type } }) => {
    if (msg_type === 'comm_open') seen.first ||= performance.now();
    if (['display_data', 'execute_result'].includes(msg_type)) seen.output ||= performance.now();
  });
}"""
PAINTED = """(enough) => {
  const count = document.querySelector('.jp-OutputArea .pkgw-count')?.textContent;
  const [ours, plain] = ['.pkgw-line', '.jp-OutputArea .widget-hbox'].map(
    (selector) => document.querySelectorAll(selector).length);
  const shown = count === `${enough} of ${enough}` && (!enough || ours);
  if (!window.seen.output || !(shown || (enough && plain >= enough))) return false;
  window.seen.done ||= performance.now();
  return window.seen;
}"""
CLICK = """async (place) => {
  const line = document.querySelectorAll('.pkgw-line')[place];
  const cell = line.querySelector('.pkgw-c-action');
  const begun = performance.now();
  const done = new Promise((resolve) => {
    new MutationObserver(() => line.textContent.includes('upgrading') && resolve())
      .observe(line, { childList: true, subtree: true });
  });
  cell.querySelector('button').click();
  await done;
  await new Promise(requestAnimationFrame);
  return performance.now() - begun;
}"""
TYPED = """() => {
  window.typed = [];
  document.querySelector('.pkgw input[type=search]').addEventListener('keydown', (event) => {
    requestAnimationFrame(() => {
      const after = new MessageChannel();
      after.port1.onmessage = () => window.typed.push(performance.now() - event.timeStamp);
      after.port2.postMessage(null);
    });
  }, true);
}"""
CREATED = """
import json
import ipywidgets
from statistics import median
from time import perf_counter
from time import perf_counter, sleep, thread_time
from pkgwidgets import PackagePanel, PackageService

service = PackageService(%r)

def seconds(make):
    sleep(1)  # the browser is still busy with the one before
    begun, used = perf_counter(), thread_time()
    make()
    return perf_counter() - begun, thread_time() - used

listing = lambda: service.values.packages(report=lambda event: None)  # as the panel does
listing()
makers = (lambda: PackagePanel(service), listing)
panels, lists = ([seconds(make) for _ in range(%d)] for make in makers)
usual = [median(one) - median(other) for one, other in zip(zip(*panels), zip(*lists))]
known = len(ipywidgets.widget._instances)
shown = PackagePanel(service)
models = len(ipywidgets.widget._instances) - known
print(json.dumps([panels[0][0] - lists[0][0], *usual, len(shown.table.rows), models]))
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """One table, shown: seconds until it was painted, bytes on the wire, widget models."""

    from_first: float
    from_output: float
    wire: int
    models: int


def main() -> None:
    """Measure, and print the results with their aims."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--plain", type=int, default=500, help="rows of plain widgets; 0: none")
    arguments = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="pkgwidgets-bench-") as name:
        folder = Path(name)
        pages = make_pages(folder / "pages", PROJECTS)
        python = make_environment(folder / "env", None, pages)
        with serve_front_end(folder / "lab") as lab, chromium() as browser:
            compare(browser, lab, arguments.runs)
            measure_answers(browser, lab, arguments.runs)
            measure_creation(browser, lab, python, arguments.runs)
            measure_refresh(browser, lab, arguments.runs)
            if arguments.plain:
                compare_plain(browser, lab, arguments.plain)


def compare(browser: Browser, lab: Lab, runs: int) -> None:
    """Print the cost of showing many rows."""
    none, few, many = (
        [show(browser, lab, rows, TABLE) for _ in range(runs)] for rows in (0, 500, 5000)
    )
    print(f"{runs} runs, medians (worst)                     measured           aim")
    for rows, shown, aim in ((500, few, 0.5), (5000, many, 1.0)):
        line(f"{rows} rows, from the output to paint, s", [s.from_output for s in shown], aim)
        line(f"{rows} rows, from the first message, s", [s.from_first for s in shown], aim)
    base = median(s.wire for s in none)
    line("bytes on the wire per row, of 5,000", [(s.wire - base) / 5000 for s in many], 300)
    print(f"{'the same for a table without rows, bytes':42}{base:10.0f}")
    models = [sorted({s.models for s in tables}) for tables in (none, few, many)]
    print(f"{'widget models for 0, 500, 5,000 rows':42}{models!s:>18}   constant")


def compare_plain(browser: Browser, lab: Lab, rows: int) -> None:
    """Print the cost of as many rows of plain widgets; some never appear (dropped messages)."""
    try:
        other = show(browser, lab, rows, PLAIN)
    except TimeoutError:
        print(f"plain widgets, {rows} rows: not painted within {PATIENCE / 1000:.0f} s")
        return
    print(f"plain widgets, {rows} rows: {other.from_output:.2f} s from the output,")
    print(f"  {other.from_first:.2f} s from the first message, {other.models} models,")
    print(f"  {other.wire / rows:.0f} bytes per row")


def show(browser: Browser, lab: Lab, rows: int, source: str) -> Shown:
    """Show `rows` rows in a new notebook."""
    notebook = open_notebook(browser, lab, ROWS.replace("COUNT", str(rows)), source)
    notebook.run(0, wait=True)
    models = notebook.ask(COUNT)
    notebook.page.evaluate(WATCH)
    before = notebook.received
    notebook.run(1)
    seen: dict[str, float] = notebook.page.wait_for_function(
        PAINTED, arg=rows, polling="raf", timeout=PATIENCE
    ).json_value()
    notebook.wait_until_idle()
    shown = Shown(
        from_first=(seen["done"] - seen["first"]) / 1000,
        from_output=(seen["done"] - seen["output"]) / 1000,
        wire=notebook.received - before,
        models=notebook.ask(COUNT) - models,
    )
    notebook.close()
    return shown


def open_notebook(browser: Browser, lab: Lab, *cells: str) -> Notebook:
    """Open a new notebook of these cells."""
    name = lab.write_new(*cells)
    return Notebook(browser, lab.address_of(name), name)


def measure_answers(browser: Browser, lab: Lab, runs: int) -> None:
    """Print how long a click and a key take at 5,000 rows."""
    notebook = open_notebook(browser, lab, ROWS.replace("COUNT", "5000"), TABLE)
    notebook.run(0, wait=True)
    notebook.run(1).locator(".pkgw-line").first.wait_for()
    page = notebook.page
    clicks = [page.evaluate(CLICK, place) for place in range(max(5, runs))]
    line("click to kernel to patched row, ms", clicks, 100)
    page.evaluate(TYPED)
    field = page.locator(".pkgw input[type=search]")
    field.focus()
    for key in [*"structure 49", *["Backspace"] * 12]:
        page.keyboard.press(key)
        page.wait_for_timeout(60)
    typed: list[float] = page.evaluate("() => window.typed")
    assert len(typed) == 24, typed
    line("key in the filter to paint, ms", typed, 50)
    notebook.close()


def measure_creation(browser: Browser, lab: Lab, python: Path, runs: int) -> None:
    """Print the cost of a panel in the kernel, beyond the listing."""
    notebook = open_notebook(browser, lab, "1")
    answer: Any = notebook.ask(CREATED % (str(python), max(5, runs)))
    first, usual, used, rows, models = answer
    line(f"creating the panel, {rows} packages, ms", [usual * 1000], 50)
    line("  of that, its thread's time", [used * 1000], 50)
    line("  the first one", [first * 1000], 50)
    print(f"{'  its widget models':42}{models:10}")
    notebook.close()


def measure_refresh(browser: Browser, lab: Lab, runs: int) -> None:
    """Print how long the panel takes to show a change made in a terminal."""
    notebook = open_notebook(browser, lab, GARDEN, PANEL)
    notebook.run(0, wait=True)
    row = notebook.run(1).locator("tr[data-id=seedshelf]")
    notebook.page.get_by_text("checked a moment ago").wait_for()
    python, index = notebook.ask(
        "import json; print(json.dumps([str(garden.python), garden.index_url]))"
    )
    seconds = []
    for number in range(max(5, runs)):
        version = ("1.4.2", "1.4.1")[number % 2]
        uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python]
        subprocess.run([*uv, "--index-url", index, f"seedshelf=={version}"], check=True)
        started_at = perf_counter()
        row.locator(".pkgw-c-version").get_by_text(version, exact=True).wait_for()
        seconds.append(perf_counter() - started_at)
    line("from a terminal's change to the row, s", seconds, 2)
    notebook.close()


def line(what: str, figures: list[float], aim: float) -> None:
    """Print one figure with its aim."""
    small = 2 if aim <= 2 else 0
    middle, worst = f"{median(figures):.{small}f}", f"({max(figures):.{small}f})"
    missed = "" if median(figures) <= aim else "   MISSED"
    print(f"{what:42}{middle:>10}{worst:>8}   {aim:g}{missed}", flush=True)


if __name__ == "__main__":
    main()
