"""Import the modules of the task one by one, and report what each import did.

A line before and one after each module, so that a crash or a hang names its culprit.
"""

from __future__ import annotations

import importlib
import os
import time

from .report import say, task, watch, words

clock, began = time.monotonic, time.monotonic()
for number, module in enumerate(task["modules"]):
    seconds = task["patience"]
    if number >= task["needed"]:
        seconds = min(seconds, task["spare"] - (clock() - began))
        if seconds <= 0:
            say("untried", module)
            continue
    say("trying", module)
    watch(seconds=seconds)
    try:
        importlib.import_module(module)
    except BaseException as error:
        say("failed", module, words(error))
    else:
        say("fine", module)
os._exit(0)
