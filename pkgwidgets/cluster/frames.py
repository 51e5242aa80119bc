"""The columns and dtypes of the frames of a cluster."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from pkgwidgets.notebook.styled_frames import FullTextFrame

from .environments import SurveyedEnvironment
from .record import ClusterRecord
from .values import ClusterOutcome, RestartedWorker

ENVIRONMENTS = {
    "host": "string",
    "prefix": "string",
    "python": "string",
    "platform": "string",
    "workers": "string",
    "nanny": "boolean",
    "writable": "boolean",
    "pkgwidgets": "string",
    "problem": "string",
}
"""The environments; the index is `environment`."""

RESTARTED = {"environment": "string", "status": "string", "problem": "string"}
"""The restarted workers; the index is `worker`."""

HISTORY = {
    "started": "datetime64[ns, UTC]",
    "finished": "datetime64[ns, UTC]",
    "outcome": pd.CategoricalDtype([outcome.value for outcome in ClusterOutcome]),
    "changes": "string",
    "environments": "string",
    "plan": "string",
    "undoes": "string",
}
"""The changes of a cluster, newest first; the index is `change`."""


def environments(surveyed: Sequence[SurveyedEnvironment]) -> pd.DataFrame:
    """Return a row for each environment; `ClusterService.environments` describes the columns."""
    values = [entry.environment for entry in surveyed]
    columns: dict[str, list[Any]] = {
        "host": [value.host for value in values],
        "prefix": [str(value.prefix) for value in values],
        "python": [value.python_version or None for value in values],
        "platform": [value.platform or None for value in values],
        "workers": [", ".join(value.workers) for value in values],
        "nanny": [bool(value.nannies) for value in values],
        "writable": [not value.problem for value in values],
        "pkgwidgets": [value.pkgwidgets or None for value in values],
        "problem": [value.problem or None for value in values],
    }
    return _frame(columns, ENVIRONMENTS, [value.id for value in values], "environment")


def drift(
    elsewhere: Mapping[str, Mapping[str, str]],
    installed: Mapping[str, Mapping[str, str]],
    loaded: Mapping[str, tuple[str, ...]],
    first: Collection[str],
) -> pd.DataFrame:
    """Return a row for each distribution, those first that differ, and of them `first`.

    `elsewhere` maps the client and the scheduler to their versions, and `installed` the
    environments. `loaded` maps names to texts about workers that have loaded another version.
    """
    places = {**elsewhere, **installed}
    names = {name for versions in places.values() for name in versions}
    differs = {
        name: name in loaded or _differs(name, elsewhere.values(), installed.values())
        for name in names
    }
    order = sorted(names, key=lambda name: (not differs[name], name not in first, name))
    columns: dict[str, list[Any]] = {
        place: [versions.get(name) for name in order] for place, versions in places.items()
    }
    columns["differs"] = [differs[name] for name in order]
    columns["loaded"] = [", ".join(loaded.get(name, ())) or None for name in order]
    dtypes: dict[str, Any] = dict.fromkeys(columns, "string") | {"differs": "boolean"}
    return _frame(columns, dtypes, order, "name")


def _differs(
    name: str, elsewhere: Iterable[Mapping[str, str]], installed: Iterable[Mapping[str, str]]
) -> bool:
    """Tell whether environments differ, or what client or scheduler have differs from them.

    Neither client nor scheduler need what only the workers use.
    """
    versions = {packages.get(name) for packages in installed}
    return len(versions | {packages[name] for packages in elsewhere if name in packages}) > 1


def restarted(workers: Sequence[RestartedWorker]) -> pd.DataFrame:
    """Return a row for each restarted worker; `ClusterService.restart` describes the columns."""
    columns: dict[str, list[Any]] = {
        "environment": [worker.environment for worker in workers],
        "status": ["back" if worker.is_back else "lost" for worker in workers],
        "problem": [worker.problem or None for worker in workers],
    }
    return _frame(columns, RESTARTED, [worker.name for worker in workers], "worker")


def history(records: Sequence[ClusterRecord]) -> pd.DataFrame:
    """Return a row for each change, newest first."""
    newest_first = sorted(records, key=lambda record: record.id, reverse=True)
    columns: dict[str, list[Any]] = {
        "started": [record.started for record in newest_first],
        "finished": [record.steps[-1][1] if record.has_ended else None for record in newest_first],
        "outcome": [record.outcome.value for record in newest_first],
        "changes": [str(record.plan) for record in newest_first],
        "environments": [
            ", ".join(environment for environment, _ in record.plan.changed)
            for record in newest_first
        ],
        "plan": [record.plan.id for record in newest_first],
        "undoes": [record.plan.undoes or None for record in newest_first],
    }
    return _frame(columns, HISTORY, [record.id for record in newest_first], "change")


def _frame(
    columns: dict[str, list[Any]], dtypes: Mapping[str, Any], index: list[str], name: str
) -> pd.DataFrame:
    series = {
        column: pd.to_datetime(pd.Series(values, dtype=object), utc=True).astype(dtypes[column])
        if str(dtypes[column]).startswith("datetime64")
        else pd.Series(values, dtype=dtypes[column])
        for column, values in columns.items()
    }
    frame = pd.DataFrame(series)
    frame.index = pd.Index(index, name=name, dtype="object")
    return FullTextFrame(frame)
