"""A kernel forks a worker while one of its threads looks at the lock; the worker lives on.

Exit 1: the environment is busy for as long as the worker lives.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from unittest import mock

from pkgwidgets import demo
from pkgwidgets.connect import connect
from pkgwidgets.core.errors import EnvironmentBusy
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_undo, plan_upgrade

workers: list[int] = []
flock = fcntl.flock


def flock_and_fork(descriptor: int, operation: int) -> None:
    """Fork at the worst instant: between the lock and its release."""
    flock(descriptor, operation)
    if operation & fcntl.LOCK_SH and not workers:
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            signal.pause()
        workers.append(child)


with demo.start() as garden:
    backend = connect(garden.python, garden.index_url)
    apply.apply_plan(backend, plan_upgrade(backend, "seedshelf"))
    with mock.patch.object(fcntl, "flock", flock_and_fork):
        print("holder:", backend.environment.holder())
    try:
        print("undone:", apply.apply_plan(backend, plan_undo(backend)))
        sys.exit(not workers)
    except EnvironmentBusy as busy:
        print("FAULT", busy)
        sys.exit(1)
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
