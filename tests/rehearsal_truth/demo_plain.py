"""Changes without any noise, and upgrades that change nothing."""

from __future__ import annotations

from rehearsal_truth.truth import TruthNotebook, breaks, changes, noise, same

NOTEBOOKS = (
    TruthNotebook(
        name="removed-function",
        upgrade=("frostcall",),
        cells=(
            same("import frostcall"),
            breaks("cold = frostcall.frost_tonight(1)"),
            breaks("print('bring them in' if cold else 'leave them out')"),
            same("sum(range(5))"),
        ),
    ),
    TruthNotebook(
        name="changed-number",
        upgrade=("seedshelf",),
        cells=(
            same("import seedshelf\nseedshelf.sow('bean')"),
            changes("print(seedshelf.sow('carrot'))"),
            changes("days = int(seedshelf.sow('carrot').split()[-2])\ndays > 365"),
        ),
    ),
    TruthNotebook(
        name="import-fails",
        upgrade=("harvestscale",),
        cells=(
            breaks("from harvestscale import weigh"),
            breaks("weigh(200, 300)"),
            same("'no scale here'"),
        ),
    ),
    TruthNotebook(
        name="renamed-method",
        upgrade=("raintable",),
        version="3.1.0",
        cells=(
            same("import allotboard, raintable\nrain = raintable.RainTable(mon=3, tue=1)\nrain"),
            breaks("rain.total()"),
            same("print(allotboard.board(mon=3, tue=1))"),
        ),
    ),
    TruthNotebook(
        name="nothing-changes",
        upgrade=("seedshelf",),
        cells=(
            same("import seedshelf\n[seedshelf.sow(seed) for seed in ('bean', 'pumpkin')]"),
            noise("print('made with seedshelf', seedshelf.__version__)"),
            same("{seed: len(seedshelf.sow(seed)) for seed in ('bean', 'pumpkin')}"),
        ),
    ),
    TruthNotebook(
        name="dependency-changes-a-text",
        upgrade=("bedplanner",),
        cells=(
            same("import sundrift\nsundrift.hours(6)"),
            changes("import bedplanner\nbedplanner.plan(4)"),
        ),
    ),
    TruthNotebook(
        name="output-is-lost",
        upgrade=("soilbook",),
        cells=(
            same("import soilbook\nsoilbook.acidity('north')"),
            changes("soilbook.report('north')"),
        ),
    ),
    TruthNotebook(
        name="caught-error",
        upgrade=("frostcall",),
        cells=(
            changes("""
                import frostcall
                try:
                    print("frost:", frostcall.frost_tonight(1))
                except AttributeError:
                    print("frost: unknown")
                """),
            same("1 + 1"),
        ),
    ),
)
