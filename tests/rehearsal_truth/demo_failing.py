"""Cells that fail without the upgrade, too, and cells with markers."""

from __future__ import annotations

from rehearsal_truth.truth import (
    TruthNotebook,
    breaks,
    fails_differently,
    fixed,
    noise,
    same,
    untried,
)

NOTEBOOKS = (
    TruthNotebook(
        name="missing-file-and-error",
        upgrade=("frostcall",),
        cells=(
            same("import frostcall"),
            untried("text = open('nowhere.csv').read()"),
            untried("print(len(text), frostcall.frost_tonight(1))"),
            breaks("frostcall.frost_tonight(3)"),
        ),
    ),
    TruthNotebook(
        name="own-mistakes",
        upgrade=("seedshelf",),
        cells=(
            untried("1 / 0"),
            untried("import datetime\nraise ValueError(f'at {datetime.datetime.now()}')"),
            same("import seedshelf\nseedshelf.sow('bean')"),
        ),
    ),
    TruthNotebook(
        name="one-error-then-another",
        upgrade=("frostcall",),
        cells=(
            same("import frostcall"),
            fails_differently("frostcall.frost_tonight(1)\nopen('nowhere.csv')"),
            same("'after it'"),
        ),
    ),
    TruthNotebook(
        name="fixed-by-the-upgrade",
        upgrade=("raintable",),
        version="2.4.0",
        cells=(
            same("import raintable\nrain = raintable.RainTable(mon=3, tue=1)"),
            fixed("rain.wettest()"),
            same("rain.total()"),
        ),
    ),
    TruthNotebook(
        name="needs-the-network",
        upgrade=("soilbook",),
        cells=(
            same("import soilbook, urllib.request"),
            untried("page = urllib.request.urlopen('http://garden.invalid/').read()"),
            untried("len(page)"),
            same("soilbook.acidity('north')"),
        ),
    ),
    TruthNotebook(
        name="marked-cells",
        upgrade=("soilbook",),
        cells=(
            same("import soilbook\nint('a bed')", "raises-exception"),
            noise("soilbook.yield_kg('north')", "nbval-ignore-output"),
            noise("# NBVAL_IGNORE_OUTPUT\nsoilbook.yield_kg('north')"),
            breaks("# NBVAL_IGNORE_OUTPUT\nsoilbook.mulch('north')"),
            same("soilbook.mulch('north')", "nbval-skip"),
        ),
    ),
)
