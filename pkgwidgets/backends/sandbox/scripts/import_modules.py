"""Import the modules of the task one by one, and report each result.

It reports a step before and after each import, so a crash or a hang names its module.
"""

from __future__ import annotations

import importlib
import os
import time

from .report import arm_watchdog, format_error, report_step, task
from .surroundings import find_missing_surroundings
from .watch_replaced import find_mapped, read_watched

clock, started = time.monotonic, time.monotonic()
for number, module in enumerate(task["modules"]):
    seconds = task["timeout_seconds"]
    if number >= task["required_count"]:
        seconds = min(seconds, task["optional_seconds"] - (clock() - started))
        if seconds <= 0:
            report_step("untried", module)
            continue
    report_step("trying", module)
    arm_watchdog(seconds=seconds)
    try:
        importlib.import_module(module)
    except BaseException as error:
        missing = find_missing_surroundings(error)
        if missing:
            report_step("needs", module, missing)
        else:
            report_step("failed", module, format_error(error))
    else:
        report_step("fine", module)
report_step("read", *read_watched[:1], *find_mapped()[:1])
os._exit(0)
