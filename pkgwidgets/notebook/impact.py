"""The impact of a plan on a notebook: which cells use what changes, and what breaks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from packaging.utils import NormalizedName

from pkgwidgets.analysis import api_changes, needs, project_rules
from pkgwidgets.analysis.api_changes import ApiReader, Finding, Impact, NameState, Severity
from pkgwidgets.analysis.code_context import CodeContext
from pkgwidgets.analysis.name_usage import Unknown, Usage, Use, find_usage, owning_distribution
from pkgwidgets.connect import api_reader, file_owners, notebook_files, rehearsal_backend
from pkgwidgets.core import dependency_graph
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.interfaces import Backend, Report
from pkgwidgets.core.plans import Change, Plan

from . import notebook_code
from .deprecations import SeenDeprecation
from .notebook_code import NotebookCells


def check_griffe() -> None:
    """Raise `InvalidRequest` if griffe is not installed."""
    if not needs.has_griffe():
        missing = 'the analysis of a plan needs griffe: `pip install "pkgwidgets[impact]"`'
        raise InvalidRequest("plan", None, missing)


def plan_impact(
    backend: Backend,
    plan: Plan,
    code: NotebookCells,
    warnings: Collection[SeenDeprecation],
    report: Report,
) -> tuple[Impact, ...]:
    """Return the impact of a plan on cells, the worst first.

    Downloads the changed packages that are used into a temporary folder. Raises
    `InvalidRequest` if griffe is not installed, and what the download raises.
    """
    check_griffe()
    scope = _Scope(backend, plan)
    if not scope.changed:
        return ()
    old = api_reader(backend)
    usage = find_usage(code.cells, _context(code, scope, old))
    direct = [
        (use, scope.changed[name]) for use, name in scope.owned_uses(usage) if name in scope.changed
    ]
    rows = [
        *_unknown_code((*code.unknowns, *usage.unknowns)),
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
        rows += compare_uses(direct, old, api_reader(backend, stage))
    # A cell that was run again is still one cell of the notebook.
    runs = code.last_runs
    return api_changes.sort_impacts(
        row if row.cell is None else replace(row, cell=runs.get(row.cell, row.cell)) for row in rows
    )


def _context(code: NotebookCells, scope: _Scope, old: ApiReader) -> CodeContext:
    states = {NameState.FOUND: True, NameState.MISSING: False, NameState.UNKNOWN: None}
    return CodeContext(
        transform=notebook_code.transform,
        files=notebook_files(),
        folder=code.folder,
        path=code.path,
        has_module=lambda name: old.has_module(name) or scope.has_module(name),
        has_name=lambda name: states[old.api(name).state],
    )


def compare_uses(
    uses: Iterable[tuple[Use, Change]], old: ApiReader, new: ApiReader
) -> Iterator[Impact]:
    """Yield what the change of its package means for each use."""
    known: dict[tuple[object, ...], tuple[tuple[str, Finding], ...]] = {}
    for use, change in uses:
        key = (use.name, use.call, use.module, use.chained)
        findings = known.get(key)
        if findings is None:
            findings = known[key] = tuple(_compare_use(use, change, old, new))
        for name, finding in findings:
            yield _impact(use, change.name, finding.text, finding.severity, name)
        if not findings:
            yield _impact(use, change.name, "", Severity.NONE)


class _Scope:
    """The packages that a plan changes, their dependents, and the modules of both."""

    def __init__(self, backend: Backend, plan: Plan) -> None:
        self._records = backend.records
        self._installed_modules: set[str] | None = None
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

    def has_module(self, name: str) -> bool:
        """Tell whether an installed distribution has a module; namespace packages count."""
        if self._installed_modules is None:
            modules = self._records.modules(sorted(self.installed))
            self._installed_modules = {m.partition(".")[0] for n in modules for m in modules[n]}
        return name in self._installed_modules

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


def _compare_use(
    use: Use, change: Change, old: ApiReader, new: ApiReader
) -> Iterator[tuple[str, Finding]]:
    """Yield the findings about one use, each with the name that it is about."""
    if change.after is None:
        yield use.name, Finding(severity=Severity.BREAKS, text=f"{change.name} is removed")
        return
    if use.chained:
        for finding in project_rules.project_findings(use, change):
            yield use.name, finding
        return
    version = f"{change.name} {change.after}"
    if use.module and old.has_module(use.name) and not new.has_module(use.name):
        text = f"there is no module {use.name} in {version}"
        yield use.name, Finding(severity=Severity.BREAKS, text=text)
        return
    attribute = use.name.rpartition(".")[2]
    before, after = old.api(use.name), new.api(use.name)
    findings = api_changes.compare_signatures(attribute, use.call, before, after, version)
    for finding in findings:
        is_unknown = finding.severity is Severity.UNKNOWN
        function = before.result_of or after.result_of if is_unknown else ""
        yield (f"{function}()" if function else use.name), finding


def _impact(use: Use, package: str, text: str, severity: Severity, name: str = "") -> Impact:
    finding = f"{text} (in {use.file})" if text and use.file else text
    return Impact(
        cell=use.cell, package=package, name=name or use.name, finding=finding, severity=severity
    )


def _unknown_code(unknowns: Iterable[Unknown]) -> Iterator[Impact]:
    for unknown in unknowns:
        yield Impact(
            cell=unknown.cell,
            package="",
            name="",
            finding=unknown.text,
            severity=Severity.UNKNOWN,
        )


def _indirect_impacts(scope: _Scope, usage: Usage) -> Iterator[Impact]:
    """Yield the uses of packages that depend on a changed one."""
    for use, name in scope.owned_uses(usage):
        module = use.name.partition(".")[0].removesuffix("()")
        for change in scope.changed_dependencies(name):
            text = f"through {scope.name(name)}, which depends on it"
            yield _impact(use, change.name, text, Severity.INDIRECT, module)


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
        is_in_cell = name in scope.changed and not use.file
        if is_in_cell and use.line == warning.line and attribute in warning.text:
            yield use, scope.changed[name]
