"""Rehearsals with real kernels: noise, progress bars, pictures and widgets."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest
from scratch_notebooks import write

from pkgwidgets import PackageService
from pkgwidgets.core.errors import NotebookUntried

pytestmark = pytest.mark.slow

SETUP = f"""
import datetime, logging, random, sys, time, uuid
sys.path.append({sysconfig.get_path("purelib")!r})  # ipywidgets and Pillow
import ipywidgets, PIL.Image
from IPython.display import HTML, display
import frostcall, seedshelf
"""
RAISES = "frostcall.frost_tonight(1)"
"""It is gone in frostcall 2.0."""
CHANGES = "seedshelf.sow('carrot')"
"""seedshelf 1.4.2 corrects a number."""
STABLE = "seedshelf.sow('bean')"
OTHER = "different output"
NOISE = {
    "clock": "print(datetime.datetime.now())",
    "bar": "sys.stderr.write(f'100%|#| 3/3 [00:00<00:00, {time.perf_counter_ns()}it/s]\\n')",
    "table": "display(HTML(f'<i id=T_{uuid.uuid4().hex[:5]}>'))",
    "logging": "logging.basicConfig(format='%(asctime)s %(message)s', force=True)\n"
    "logging.warning('at %s', random.random())",
    "set": "print({str(n) for n in range(20)})",
}
WIDGETS = """
out = ipywidgets.Output()
with out:
    print({0})
display(ipywidgets.VBox([ipywidgets.IntSlider(value=3), out]))
"""
PICTURE = """
picture = PIL.Image.new("L", (200, 100), 255)
picture.paste(0, (0, 0, len({0}), 100))
display(picture)
"""


def test_noise_hides_neither_an_error_nor_a_result(service: PackageService, tmp_path: Path) -> None:
    cells, expected = [SETUP], ["same"]
    for name, noise in NOISE.items():
        calm = "same" if name in ("bar", "table", "set") else "not reproducible"
        for code, verdict in (
            (STABLE, calm),
            (RAISES, "would fail"),
            (CHANGES, "different output"),
        ):
            cells.append(f"{noise}\n{code}")
            expected.append(verdict)
    for shown in (WIDGETS, PICTURE):
        cells += [shown.format(STABLE), shown.format(CHANGES)]
        expected += ["same", OTHER]
    notebook = write(tmp_path / "a.ipynb", *cells)
    plan = service.plan_upgrade(["frostcall", "seedshelf"])
    frame = service.rehearse(plan, notebook)
    assert frame.verdict.tolist() == expected


def test_notebook_that_fails_already_is_upgraded_only_if_that_is_allowed(
    service: PackageService, tmp_path: Path
) -> None:
    notebook = write(tmp_path / "a.ipynb", "open('rows.csv')", "1")
    with pytest.raises(NotebookUntried, match=r"cell 1 of a\.ipynb \(FileNotFoundError"):
        service.upgrade_all_packages(notebooks=notebook)
    assert service.history().empty
    plan = service.plan_upgrade(notebooks=notebook, allow_untried=True)
    assert any("Cell 1 of a.ipynb fails with the current versions, too" in n for n in plan.notes)
    assert plan.changes
