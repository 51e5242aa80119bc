"""What the RECORD files of an environment say: whose files are whose, and are they all there."""

from __future__ import annotations

import filecmp
import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from packaging.utils import NormalizedName

from pkgwidgets.backends.store.filesystem import os_error_text
from pkgwidgets.core.dependency_graph import Installed
from pkgwidgets.core.environment import Distribution, Unreadable
from pkgwidgets.core.errors import EnvironmentRefused
from pkgwidgets.core.interfaces import Environment
from pkgwidgets.core.plans import Plan

from . import record, record_paths
from .installed_environment import DATA_FOLDER, InstalledEnvironment

_UNHASHED = (*record.ADDED, "RECORD.jws", "RECORD.p7s")


def _folds_case(prefix: Path) -> bool:
    """Tell whether the file system takes `A` and `a` for one name."""
    return (prefix / DATA_FOLDER).exists() and (prefix / DATA_FOLDER.upper()).exists()


class RecordFiles:
    """The RECORD files of one environment, and of a stage laid out like its prefix."""

    def __init__(
        self, environment: Environment, folds_case: Callable[[Path], bool] = _folds_case
    ) -> None:
        self._environment = environment
        self._folds_case = folds_case

    def touched_paths(self, plan: Plan, stage: Path | None) -> frozenset[Path]:
        """Return every path that the plan removes or writes.

        Raises `EnvironmentRefused` for a RECORD that is missing or hostile: a path outside of the
        environment's folders, or a folder; and for a file that is another's, too.
        """
        installed = self._environment.distributions()
        staged = self.staged(stage) if stage is not None else {}
        old, new = set[Path](), dict[Path, NormalizedName]()
        for change in plan.changes:
            if change.before is not None:
                old |= self._files(self._known(change.id, installed).path, None)
            if change.after is not None and stage is not None:
                new.update(dict.fromkeys(self._brought(change.id, staged, stage), change.id))
        ids = {change.id for change in plan.changes}
        if stage is None:
            leaving = [change.id for change in plan.changes if change.after is None]
            self._raise_if_claimed([c.id for c in plan.changes if c.before is not None], leaving)
        else:
            self._raise_if_shared(old, ids, installed, stage)
            self._raise_if_taken({path: id for path, id in new.items() if path not in old}, stage)
            self._raise_if_one_file(new)
        return frozenset(old | new.keys())

    def unchangeable_reasons(
        self, ids: Collection[NormalizedName], leaving: Collection[NormalizedName] = ()
    ) -> Mapping[NormalizedName, str]:
        """Say of which of these the files cannot be replaced, or removed if `leaving`, and why."""
        installed = self._environment.distributions()
        said, claims = dict[NormalizedName, str](), dict[str, tuple[NormalizedName, str | None]]()
        names = set[str]()
        for id in ids:
            try:
                rows = self._live_rows(self._known(id, installed).path, None)
            except EnvironmentRefused as error:
                said[id] = error.reason
                continue
            claims |= {path: (id, row.sha256) for path, row in rows.items()}
            plain = (record.Entry(os.path.normpath(row.path), None) for row in rows.values())
            names |= record.first_names(plain)
        for other, entry, path in self._others(claims, names, ids, installed):
            owner, sha256 = claims[path]
            if owner in leaving or sha256 is None or sha256 != entry.sha256:
                said.setdefault(owner, f"{other} owns {entry.path!a}, too: it would break")
        return said

    def fingerprints(
        self, ids: Collection[NormalizedName], stage: Path | None = None
    ) -> Mapping[NormalizedName, str]:
        """Return, for each of these, a text that differs if one of its files was edited.

        Of what is staged, the sha256 over all that came: paths and contents.
        """
        known = self.staged(stage) if stage is not None else self._environment.distributions()
        found = {id: known[id] for id in ids if isinstance(known.get(id), Distribution)}
        look = record.content_fingerprint if stage is None else record.content
        return {id: look(each.path) for id, each in found.items()}

    def damage(
        self, plan: Plan, others: Mapping[NormalizedName, Collection[Path]] | None = None
    ) -> tuple[str, ...]:
        """Hash every file that the plan installed; name what is missing or differs.

        And which files of `others`, who share folders with it, are gone.
        """
        problems = []
        installed = self._environment.distributions()
        for change in plan.changes:
            found = installed.get(change.id)
            if change.after is None or not isinstance(found, Distribution):
                continue
            for entry in record.entries(found.path):
                problem = _differs(found.path.parent / entry.path, entry.sha256)
                if problem is not None:
                    problems.append(f"{change.id}: {entry.path} {problem}")
        for id, paths in (others or {}).items():
            gone = sorted(str(path) for path in paths if not os.path.lexists(path))
            problems += [f"{id}: {path} is gone" for path in gone]
        return tuple(problems)

    def modules(
        self, ids: Collection[NormalizedName], stage: Path | None = None
    ) -> Mapping[NormalizedName, tuple[str, ...]]:
        """Return the top-level modules of distributions; of the staged one where there is one."""
        found = self._entries_of(ids, stage)
        return {id: tuple(sorted(record.module_names(rows))) for id, (_, rows) in found.items()}

    def sizes(self, ids: Collection[NormalizedName]) -> Mapping[NormalizedName, int]:
        """Return the bytes of distributions, as RECORDs count them; without any: left out."""
        installed = self._environment.distributions()
        found = {id: record.size(installed[id].path) for id in ids if id in installed}
        return {id: size for id, size in found.items() if size is not None}

    def startup_files(
        self, ids: Collection[NormalizedName], stage: Path | None = None
    ) -> Mapping[NormalizedName, tuple[str, ...]]:
        """Return the files of distributions that run code at every start of Python, if any."""
        found = {}
        for id, (folder, rows) in self._entries_of(ids, stage).items():
            files = [row.path for row in rows if record.is_start(row.path)]
            running = sorted(name for name in files if record.runs_code(folder.parent / name))
            if running:
                found[id] = tuple(running)
        return found

    def staged(self, stage: Path) -> Mapping[NormalizedName, Distribution | Unreadable]:
        """Read what was staged, as if it were installed.

        What came with a file that its RECORD does not know, which the installer listed without a
        hash, cannot be told from what was slipped in: it is unreadable.
        """
        facts = self._environment.interpreter
        scheme = {name: stage / self._inside(folder) for name, folder in facts.scheme.items()}
        search = tuple(dict.fromkeys((scheme["purelib"], scheme["platlib"])))
        found = InstalledEnvironment(replace(facts, prefix=stage, scheme=scheme, search=search))
        return {id: _check_complete(each) for id, each in found.distributions().items()}

    def _entries_of(
        self, ids: Collection[NormalizedName], stage: Path | None
    ) -> dict[NormalizedName, tuple[Path, list[record.Entry]]]:
        installed = self._environment.distributions()
        staged = self.staged(stage) if stage is not None else {}
        found = {}
        for id in ids:
            known = staged.get(id) or installed.get(id)
            if known is not None and (id in staged or isinstance(known, Distribution)):
                found[id] = (known.path, record.entries(known.path))
        return found

    def _others(
        self,
        paths: Collection[str],
        names: Collection[str],
        ids: Collection[NormalizedName],
        installed: Installed,
    ) -> Iterator[tuple[NormalizedName, record.Entry, str]]:
        """Yield the rows of other distributions, of these names, that name one of these paths."""
        for id, other in installed.items():
            if id not in ids and other.path.parent in self._roots:
                for entry in record.entries_in(other.path, names):
                    path = os.path.normpath(f"{other.path.parent}/{entry.path}")
                    if path in paths:
                        yield id, entry, path

    def _raise_if_claimed(
        self, ids: Collection[NormalizedName], leaving: Collection[NormalizedName]
    ) -> None:
        for reason in self.unchangeable_reasons(ids, leaving).values():
            raise self._refused(reason)

    def _raise_if_shared(
        self,
        old: Collection[Path],
        ids: Collection[NormalizedName],
        installed: Installed,
        stage: Path,
    ) -> None:
        """Refuse to take a file that another distribution owns too, unless it stays the same."""
        prefix = self._environment.interpreter.prefix
        inside = (os.path.relpath(path, self._roots[0]) for path in old)
        names = record.first_names(record.Entry(path, None) for path in inside)
        for id, entry, path in self._others({str(each) for each in old}, names, ids, installed):
            staged = stage / Path(path).relative_to(prefix)
            if not staged.exists() or not filecmp.cmp(staged, path, shallow=False):
                raise self._refused(f"{id} owns {entry.path!a}, too: it would break")

    def _raise_if_taken(self, new: Mapping[Path, NormalizedName], stage: Path) -> None:
        """Refuse to overwrite what is not the plan's, unless it would stay the same."""
        prefix = self._environment.interpreter.prefix
        for path, id in new.items():
            staged = stage / path.relative_to(prefix)
            if path.exists() and not (path.is_file() and filecmp.cmp(staged, path, shallow=False)):
                where = str(path.relative_to(prefix))
                raise self._refused(f"{id} would overwrite {where!a}, which is not its own")

    def _raise_if_one_file(self, new: Mapping[Path, NormalizedName]) -> None:
        """Refuse `Foo.py` beside `foo.py` where the file system cannot tell them apart."""
        known: dict[str, Path] = {}
        for path in sorted(new) if self._folds_case(self._environment.interpreter.prefix) else ():
            twin = known.setdefault(str(path).casefold(), path)
            if twin != path:
                both = f"{twin.name!a} and {path.name!a}"
                raise self._refused(f"{new[path]} brings {both}, which are one file on this disk")

    def _known(self, id: NormalizedName, installed: Installed) -> Distribution:
        found = installed.get(id)
        if not isinstance(found, Distribution):
            reason = found.reason if found is not None else "it is not installed"
            raise self._refused(f"{id} cannot be changed: {reason}")
        return found

    def _brought(self, id: NormalizedName, staged: Installed, stage: Path) -> set[Path]:
        if id not in staged:
            raise self._refused(f"the wheel of {id} brought no dist-info of that name")
        return self._files(staged[id].path, stage)

    @property
    def _roots(self) -> tuple[Path, ...]:
        scheme = self._environment.interpreter.scheme
        return scheme["purelib"], scheme["platlib"]

    def _inside(self, folder: Path) -> Path:
        try:
            return folder.relative_to(self._environment.interpreter.prefix)
        except ValueError:
            raise self._refused(f"{folder} lies outside of its prefix") from None

    def _files(self, dist_info: Path, stage: Path | None) -> set[Path]:
        return set(map(Path, self._live_rows(dist_info, stage)))

    def _live_rows(self, dist_info: Path, stage: Path | None) -> dict[str, record.Entry]:
        """Map live paths to the rows of a RECORD, and refuse what is not a distribution's own."""
        prefix = self._environment.interpreter.prefix
        try:
            return record_paths.existing_rows(dist_info, stage or prefix, prefix, self._roots)
        except ValueError as error:
            raise self._refused(str(error)) from None

    def _refused(self, reason: str) -> EnvironmentRefused:
        return EnvironmentRefused(self._environment.interpreter.python, reason)


def _check_complete(found: Distribution | Unreadable) -> Distribution | Unreadable:
    for row in record.entries(found.path) if isinstance(found, Distribution) else ():
        own = row.path.startswith(f"{found.path.name}/") and row.path.endswith(_UNHASHED)
        if row.sha256 is None and not own:
            reason = f"its wheel has the file {row.path!a}, which its RECORD does not list"
            return Unreadable(id=found.id, path=found.path, reason=reason)
    return found


def _differs(path: Path, sha256: str | None) -> str | None:
    try:
        with path.open("rb") as file:
            if sha256 is not None and hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                return "differs from RECORD"
    except OSError as error:
        return f"cannot be read ({os_error_text(error)})"
    return None
