"""What runs in the process of a worker or of the scheduler; other machines call it by name."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Any

from pkgwidgets.connect import connect
from pkgwidgets.notebook.loaded_packages import LoadedPackages

if TYPE_CHECKING:
    from distributed import Scheduler, Worker


@cache
def _loaded_packages() -> LoadedPackages:
    return LoadedPackages(connect(detached=True))


def loaded_versions() -> dict[str, str]:
    """Return the versions that this process has loaded, by normalized name."""
    return {str(name): version for name, version in _loaded_packages().versions().items()}


def pause(dask_worker: Worker) -> None:
    """Let a worker start no more tasks; those that run go on."""
    from distributed.core import Status

    # Not `paused`: the memory monitor of a worker ends that within a second.
    if dask_worker.status is Status.running:
        dask_worker.status = Status.closing_gracefully


def resume(dask_worker: Worker) -> None:
    """Let a paused worker start tasks again."""
    from distributed.core import Status

    if dask_worker.status is Status.closing_gracefully:
        dask_worker.status = Status.running


def count_running(dask_worker: Worker) -> int:
    """Return how many tasks a worker runs now."""
    return len(dask_worker.state.executing)


def held_set(dask_scheduler: Scheduler) -> Any:
    """Return what the scheduler holds for newcomers: the arguments of a `HeldSet`, or None."""
    from . import newcomers

    return newcomers.held_set(dask_scheduler.nanny_plugins.get(newcomers.PLUGIN_NAME))


def keys_at_stake(names: Collection[str], dask_scheduler: Scheduler) -> list[str]:
    """Return what only these workers hold and no task can compute again, such as scattered data."""
    return sorted(
        str(task.key)
        for task in dask_scheduler.tasks.values()
        if task.who_has and task.run_spec is None
        if all(str(holder.name) in names for holder in task.who_has)
    )
