"""What a plan means for a notebook: which cells use what changes, and what no longer fits."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from packaging.utils import NormalizedName

from pkgwidgets.analysis import api_changes, project_rules
from pkgwidgets.analysis.api_changes import ApiReader, Impact, Severity
from pkgwidgets.analysis.name_usage import Cell, Usage, Use, find_usage, owning_distribution
from pkgwidgets.analysis.notebook_file import code_cells
from pkgwidgets.connect import api_reader, file_owners, rehearsal_backend
from pkgwidgets.core import dependency_graph
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.interfaces import Backend, Report
from pkgwidgets.core.plans import Change, Plan

from .deprecations import SeenDeprecation


def of_plan(
    backend: Backend,
    plan: Plan,
    cells: Iterable[Cell],
    warnings: Collection[SeenDeprecation],
    report: Report,
) -> tuple[Impact, ...]:
    """Return what a plan means for cells, the worst first.

    Fetches what changes and is used, into a folder of its own. Raises `InvalidRequest` without
    griffe, and what fetching raises.
    """
    if importlib.util.find_spec("griffe") is None:
        missing = 'an impact needs griffe: `pip install "pkgwidgets[impact]"`'
        raise InvalidRequest("plan", None, missing)
    used = find_usage(cells)
    scope = _Scope(backend, plan)
    direct = [(use, scope.changed[id]) for use, id in scope.owned(used) if id in scope.changed]
    rows = [*_unread(used), *_through(scope, used), *_warned(backend, scope, used, warnings)]
    with rehearsal_backend(backend).notebook_runner.temporary_directory() as room:
        stage = room / "stage"
        wanted = {change.id for _, change in direct}
        part = tuple(c for c in plan.changes if c.id in wanted and c.after is not None)
        if part:
            # What the transaction takes from its save point is fetched like anything else here.
            backend.installer.stage(
                replace(plan, changes=part, from_save_point=False, undoes=None), stage, report
            )
        old, new = api_reader(backend), api_reader(backend, stage)
        for use, change in direct:
            rows += _of_use(use, change, old, new)
    return api_changes.sort_impacts(rows)


def cells_of(notebook: str | Path) -> tuple[Cell, ...]:
    """Return the code cells of a notebook's file as plain Python, by the numbers they get when run.

    Raises `InvalidRequest` for what is no notebook (nbformat 4), or not in Python.
    """
    if not isinstance(notebook, str | Path):
        raise InvalidRequest("notebook", notebook)
    try:
        code = code_cells(Path(notebook).read_bytes())
    except OSError as error:
        raise InvalidRequest("notebook", str(notebook), str(error.strerror)) from error
    except ValueError as error:
        raise InvalidRequest("notebook", str(notebook), str(error)) from error
    return _as_python(cell.source for cell in code)


def cells_so_far() -> tuple[Cell, ...]:
    """Return what was run in this kernel, by its number; raises `InvalidRequest` in no kernel."""
    from IPython import get_ipython

    shell: Any = get_ipython()
    if shell is None:
        raise InvalidRequest("notebook", None, "name the notebook: nothing runs in a cell here")
    return _as_python(shell.user_ns.get("In", [""])[1:])


def _as_python(texts: Iterable[str]) -> tuple[Cell, ...]:
    """Take magics and shell lines out, as IPython does before it runs a cell."""
    from IPython.core.inputtransformer2 import TransformerManager

    manager = TransformerManager()  # type: ignore[no-untyped-call]
    found = []
    for number, text in enumerate(texts, 1):
        try:
            source = manager.transform_cell(text)
        except SyntaxError:
            source = text
        found.append(Cell(number=number, source=source))
    return tuple(found)


class _Scope:
    """What a plan changes, who depends on it, and by which modules that is used."""

    def __init__(self, backend: Backend, plan: Plan) -> None:
        self.installed = backend.environment.distributions()
        self.changed = {c.id: c for c in plan.changes if c.before is not None}
        self._needs = dependency_graph.active_requirements(
            self.installed, backend.environment.interpreter.markers
        )
        around = set(self.changed)
        while more := dependency_graph.dependents(around, self._needs):
            around |= set(more)
        named = backend.records.modules(sorted(around & set(self.installed)))
        # The changed last: of a module that several have, theirs counts.
        ordered = sorted(named, key=lambda id: id in self.changed)
        self.modules: dict[str, NormalizedName] = {
            module: id for id in ordered for module in named[id]
        }

    def owned(self, used: Usage) -> Iterator[tuple[Use, NormalizedName]]:
        """Yield the uses of what is changed, and of what depends on it."""
        for use in used.uses:
            id = owning_distribution(use.name, self.modules)
            if id is not None:
                yield use, id

    def through(self, id: NormalizedName) -> list[Change]:
        """Return the changed packages that one depends on, directly or not."""
        below = dependency_graph.dependencies([id], self._needs)
        return [change for change in self.changed.values() if change.id in below - {id}]

    def name(self, id: NormalizedName) -> str:
        """Return a project's own spelling."""
        found = dependency_graph.readable_distributions(self.installed).get(id)
        return found.name if found is not None else id


