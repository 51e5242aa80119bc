"""Outputs that differ from run to run, or only in details; the upgrade changes nothing."""

from __future__ import annotations

from rehearsal_truth.truth import TruthNotebook, noise, same

NOTEBOOKS = (
    TruthNotebook(
        name="clocks-and-ids",
        upgrade=("frostcall",),
        cells=(
            noise("import datetime\nprint('run at', datetime.datetime.now())"),
            noise("import time\ntime.time()"),
            noise("import uuid\nstr(uuid.uuid4()), uuid.uuid4().hex"),
            noise("object(), lambda: 1"),
            noise("import os, tempfile\nprint(os.getpid(), tempfile.mkdtemp())"),
            same("datetime.date(2026, 3, 1).isoformat()"),
        ),
    ),
    TruthNotebook(
        name="random-numbers",
        upgrade=("soilbook",),
        cells=(
            same("import random, soilbook"),
            noise("[round(random.random(), 3) for _ in range(5)]"),
            noise("random.choice(range(10_000)) * soilbook.acidity('south')"),
            same("random.Random(7).sample(range(100), 4)"),
        ),
    ),
    TruthNotebook(
        name="timing-magics",
        upgrade=("soilbook",),
        cells=(
            noise("%%time\nsum(range(200_000))"),
            noise("%timeit -n 5 -r 2 sum(range(999))"),
            noise("%time sum(range(300))"),
            noise("import time\nstart = time.perf_counter()\nf'{time.perf_counter() - start} s'"),
        ),
    ),
    TruthNotebook(
        name="log-lines",
        upgrade=("frostcall",),
        cells=(
            same("""
                import logging, sys
                log = logging.getLogger("beds")
                form = "%(asctime)s %(process)d %(levelname)s %(message)s"
                logging.basicConfig(stream=sys.stdout, level=logging.INFO, format=form)
                """),
            noise("log.info('three beds watered')\nlog.warning('one bed is dry')"),
            noise("""
                handler = logging.StreamHandler()
                handler.setFormatter(logging.Formatter("[%(relativeCreated)d ms] %(message)s"))
                log.addHandler(handler)
                log.info("done")
                """),
        ),
    ),
    TruthNotebook(
        name="text-bar",
        upgrade=("slowbar",),
        cells=(
            noise("import slowbar\nfor bed in slowbar.track(range(20)):\n    pass"),
            noise("""
                import sys, time
                for done in range(1, 6):
                    sys.stdout.write(f"\\r{done}/5 beds, {time.perf_counter():.3f} s")
                print()
                """),
            same("import sys\nfor done in range(6):\n    sys.stdout.write(f'\\r{done}/5 beds')"),
        ),
    ),
    TruthNotebook(
        name="display-updates",
        upgrade=("soilbook",),
        cells=(
            noise("""
                import time
                shown = display("start", display_id=True)
                for _ in range(3):
                    shown.update(f"{time.time()} s")
                """),
            same("""
                shown = display("start", display_id=True)
                for step in range(4):
                    shown.update(f"step {step}")
                """),
            noise("""
                from IPython.display import clear_output
                for step in range(4):
                    clear_output(wait=True)
                    print("step", step, "at", time.perf_counter())
                """),
            same("""
                for step in range(4):
                    clear_output(wait=True)
                    print("step", step)
                """),
        ),
    ),
    TruthNotebook(
        name="late-threads",
        upgrade=("frostcall",),
        cells=(
            same("import random, threading, time"),
            noise("""
                def work(name):
                    for step in range(3):
                        time.sleep(random.uniform(0, 0.05))
                        print(name, step)

                threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                """),
            noise("""
                def ring(bed):
                    time.sleep(random.uniform(0, 0.1))
                    print("late", bed)

                for bed in range(8):
                    threading.Thread(target=ring, args=(bed,)).start()
                time.sleep(0.05)
                print("early")
                """),
            same("2 + 2"),
        ),
    ),
    TruthNotebook(
        name="async-tasks",
        upgrade=("soilbook",),
        cells=(
            same("import asyncio, random, soilbook\nawait soilbook.water('north')"),
            noise("""
                async def drip(bed):
                    await asyncio.sleep(random.uniform(0, 0.05))
                    print("watered", bed)

                for done in asyncio.as_completed([drip(bed) for bed in range(6)]):
                    await done
                """),
            noise("task = asyncio.create_task(drip(9))\ntask"),
            same("await task"),
        ),
    ),
    TruthNotebook(
        name="shell-cells",
        upgrade=("frostcall",),
        cells=(
            noise("%%bash\ndate +%s%N\necho $$"),
            same("%%bash\necho $((6 * 7))"),
            noise("!date +%N"),
            same("!printf 'beds\\n'"),
        ),
    ),
    TruthNotebook(
        name="order-of-sets",
        upgrade=("soilbook",),
        cells=(
            noise("print({'bean', 'carrot', 'leek', 'onion', 'pea', 'radish', 'turnip', 'chard'})"),
            noise("hash('bean')"),
            same("sorted({'bean', 'carrot', 'leek'})"),
        ),
    ),
    TruthNotebook(
        name="ids-in-tables",
        upgrade=("gardenview",),
        version="1.1.0",
        cells=(
            noise("import gardenview\ngardenview.Table(north=3, south=5)"),
            noise("""
                import uuid
                from IPython.display import HTML
                HTML(f"<table id='{uuid.uuid4().hex}'><tr><td>3</td></tr></table>")
                """),
            same("HTML('<table><tr><td>3</td></tr></table>')"),
        ),
    ),
    TruthNotebook(
        name="ids-in-charts",
        upgrade=("gardenview",),
        version="1.1.0",
        cells=(
            noise("import gardenview\ngardenview.Chart(north=3, south=5)"),
            noise("gardenview.Figure(north=3, south=5)"),
        ),
    ),
    TruthNotebook(
        name="same-picture",
        upgrade=("gardenview",),
        version="1.1.0",
        cells=(
            noise("import gardenview\ngardenview.Picture(north=3, south=5)"),
            noise("for _ in range(2):\n    display(gardenview.Picture(north=9, south=1))"),
        ),
    ),
)
