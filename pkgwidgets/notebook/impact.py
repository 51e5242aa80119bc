"""The impact of a plan on a notebook: which cells use what changes, and what breaks."""

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
from pkgwidgets.connect import api_reader, file_owners, read_notebook, rehearsal_backend
from pkgwidgets.core import dependency_graph
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.interfaces import Backend, Report
from pkgwidgets.core.plans import Change, Plan

from .deprecations import SeenDeprecation


def plan_impact(
    backend: Backend,
    plan: Plan,
    cells: Iterable[Cell],
    warnings: Collection[SeenDeprecation],
    report: Report,
) -> tuple[Impact, ...]:
    """Return the impact of a plan on cells, the worst first.

    Downloads the changed packages that are used into a temporary folder. Raises
    `InvalidRequest` if griffe is not installed, and what the download raises.
    """
    if importlib.util.find_spec("griffe") is None:
        missing = 'the analysis of a plan needs griffe: `pip install "pkgwidgets[impact]"`'
        raise InvalidRequest("plan", None, missing)
    usage = find_usage(cells)
    scope = _Scope(backend, plan)
    direct = [
        (use, scope.changed[name]) for use, name in scope.owned_uses(usage) if name in scope.changed
    ]
    rows = [
        *_unread_cells(usage),
        *_indirect_impacts(scope, usage),
        *_deprecation_impacts(backend, scope, usage, warnings),
    ]
    with rehearsal_backend(backend).notebook_runner.temporary_directory() as folder:
        stage = folder / "stage"
        names = {change.id for _, change in direct}
        fetched = tuple(c for c in plan.changes if c.id in names and c.after is not None)
        if fetched:
            # Also what the transaction would restore from a save point is downloaded here.
            backend.installer.stage(
                replace(plan, changes=fetched, from_save_point=False, undoes=None), stage, report
            )
        old, new = api_reader(backend), api_reader(backend, stage)
        for use, change in direct:
            rows += _compare_use(use, change, old, new)
    return api_changes.sort_impacts(rows)


def notebook_cells(notebook: str | Path) -> tuple[Cell, ...]:
    """Return the code cells of a notebook file as plain Python, numbered as if all were run.

    Raises `InvalidRequest` if it is not a notebook (nbformat 4), or not in Python.
    """
    if not isinstance(notebook, str | Path):
        raise InvalidRequest("notebook", notebook)
    return _as_python(cell.source for cell in read_notebook(Path(notebook)))


def executed_cells() -> tuple[Cell, ...]:
    """Return the cells that this kernel has run; raises `InvalidRequest` outside a kernel."""
    from IPython import get_ipython

    shell: Any = get_ipython()
    if shell is None:
        raise InvalidRequest(
            "notebook", None, "give the path of a notebook: no cell is running here"
        )
    return _as_python(shell.user_ns.get("In", [""])[1:])


def _as_python(texts: Iterable[str]) -> tuple[Cell, ...]:
    """Transform magics and shell lines, as IPython does before it runs a cell."""
    from IPython.core.inputtransformer2 import TransformerManager

    manager = TransformerManager()  # type: ignore[no-untyped-call]
    cells = []
    for number, text in enumerate(texts, 1):
        try:
            source = manager.transform_cell(text)
        except SyntaxError:
            source = text
        cells.append(Cell(number=number, source=source))
    return tuple(cells)


class _Scope:
    """The packages that a plan changes, their dependents, and the modules of both."""

    def __init__(self, backend: Backend, plan: Plan) -> None:
        self.installed = backend.environment.distributions()
        self.changed = {change.id: change for change in plan.changes if change.before is not None}
        self._requirements = dependency_graph.active_requirements(
            self.installed, backend.environment.interpreter.markers, backend.limits().requires_of
        )
        affected = set(self.changed)
        while dependents := dependency_graph.dependents(affected, self._requirements):
            affected |= set(dependents)
        modules = backend.records.modules(sorted(affected & set(self.installed)))
        # Changed packages last: they win if several distributions have the same module.
        ordered = sorted(modules, key=lambda name: name in self.changed)
        self.modules: dict[str, NormalizedName] = {
            module: name for name in ordered for module in modules[name]
        }

    def owned_uses(self, usage: Usage) -> Iterator[tuple[Use, NormalizedName]]:
        """Yield the uses of changed packages and of their dependents, with the package's name."""
        for use in usage.uses:
            name = owning_distribution(use.name, self.modules)
            if name is not None:
                yield use, name

    def changed_dependencies(self, name: NormalizedName) -> list[Change]:
        """Return the changed packages that a package depends on, directly or indirectly."""
        dependencies = dependency_graph.dependencies([name], self._requirements)
        return [change for change in self.changed.values() if change.id in dependencies - {name}]

    def name(self, name: NormalizedName) -> str:
        """Return a project's name as it spells it."""
        distribution = dependency_graph.readable_distributions(self.installed).get(name)
        return distribution.name if distribution is not None else name