def _of_use(use: Use, change: Change, old: ApiReader, new: ApiReader) -> Iterator[Impact]:
    if change.after is None:
        text = f"{change.name} is removed"
        yield _row(use, change.name, text, Severity.BREAKS)
        return
    if use.chained:
        for each in project_rules.project_findings(use, change):
            yield _row(use, change.name, each.text, each.severity)
        return
    version = f"{change.name} {change.after}"
    last = use.name.rpartition(".")[2]
    if use.module and old.has_module(use.name) and not new.has_module(use.name):
        text = f"there is no module {use.name} in {version}"
        yield _row(use, change.name, text, Severity.BREAKS)
        return
    found = api_changes.compare_signatures(
        last, use.call, old.api(use.name), new.api(use.name), version
    )
    for each in found:
        yield _row(use, change.name, each.text, each.severity)
    if not found:
        yield _row(use, change.name, "", Severity.NONE)


def _row(use: Use, package: str, text: str, severity: Severity) -> Impact:
    return Impact(cell=use.cell, package=package, name=use.name, finding=text, severity=severity)


def _unread(used: Usage) -> Iterator[Impact]:
    for number in used.unread:
        text = "this cell is no Python: what it uses is not known"
        yield Impact(cell=number, package="", name="", finding=text, severity=Severity.UNKNOWN)


def _through(scope: _Scope, used: Usage) -> Iterator[Impact]:
    """Yield what is used by way of a package that depends on a changed one."""
    for use, id in scope.owned(used):
        module = use.name.partition(".")[0].removesuffix("()")
        for change in scope.through(id):
            text = f"through {scope.name(id)}, which depends on it"
            yield Impact(
                cell=use.cell,
                package=change.name,
                name=module,
                finding=text,
                severity=Severity.INDIRECT,
            )


def _warned(
    backend: Backend, scope: _Scope, used: Usage, warnings: Collection[SeenDeprecation]
) -> Iterator[Impact]:
    """Yield the deprecations of the changed packages that this kernel was warned of.

    In a cell, they are of the name on that line that they speak of; else of the package from
    whose file, or with whose kind of warning, they come.
    """
    owners = file_owners(backend).owners({each.file for each in warnings if each.file})
    for each in warnings:
        text = f"{each.category.rpartition('.')[2]}: {' '.join(each.text.split())}"
        said = list(_on_line(scope, used, each)) if each.module == "__main__" else []
        for use, change in said:
            yield _row(use, change.name, text, Severity.WARNS)
        kind = owning_distribution(each.category, scope.modules)
        ids = {*owners.get(each.file, ()), *([kind] if kind is not None else [])}
        for id in sorted(ids & set(scope.changed)) if not said else ():
            yield Impact(
                cell=None,
                package=scope.changed[id].name,
                name=each.module,
                finding=text,
                severity=Severity.WARNS,
            )


def _on_line(scope: _Scope, used: Usage, each: SeenDeprecation) -> Iterator[tuple[Use, Change]]:
    """Yield the uses that a warning in a cell can be of: it tells the line, not the cell."""
    for use, id in scope.owned(used):
        last = use.name.rpartition(".")[2].removesuffix("()")
        if id in scope.changed and use.line == each.line and last in each.text:
            yield use, scope.changed[id]
