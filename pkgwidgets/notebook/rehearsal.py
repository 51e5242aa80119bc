"""Rehearsals as a user of the service asks for them: paths checked, rules read, backends joined."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from pkgwidgets.connect import stand
from pkgwidgets.core import comparison
from pkgwidgets.core.comparison import Rehearsal
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.interfaces import Backend, Report
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.stand import Limits
from pkgwidgets.operations import doctor, knowngood, rehearsal

Notebooks = str | Path | Iterable[str | Path]
"""One notebook's path, or several."""


def rehearse(
    backend: Backend,
    plan: Plan,
    notebooks: Notebooks,
    limits: Limits,
    sanitize: str | Path | None,
    report: Report,
) -> Rehearsal:
    """Rehearse a plan on notebooks."""
    return rehearsal.rehearse(
        backend,
        stand(backend),
        plan,
        _paths(notebooks),
        limits=limits,
        sanitizer=_sanitizer(sanitize),
        report=report,
    )


def examine(backend: Backend, notebooks: Notebooks, report: Report) -> doctor.Diagnosis:
    """Plan to upgrade everything that leaves the notebooks as they are."""
    return doctor.examine(backend, stand(backend), _paths(notebooks), report=report)


def remember(backend: Backend, applied: doctor.Diagnosis) -> None:
    """Keep what is installed now as good for the notebooks that ran clean with it."""
    doctor.remember(backend, stand(backend), applied)


def known_good(backend: Backend, notebook: str | Path, report: Report) -> Plan:
    """Plan to return to the versions with which a notebook last ran clean."""
    (path,) = _paths(notebook)
    return knowngood.plan_known_good(backend, stand(backend), path, report=report)


def checked_seconds(seconds: object) -> float:
    """Return a time limit; raises `InvalidRequest` for what is none."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        raise InvalidRequest("seconds", seconds, "a number above zero is wanted")
    return float(seconds)


def _paths(notebooks: Notebooks) -> list[Path]:
    given: list[object] = (
        [notebooks] if isinstance(notebooks, str | Path) else list(_iterated(notebooks))
    )
    paths = []
    for each in given:
        if not isinstance(each, str | Path) or not str(each):
            raise InvalidRequest("notebook", each, "a path is wanted")
        paths.append(Path(each).absolute())
    return list(dict.fromkeys(paths))


def _iterated(notebooks: object) -> Iterable[object]:
    if not isinstance(notebooks, Iterable):
        raise InvalidRequest("notebooks", notebooks, "paths are wanted")
    return notebooks


def _sanitizer(file: str | Path | None) -> comparison.Sanitizer:
    """Read nbval's rules from a file; raises `InvalidRequest` for what holds none."""
    if file is None:
        return ()
    try:
        found = comparison.rules(Path(file).read_text("utf-8"))
    except (OSError, ValueError, re.error) as error:
        raise InvalidRequest("sanitize", str(file), str(error)) from error
    if not found:
        raise InvalidRequest("sanitize", str(file), "it holds no rule of nbval's")
    return found