def _compare_use(use: Use, change: Change, old: ApiReader, new: ApiReader) -> Iterator[Impact]:
    if change.after is None:
        text = f"{change.name} is removed"
        yield _impact(use, change.name, text, Severity.BREAKS)
        return
    if use.chained:
        for finding in project_rules.project_findings(use, change):
            yield _impact(use, change.name, finding.text, finding.severity)
        return
    version = f"{change.name} {change.after}"
    attribute = use.name.rpartition(".")[2]
    if use.module and old.has_module(use.name) and not new.has_module(use.name):
        text = f"there is no module {use.name} in {version}"
        yield _impact(use, change.name, text, Severity.BREAKS)
        return
    findings = api_changes.compare_signatures(
        attribute, use.call, old.api(use.name), new.api(use.name), version
    )
    for finding in findings:
        yield _impact(use, change.name, finding.text, finding.severity)
    if not findings:
        yield _impact(use, change.name, "", Severity.NONE)


def _impact(use: Use, package: str, text: str, severity: Severity) -> Impact:
    return Impact(cell=use.cell, package=package, name=use.name, finding=text, severity=severity)


def _unread_cells(usage: Usage) -> Iterator[Impact]:
    for number in usage.unread:
        text = "this cell is not Python, so the names that it uses are unknown"
        yield Impact(cell=number, package="", name="", finding=text, severity=Severity.UNKNOWN)


def _indirect_impacts(scope: _Scope, usage: Usage) -> Iterator[Impact]:
    """Yield the uses of packages that depend on a changed one."""
    for use, name in scope.owned_uses(usage):
        module = use.name.partition(".")[0].removesuffix("()")
        for change in scope.changed_dependencies(name):
            text = f"through {scope.name(name)}, which depends on it"
            yield Impact(
                cell=use.cell,
                package=change.name,
                name=module,
                finding=text,
                severity=Severity.INDIRECT,
            )


def _deprecation_impacts(
    backend: Backend, scope: _Scope, usage: Usage, warnings: Collection[SeenDeprecation]
) -> Iterator[Impact]:
    """Yield the deprecation warnings of changed packages that this kernel has issued.

    A warning in a cell is about the name on its line that its text mentions. Any other belongs to
    the package of the file that issued it, or of its warning class.
    """
    owners = file_owners(backend).owners({warning.file for warning in warnings if warning.file})
    for warning in warnings:
        text = f"{warning.category.rpartition('.')[2]}: {' '.join(warning.text.split())}"
        uses = list(_uses_on_line(scope, usage, warning)) if warning.module == "__main__" else []
        for use, change in uses:
            yield _impact(use, change.name, text, Severity.WARNS)
        category_owner = owning_distribution(warning.category, scope.modules)
        names = {
            *owners.get(warning.file, ()),
            *([category_owner] if category_owner is not None else []),
        }
        for name in sorted(names & set(scope.changed)) if not uses else ():
            yield Impact(
                cell=None,
                package=scope.changed[name].name,
                name=warning.module,
                finding=text,
                severity=Severity.WARNS,
            )


def _uses_on_line(
    scope: _Scope, usage: Usage, warning: SeenDeprecation
) -> Iterator[tuple[Use, Change]]:
    """Yield the uses that a warning in a cell may be about: it has the line, but not the cell."""
    for use, name in scope.owned_uses(usage):
        attribute = use.name.rpartition(".")[2].removesuffix("()")
        if name in scope.changed and use.line == warning.line and attribute in warning.text:
            yield use, scope.changed[name]
