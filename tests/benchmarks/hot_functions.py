"""What takes the processor's time: the functions of one run, by their own processor seconds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from measure import run_for_output

_PROFILED = """
import cProfile, json, pstats, sys, time
path, code, sys.argv[1:] = sys.argv[1], sys.argv[2], sys.argv[3:]
profile = cProfile.Profile(time.process_time)
try:
    profile.runctx(compile(code, "run", "exec"), {"__name__": "__main__"}, None)
except SystemExit:
    pass
rows = []
for (file, line, name), (_, calls, own, whole, _) in pstats.Stats(profile).stats.items():
    where = "/".join(file.rsplit("/", 3)[-2:])
    rows.append([own, whole, calls, f"{name} ({where}:{line})" if line else name])
open(path, "w").write(json.dumps(sorted(rows, reverse=True)[:int(1e4)]))
"""


def hot_functions(
    python: Path,
    code: str,
    scratch: Path,
    arguments: Sequence[str] = (),
    *,
    env: Mapping[str, str] | None = None,
    count: int = 10,
) -> str:
    """Run code under a profiler in a process of its own; return its top functions, one a line.

    The seconds are those of the processor; the profiler itself makes calls cost about twice.
    """
    found = scratch / "profile.json"
    run_for_output([python, "-c", _PROFILED, found, code, *arguments], env)
    rows = json.loads(found.read_text("utf-8"))
    whole = sum(row[0] for row in rows)
    lines = [f"  {own:8.4f} s  {calls:7} calls  {name}" for own, _, calls, name in rows[:count]]
    return "\n".join([f"  {whole:8.4f} s  in all, the profiler included", *lines])
