"""Make the environment of a copy, and look at what was made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from pkgwidgets.backends.config.index_selection import SourceFactory
from pkgwidgets.backends.environment import interpreter as interpreter_module
from pkgwidgets.backends.environment import record
from pkgwidgets.backends.environment.installed_environment import InstalledEnvironment
from pkgwidgets.backends.environment.record_files import RecordFiles
from pkgwidgets.backends.sandbox.import_check import SubprocessImportChecker
from pkgwidgets.backends.store import filesystem
from pkgwidgets.backends.store.fail_points import reach
from pkgwidgets.backends.store.journal_file import as_disk_failed
from pkgwidgets.core import dependency_graph
from pkgwidgets.core.copies import BuiltCopy, CopyPlan
from pkgwidgets.core.environment import Distribution, Interpreter
from pkgwidgets.core.interfaces import Report

from . import packed_files
from .repacked_wheels import restore_metadata
from .uv_copies import Inheritable, UvCopies


class CopyBuilder:
    """Makes copies of one environment; `keep` has the descriptors that uv inherits."""

    def __init__(
        self, source: InstalledEnvironment, sources: SourceFactory, keep: Inheritable
    ) -> None:
        self._source = source
        self._uv = UvCopies(source.interpreter, sources, keep)

    def find_python(self, python: str) -> Interpreter:
        """Return the Python of a version or a path; raise `EnvironmentRefused` without one."""
        path = Path(python)
        is_path = "/" in python or path.exists()
        return interpreter_module.describe(path if is_path else self._uv.find_python(python))

    def unpackable_reason(self, distribution: Distribution) -> str | None:
        """Return why the files of an installed distribution cannot be copied; None if they can."""
        return packed_files.unpackable_reason(distribution, self._source.interpreter)

    def build(self, plan: CopyPlan, report: Report) -> None:
        """Make the environment of a plan. Raises `CopyFailed`."""
        installed = dependency_graph.readable_distributions(self._source.distributions())
        self._uv.make(plan, report)
        reach("COPY:made")
        self._uv.install(plan, installed, report)
        reach("COPY:installed")
        with as_disk_failed(""):
            _tidy(plan, installed)
        filesystem.begin_sync_all(plan.folder)  # the disk works while the modules are checked
        reach("COPY:tidied")

    def inspect(self, plan: CopyPlan, report: Report) -> BuiltCopy:
        """Read what was built, and import its modules.

        Of the same Python, the files must be those of the source: RECORD has their hashes.
        """
        interpreter = interpreter_module.describe(plan.folder / "bin" / "python")
        environment = InstalledEnvironment(interpreter)
        built = dependency_graph.readable_distributions(environment.distributions())
        here = dependency_graph.readable_distributions(self._source.distributions())
        modules = RecordFiles(environment).modules(tuple(built))
        names = [module for found in modules.values() for module in found]
        is_same_python = interpreter.tags == self._source.interpreter.tags
        return BuiltCopy(
            versions={name: distribution.version for name, distribution in built.items()},
            failures=SubprocessImportChecker(interpreter).check(names, report).errors,
            differing=tuple(
                package.id
                for package in plan.packages
                if is_same_python
                and package.from_index
                and package.id in built
                and _digest(built[package.id]) != _digest(here[package.id])
            ),
        )


def _digest(distribution: Distribution) -> str:
    return record.content_digest(distribution.path, with_scripts=False)


def _tidy(plan: CopyPlan, installed: Mapping[NormalizedName, Distribution]) -> None:
    """Remove what uv records of this run: dependencies stay dependencies."""
    dependencies = {package.id for package in plan.packages if not package.requested}
    repacked = {package.id for package in plan.packages if not package.from_index}
    for info in _dist_infos(plan.folder):
        name = canonicalize_name(info.name.partition("-")[0])
        if name in dependencies:
            record.remove_requested(info)
        if name in repacked:
            record.remove_direct_url(info)
            restore_metadata(installed[name], info)


def _dist_infos(prefix: Path) -> list[Path]:
    """Return the `dist-info` folders that uv wrote into a new environment.

    Their names are normalized (PEP 427), so no metadata has to be read, and no Python started.
    """
    return sorted(prefix.glob("lib/python3*/site-packages/*.dist-info"))
