"""Costs of processes, and paired runs: A B A B, so that a busy machine is busy for both.

The process that measures imports neither pandas nor pkgwidgets. Linux starts the peak memory of a
child with what its parent has.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of one run: seconds, processor seconds, and peak memory in MiB."""

    seconds: float
    processor: float
    memory: float


def paired(pairs: int, sides: Mapping[str, Callable[[], _T]]) -> dict[str, list[_T]]:
    """Run each side once a pair, after one run that is not counted; return its costs.

    The sides take turns to be first, so that none always finds what another one left warm.
    """
    costs: dict[str, list[_T]] = {side: [] for side in sides}
    names = list(sides)
    for number in range(-1, pairs):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            cost = sides[name]()
            if number >= 0:
                costs[name].append(cost)
    return costs


def times(count: int, run_once: Callable[[], Cost]) -> Cost:
    """Return the average of several runs: for what takes a few clock ticks of the processor."""
    costs = [run_once() for _ in range(count)]
    return Cost(
        seconds=sum(cost.seconds for cost in costs) / count,
        processor=sum(cost.processor for cost in costs) / count,
        memory=max(cost.memory for cost in costs),
    )


def run(argv: Sequence[str | Path], env: Mapping[str, str] | None = None) -> Cost:
    """Run a process and all that it waits for; return its cost."""
    return run_for_output(argv, env)[0]


def run_for_output(
    argv: Sequence[str | Path], env: Mapping[str, str] | None = None
) -> tuple[Cost, str]:
    """Run a process and all that it waits for; return its cost and its standard output.

    It works in an empty folder: `python -c` would import pkgwidgets from a checkout otherwise.

    Raises:
        CalledProcessError: it did not exit with 0; its output is in the error.
    """
    with (
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
        tempfile.TemporaryDirectory() as empty,
    ):
        started_at = perf_counter()
        process = subprocess.Popen(
            list(map(str, argv)), stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
            env={**clean_environment(), **(env or {})}, cwd=empty,
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        seconds = perf_counter() - started_at
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        text, messages = output.read().decode(), errors.read().decode()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args, text, messages)
    processor = usage.ru_utime + usage.ru_stime
    return Cost(seconds=seconds, processor=processor, memory=usage.ru_maxrss / 1024), text


def clean_environment() -> dict[str, str]:
    """Return this process's variables without what configures Python, pip and uv."""
    prefixes = ("PIP_", "UV_", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}
