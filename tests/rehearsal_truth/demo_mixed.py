"""Noise and a real change in the same cell; each notebook has one such cell."""

from __future__ import annotations

from rehearsal_truth.truth import TruthNotebook, breaks, changes, noise, same

NOTEBOOKS = (
    TruthNotebook(
        name="clock-and-error",
        upgrade=("frostcall",),
        cells=(
            same("import datetime, frostcall"),
            breaks("print(datetime.datetime.now())\nfrostcall.frost_tonight(1)"),
        ),
    ),
    TruthNotebook(
        name="clock-and-number",
        upgrade=("seedshelf",),
        cells=(
            same("import datetime, seedshelf"),
            changes("print(datetime.datetime.now())\nprint(seedshelf.sow('carrot'))"),
            noise("print(datetime.datetime.now())\nprint(seedshelf.sow('bean'))"),
        ),
    ),
    TruthNotebook(
        name="bar-and-error",
        upgrade=("slowbar",),
        cells=(
            noise("import slowbar\nfor bed in slowbar.track(range(9)):\n    pass"),
            breaks("""
                for bed in slowbar.track(range(9)):
                    pass
                for bed in slowbar.track(range(9), desc="beds"):
                    pass
                """),
        ),
    ),
    TruthNotebook(
        name="bar-and-number",
        upgrade=("soilbook",),
        cells=(
            same("import slowbar, soilbook"),
            changes("sum(soilbook.yield_kg('north') for _ in slowbar.track(range(4)))"),
            noise("sum(soilbook.yield_kg('south') for _ in slowbar.track(range(4)))"),
        ),
    ),
    TruthNotebook(
        name="table-id-and-number",
        upgrade=("gardenview",),
        version="2.0.0",
        cells=(changes("import gardenview\ngardenview.Table(north=3, south=5)"),),
    ),
    TruthNotebook(
        name="chart-id-and-number",
        upgrade=("gardenview",),
        version="2.0.0",
        cells=(
            same("import gardenview"),
            changes("gardenview.Chart(north=3, south=5)"),
            changes("gardenview.Figure(north=3, south=5)"),
        ),
    ),
    TruthNotebook(
        name="other-picture",
        upgrade=("gardenview",),
        version="2.0.0",
        cells=(
            same("import gardenview"),
            changes("gardenview.Picture(north=3, south=5)"),
        ),
    ),
    TruthNotebook(
        name="random-and-error",
        upgrade=("soilbook",),
        cells=(
            noise("import random, soilbook\nrandom.random()"),
            breaks("print(random.random())\nsoilbook.mulch('north')"),
        ),
    ),
    TruthNotebook(
        name="timing-and-number",
        upgrade=("soilbook",),
        cells=(
            same("import soilbook"),
            changes("%%time\nsoilbook.yield_kg('north')"),
            noise("%%time\nsoilbook.yield_kg('south')"),
        ),
    ),
    TruthNotebook(
        name="log-and-message",
        upgrade=("soilbook",),
        cells=(
            same("""
                import logging, soilbook
                logging.basicConfig(format="%(asctime)s %(name)s %(message)s")
                """),
            changes("soilbook.log_round()"),
            noise("logging.warning('nothing else')"),
        ),
    ),
    TruthNotebook(
        name="late-thread-and-error",
        upgrade=("frostcall",),
        cells=(
            same("""
                import random, threading, time, frostcall

                def work():
                    for step in range(5):
                        time.sleep(random.uniform(0, 0.05))
                        print("step", step)
                """),
            breaks("""
                threading.Thread(target=work).start()
                time.sleep(0.1)
                frostcall.frost_tonight(1)
                """),
        ),
    ),
    TruthNotebook(
        name="async-and-error",
        upgrade=("soilbook",),
        cells=(
            same("""
                import asyncio, random, soilbook

                async def drip(bed):
                    await asyncio.sleep(random.uniform(0, 0.05))
                    print("watered", bed)
                """),
            breaks("""
                await asyncio.gather(*map(drip, range(6)))
                await soilbook.drain("north")
                """),
        ),
    ),
    TruthNotebook(
        name="cleared-and-number",
        upgrade=("soilbook",),
        cells=(
            same("import time, soilbook\nfrom IPython.display import clear_output"),
            changes("""
                for step in range(4):
                    clear_output(wait=True)
                    print(f"{time.perf_counter()}: step {step}")
                    print(soilbook.yield_kg("north"))
                """),
        ),
    ),
    TruthNotebook(
        name="set-and-member",
        upgrade=("soilbook",),
        cells=(
            same("import soilbook\nlen(soilbook.crops())"),
            changes("print(soilbook.crops())"),
        ),
    ),
    TruthNotebook(
        name="shell-and-error",
        upgrade=("frostcall",),
        cells=(
            same("import os, sys\nos.environ['PYTHON'] = sys.executable"),
            breaks("""
                %%bash
                date +%N
                "$PYTHON" -c "import frostcall; print(frostcall.frost_tonight(1))"
                """),
        ),
    ),
)
