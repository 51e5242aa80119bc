"""Rehearsals for `PackageService`: check paths, read rules, join the backends."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from pkgwidgets.analysis.cell_output import Sanitizer, parse_sanitize_rules
from pkgwidgets.analysis.rehearsal_backend import RunLimits
from pkgwidgets.analysis.run_comparison import Rehearsal
from pkgwidgets.connect import rehearsal_backend
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.interfaces import Backend, Report
from pkgwidgets.core.plans import Plan, StepLimit
from pkgwidgets.operations import culprit_search, rehearsal
from pkgwidgets.operations import known_good as known_good_module

Notebooks = str | Path | Iterable[str | Path]
"""The path of a notebook, or several."""


def rehearse(
    backend: Backend,
    plan: Plan,
    notebooks: Notebooks,
    limits: RunLimits,
    sanitize: str | Path | None,
    root: str | Path | None,
    report: Report,
) -> Rehearsal:
    """Rehearse a plan on notebooks; `sanitize` is a file of nbval's rules."""
    return rehearsal.rehearse(
        backend,
        rehearsal_backend(backend, _checked_root(root)),
        plan,
        _checked_paths(notebooks),
        limits=limits,
        sanitizer=_read_sanitizer(sanitize),
        report=report,
    )


def find_culprits(
    backend: Backend,
    notebooks: Notebooks,
    root: str | Path | None,
    report: Report,
    *,
    allow_untried: bool,
    step: StepLimit | None = None,
) -> culprit_search.CulpritSearchResult:
    """Find the upgrades that break the notebooks; the result has the plan without them."""
    connected = rehearsal_backend(backend, _checked_root(root))
    return culprit_search.find_culprits(
        backend,
        connected,
        _checked_paths(notebooks),
        allow_untried=allow_untried,
        step=step,
        report=report,
    )


def remember_result(backend: Backend, result: culprit_search.CulpritSearchResult) -> None:
    """Remember the installed versions as known good for the notebooks that ran without error."""
    culprit_search.remember_result(backend, rehearsal_backend(backend), result)


def known_good(backend: Backend, notebook: str | Path, report: Report) -> Plan:
    """Plan to return to the versions with which a notebook last ran without error."""
    (path,) = _checked_paths(notebook)
    return known_good_module.plan_known_good(
        backend, rehearsal_backend(backend), path, report=report
    )


def checked_seconds(seconds: object) -> float:
    """Return a time limit in seconds; raises `InvalidRequest` if it is no positive number."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        raise InvalidRequest("seconds", seconds, "give a number above zero")
    return float(seconds)


def _checked_paths(notebooks: Notebooks) -> list[Path]:
    candidates: list[object] = (
        [notebooks] if isinstance(notebooks, str | Path) else list(_checked_iterable(notebooks))
    )
    paths = []
    for notebook in candidates:
        if not isinstance(notebook, str | Path) or not str(notebook):
            raise InvalidRequest("notebook", notebook, "give a path")
        paths.append(Path(notebook).absolute())
    return list(dict.fromkeys(paths))


def _checked_root(root: object) -> Path | None:
    if root is None:
        return None
    if not isinstance(root, str | Path) or not str(root):
        raise InvalidRequest("root", root, "give the path of a folder")
    return Path(root).absolute()


def _checked_iterable(notebooks: object) -> Iterable[object]:
    if not isinstance(notebooks, Iterable):
        raise InvalidRequest("notebooks", notebooks, "give a path or several")
    return notebooks


def _read_sanitizer(file: str | Path | None) -> Sanitizer:
    """Read nbval's rules from a file; raises `InvalidRequest` if it has none."""
    if file is None:
        return ()
    try:
        rules = parse_sanitize_rules(Path(file).read_text("utf-8"))
    except (OSError, ValueError, re.error) as error:
        raise InvalidRequest("sanitize", str(file), str(error)) from error
    if not rules:
        raise InvalidRequest("sanitize", str(file), "it has no rules in the format of nbval")
    return rules
