"""The RECORD files of an environment: which distribution owns which files, and their damage."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.utils import NormalizedName

from pkgwidgets.backends.store.filesystem import as_path, os_error_text
from pkgwidgets.core.dependency_graph import Installed
from pkgwidgets.core.environment import Distribution, Unreadable
from pkgwidgets.core.errors import EnvironmentRefused
from pkgwidgets.core.interfaces import Environment
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.preparations import BYTECODE_FOLDER

from . import edited_files, file_effects, leftovers, provided_modules, record, record_paths
from .installed_environment import DATA_FOLDER, InstalledEnvironment
from .later_changes import LaterChanges
from .shared_files import Claim, SharedFiles

_UNHASHED_FILES = (*record.INSTALLER_FILES, "RECORD.jws", "RECORD.p7s")


def _folds_case(prefix: Path) -> bool:
    """Return whether the file system takes `A` and `a` for one name."""
    return (prefix / DATA_FOLDER).exists() and (prefix / DATA_FOLDER.upper()).exists()


def _is_bytecode(folder: str, stage: Path) -> bool:
    return folder.startswith(f"{stage}/{BYTECODE_FOLDER}")


class RecordFiles:
    """Reads the RECORD files of one environment, and of a stage with the layout of its prefix."""

    def __init__(
        self, environment: Environment, folds_case: Callable[[Path], bool] = _folds_case
    ) -> None:
        self._environment = environment
        self._folds_case = folds_case
        self._shared = SharedFiles(environment)

    def touched_paths(self, plan: Plan, stage: Path | None) -> frozenset[Path]:
        """Return every path that the plan removes or writes.

        Raises `EnvironmentRefused` for a missing RECORD, and for one that names a folder or a path
        outside the environment's folders. Also for a file of code that another distribution owns
        with another content.
        """
        installed = self._environment.distributions()
        staged = self.staged(stage) if stage is not None else {}
        old, claims = set[Path](), list[Claim]()
        old_rows = dict[NormalizedName, dict[str, record.Entry]]()
        for change in plan.changes:
            if change.before is not None:
                release = self._readable_distribution(change.id, installed)
                old_rows[change.id] = self._live_rows(release.path, None)
                old.update(map(as_path, old_rows[change.id]))
                old.update(*map(leftovers.paths_in, release.leftovers))
            if change.after is not None and stage is not None:
                claims += self._staged_claims(change.id, staged, stage)
        new = {as_path(claim.path): claim.owner for claim in claims}
        if stage is None:
            leaving = [change.id for change in plan.changes if change.after is None]
            reasons = self._conflict_reasons(old_rows, [*old_rows], leaving, installed)
            reason = next(iter(reasons.values()), None)
        else:
            reason = self._shared.staged_conflict_reason(claims, stage)
        if reason is not None:
            raise self._refusal(reason)
        if stage is not None:
            self._raise_if_overwritten(new, old, plan, installed, stage)
            self._raise_if_case_collides(new)
        return frozenset(old | new.keys() | self._unpacking_folders(staged))

    def new_folders(self, stage: Path) -> frozenset[Path]:
        """Return the folders of a stage that are missing in the environment.

        A wheel may contain empty folders. RECORD does not list them, but they are installed.
        """
        prefix = str(self._environment.interpreter.prefix)
        # The bytecode that an import check compiles lies in the stage, too, and is not installed.
        staged = (path for path, _, _ in os.walk(stage) if not _is_bytecode(path, stage))
        live = (f"{prefix}{folder[len(str(stage)) :]}" for folder in staged)
        return frozenset(Path(folder) for folder in live if not os.path.lexists(folder))

    def unchangeable_reasons(
        self, ids: Collection[NormalizedName], leaving: Collection[NormalizedName] = ()
    ) -> Mapping[NormalizedName, str]:
        """Return why files of these cannot be replaced, or removed for those in `leaving`."""
        installed = self._environment.distributions()
        reasons = dict[NormalizedName, str]()
        rows = dict[NormalizedName, dict[str, record.Entry]]()
        for name in ids:
            try:
                path = self._readable_distribution(name, installed).path
                rows[name] = self._live_rows(path, None)
            except EnvironmentRefused as error:
                reasons[name] = error.reason
        return {**self._conflict_reasons(rows, ids, leaving, installed), **reasons}

    def _conflict_reasons(
        self,
        rows: Mapping[NormalizedName, Mapping[str, record.Entry]],
        ids: Collection[NormalizedName],
        leaving: Collection[NormalizedName],
        installed: Installed,
    ) -> Mapping[NormalizedName, str]:
        """Return which of these rows' distributions cannot be changed, because of other owners."""
        claims = [
            Claim(owner=name, path=path, sha256=row.sha256)
            for name, entries in rows.items()
            for path, row in entries.items()
        ]
        others = self._shared.claims({claim.path for claim in claims}, ids, installed)
        return self._shared.conflict_reasons(claims, [*others], leaving)

    def shared_paths(self, plan: Plan, paths: Collection[Path]) -> frozenset[Path]:
        """Return those of `paths` that a distribution owns which the plan does not change."""
        changed = {change.id for change in plan.changes}
        names = {str(path) for path in paths}
        claims = self._shared.claims(names, changed, self._environment.distributions())
        return frozenset(as_path(claim.path) for claim in claims)

    def unowned_paths(self, plan: Plan, paths: Collection[Path]) -> frozenset[Path]:
        """Return those of `paths` that exist and that no installed distribution owns.

        What an interrupted uninstallation left of a changed distribution does not count.
        """
        installed = self._environment.distributions()
        left = {str(path) for path in paths if os.path.lexists(path)}
        changed = [change.id for change in plan.changes]
        for name in changed:
            release = installed.get(name)
            if isinstance(release, Distribution):
                rows = record.entries(release.path)
                left -= {os.path.normpath(f"{release.path.parent}/{row.path}") for row in rows}
                left -= {
                    str(path) for part in release.leftovers for path in leftovers.paths_in(part)
                }
        claims = self._shared.claims(left, changed, installed)
        return frozenset(map(as_path, left - {claim.path for claim in claims}))

    def raise_if_owned(self, plan: Plan, replaced: Collection[Path]) -> None:
        """Refuse to replace a file of code that another distribution owns, too."""
        changed = {change.id for change in plan.changes}
        names = {str(path) for path in replaced}
        for claim in self._shared.claims(names, changed, self._environment.distributions()):
            # Owned files only: to parse each of thousands would take minutes.
            if self._shared.matters(claim.path) and not file_effects.has_no_effect(
                Path(claim.path)
            ):
                where = os.path.relpath(claim.path, self._environment.interpreter.prefix)
                raise self._refusal(
                    f"The undo would overwrite {where!a}, which belongs to {claim.owner}"
                )

    def changes_since(
        self, plan: Plan, saved: Collection[Path], changed: Collection[Path]
    ) -> tuple[str, ...]:
        """Return what other programs changed since the transaction that a plan undoes.

        `saved` are the paths that it touched, and `changed` those with a content that it neither
        left nor replaced. What a distribution outside the plan owns, too, is left out.
        """
        installed = self._environment.distributions()
        present = [change.id for change in plan.changes if change.before is not None]
        releases = [self._readable_distribution(name, installed) for name in present]
        changes = LaterChanges(
            prefix=self._environment.interpreter.prefix,
            rows={release: {*self._live_rows(release.path, None)} for release in releases},
            saved={*map(str, saved)},
            changed={*map(str, {*changed} - self.shared_paths(plan, changed))},
        )
        return tuple(changes.clauses())

    def edited_files(self, ids: Collection[NormalizedName]) -> Mapping[Path, Path | None]:
        """Return the files that were edited after they were installed.

        Each maps to the path where the edited version is to be kept; None if it is not kept.
        """
        installed = self._environment.distributions()
        prefix = self._environment.interpreter.prefix
        readable = (installed.get(name) for name in ids)
        return {
            path: kept
            for distribution in readable
            if isinstance(distribution, Distribution)
            for path, kept in edited_files.edited_files(distribution.path, prefix)
        }

    def fingerprints(
        self, ids: Collection[NormalizedName], stage: Path | None = None
    ) -> Mapping[NormalizedName, str]:
        """Return a fingerprint of each of these, which changes when one of its files is edited.

        With a stage, it is the SHA-256 over the paths and hashes of all staged files.
        """
        known = self.staged(stage) if stage is not None else self._environment.distributions()
        readable = [name for name in ids if isinstance(known.get(name), Distribution)]
        fingerprint = record.content_fingerprint if stage is None else record.content_digest
        return {name: fingerprint(known[name].path) for name in readable}

    def damage(
        self,
        plan: Plan,
        others: Mapping[NormalizedName, Collection[Path]] | None = None,
        stage: Path | None = None,
    ) -> tuple[str, ...]:
        """Hash every file that the plan installed; return the missing and the different ones.

        A file without a hash is compared with the staged one. Also return those of `others`, files
        in shared folders, that are missing.
        """
        problems, entries_of = [], dict[str, list[record.Entry]]()
        installed = self._environment.distributions()
        rows = list[tuple[NormalizedName, str, record.Entry]]()
        for change in plan.changes:
            distribution = installed.get(change.id)
            if change.after is None or not isinstance(distribution, Distribution):
                continue
            folder = str(distribution.path.parent)
            for entry in record.entries(distribution.path):
                # Without `..`: after a link it would lead to another folder.
                path = os.path.normpath(f"{folder}/{entry.path}")
                rows.append((change.id, path, entry))
                entries_of.setdefault(path, []).append(entry)
        for name, path, entry in rows:
            problem = _file_problem(path, entries_of[path], self._staged_twin(entry, path, stage))
            if problem is not None:
                problems.append(f"{name}: {entry.path} {problem}")
        for name, paths in (others or {}).items():
            missing = sorted(str(path) for path in paths if not os.path.lexists(path))
            problems += [f"{name}: {path} is missing" for path in missing]
        return tuple(problems)

    def modules(
        self, ids: Collection[NormalizedName], stage: Path | None = None
    ) -> Mapping[NormalizedName, tuple[str, ...]]:
        """Return the top-level modules of distributions, staged ones first."""
        entries = self._entries_of(ids, stage)
        return {
            name: tuple(sorted(record.module_names(rows))) for name, (_, rows) in entries.items()
        }

    def provided(
        self,
        modules: Collection[str],
        ids: Collection[NormalizedName],
        stage: Path | None = None,
    ) -> frozenset[str]:
        """Return those of `modules` that are in distributions, or whose regular package is."""
        return provided_modules.provided(modules, self._entries_of(ids, stage).values())

    def sizes(self, ids: Collection[NormalizedName]) -> Mapping[NormalizedName, int]:
        """Return the sizes in bytes, by RECORD; distributions without sizes are left out."""
        installed = self._environment.distributions()
        sizes = {name: record.size(installed[name].path) for name in ids if name in installed}
        return {name: size for name, size in sizes.items() if size is not None}

    def startup_files(
        self, ids: Collection[NormalizedName], stage: Path | None = None
    ) -> Mapping[NormalizedName, tuple[str, ...]]:
        """Return the files of distributions that run code at every start of Python, if any."""
        startup_files = {}
        for name, (folder, rows) in self._entries_of(ids, stage).items():
            paths = [row.path for row in rows if record.is_startup_file(row.path)]
            running = sorted(path for path in paths if record.runs_code(folder.parent / path))
            if running:
                startup_files[name] = tuple(running)
        return startup_files

    def staged(self, stage: Path) -> Mapping[NormalizedName, Distribution | Unreadable]:
        """Read the staged distributions as if they were installed."""
        interpreter = self._environment.interpreter
        scheme = {
            key: stage / self._path_in_prefix(folder) for key, folder in interpreter.scheme.items()
        }
        search = tuple(dict.fromkeys((scheme["purelib"], scheme["platlib"])))
        environment = InstalledEnvironment(
            replace(interpreter, prefix=stage, scheme=scheme, search=search)
        )
        return environment.distributions()

    def unhashed(
        self, ids: Collection[NormalizedName], stage: Path
    ) -> Mapping[NormalizedName, tuple[str, ...]]:
        """Return the staged files for which RECORD has no hash, or a weak one, if any.

        The installer also lists the files that the RECORD of a wheel does not list.
        """
        unhashed = {}
        for name, (dist_info, rows) in self._entries_of(ids, stage).items():
            added = tuple(f"{dist_info.name}/{file}" for file in _UNHASHED_FILES)
            paths = [row.path for row in rows if row.hash is None and row.path not in added]
            if paths:
                unhashed[name] = tuple(sorted(paths))
        return unhashed

    def _staged_twin(self, entry: record.Entry, path: str, stage: Path | None) -> Path | None:
        """Return the staged copy of a file without a hash; None for any other file."""
        if entry.hash is not None or stage is None:
            return None
        dist_info, _, name = entry.path.rpartition("/")
        if dist_info.endswith(".dist-info") and name in _UNHASHED_FILES:
            return None
        prefix = self._environment.interpreter.prefix
        return stage / os.path.relpath(path, prefix)

    def _entries_of(
        self, ids: Collection[NormalizedName], stage: Path | None
    ) -> dict[NormalizedName, tuple[Path, Sequence[record.Entry]]]:
        installed = self._environment.distributions()
        staged = self.staged(stage) if stage is not None else {}
        entries_by_name = {}
        for name in ids:
            release = staged.get(name) or installed.get(name)
            if release is not None and (name in staged or isinstance(release, Distribution)):
                entries_by_name[name] = (release.path, record.entries(release.path))
        return entries_by_name

    def _raise_if_overwritten(
        self,
        new: Mapping[Path, NormalizedName],
        old: Collection[Path],
        plan: Plan,
        installed: Installed,
        stage: Path,
    ) -> None:
        """Refuse to overwrite a file outside the plan, unless it has the same effect."""
        ids = {change.id for change in plan.changes}
        others = [*self._shared.claims({str(path) for path in new}, ids, installed)]
        reason = self._shared.overwrite_reason(new, old, others, stage)
        if reason is not None:
            raise self._refusal(reason)

    def _unpacking_folders(self, staged: Installed) -> set[Path]:
        """Return the folders of data that an installer may leave in site-packages if it fails."""
        prefix = self._environment.interpreter.prefix
        folders = set[Path]()
        for release in staged.values():
            relative_folder = self._path_in_prefix(self._package_folders[0])
            name = f"{release.path.name.removesuffix('.dist-info')}.data"
            folder = prefix / relative_folder / name
            if not os.path.lexists(folder):
                folders.add(folder)
        return folders

    def _raise_if_case_collides(self, new: Mapping[Path, NormalizedName]) -> None:
        """Refuse `Foo.py` beside `foo.py` where the file system cannot tell them apart."""
        paths_by_key: dict[str, Path] = {}
        for path in sorted(new) if self._folds_case(self._environment.interpreter.prefix) else ():
            twin = paths_by_key.setdefault(str(path).casefold(), path)
            if twin != path:
                both = f"{twin.name!a} and {path.name!a}"
                raise self._refusal(
                    f"{new[path]} contains {both}, which are the same file on this disk"
                )

    def _readable_distribution(self, name: NormalizedName, installed: Installed) -> Distribution:
        distribution = installed.get(name)
        if not isinstance(distribution, Distribution):
            reason = distribution.reason if distribution is not None else "it is not installed"
            raise self._refusal(f"{name} cannot be changed: {reason}")
        return distribution

    def _staged_claims(self, name: NormalizedName, staged: Installed, stage: Path) -> list[Claim]:
        if name not in staged:
            raise self._refusal(f"The wheel of {name} contains no dist-info folder of that name")
        rows = self._live_rows(staged[name].path, stage)
        return [Claim(owner=name, path=path, sha256=row.sha256) for path, row in rows.items()]

    @property
    def _package_folders(self) -> tuple[Path, ...]:
        scheme = self._environment.interpreter.scheme
        return scheme["purelib"], scheme["platlib"]

    def _path_in_prefix(self, folder: Path) -> Path:
        try:
            return folder.relative_to(self._environment.interpreter.prefix)
        except ValueError:
            raise self._refusal(f"{folder} is outside of the environment") from None

    def _live_rows(self, dist_info: Path, stage: Path | None) -> dict[str, record.Entry]:
        """Map live paths to the rows of a RECORD; refuse paths that no distribution may own."""
        prefix = self._environment.interpreter.prefix
        try:
            return record_paths.existing_rows(
                dist_info, stage or prefix, prefix, self._package_folders
            )
        except ValueError as error:
            raise self._refusal(str(error)) from None

    def _refusal(self, reason: str) -> EnvironmentRefused:
        return EnvironmentRefused(self._environment.interpreter.python, reason)


def _file_problem(path: str, entries: Collection[record.Entry], twin: Path | None) -> str | None:
    """Return what is wrong with a file; its owners may give it several hashes."""
    try:
        if not any(entry.matches(path) for entry in entries):
            return "differs from its hash in RECORD"
        if len(entries) > 1:
            return None
        if twin is not None and twin.is_file() and not filecmp.cmp(twin, path, shallow=False):
            return "differs from its wheel"
    except OSError as error:
        return f"cannot be read ({os_error_text(error)})"
    return None
