"""Files that several distributions own, and what a plan may do to them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName

from pkgwidgets.backends.store import filesystem
from pkgwidgets.core.dependency_graph import Installed
from pkgwidgets.core.interfaces import Environment

from . import file_effects, record


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """One distribution's claim of a path, with the hash that its RECORD gives."""

    owner: NormalizedName
    path: str
    sha256: str | None


class SharedFiles:
    """Finds the other owners of files in one environment."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def claims(
        self, paths: Collection[str], changed: Collection[NormalizedName], installed: Installed
    ) -> Iterator[Claim]:
        """Yield the claims of `paths` by distributions that are not `changed`."""
        folders = self._package_folders
        names = record.all_first_names(_relative_paths(paths, folders))
        for name, distribution in installed.items():
            if name in changed or distribution.path.parent not in folders:
                continue
            for entry in record.entries_in(distribution.path, names):
                path = os.path.normpath(f"{distribution.path.parent}/{entry.path}")
                if path in paths:
                    yield Claim(owner=name, path=path, sha256=entry.sha256)

    def matters(self, path: str) -> bool:
        """Return whether another content at this path would change what programs do."""
        for folder in self._package_folders:
            if path.startswith(f"{folder}/"):
                return file_effects.matters_in_packages(path[len(str(folder)) + 1 :])
        prefix = self._environment.interpreter.prefix
        return file_effects.matters_in_prefix(path[len(str(prefix)) + 1 :])

    def conflict_reasons(
        self,
        claims: Collection[Claim],
        others: Collection[Claim],
        leaving: Collection[NormalizedName],
    ) -> Mapping[NormalizedName, str]:
        """Return which distributions cannot be replaced, because two own a file with two contents.

        A distribution in `leaving` can be removed: the other owner keeps the file. A source
        without statements is judged later, when its new content is known.
        """
        reasons = dict[NormalizedName, str]()
        known = dict[str, list[Claim]]()
        for claim in [*claims, *others]:
            known.setdefault(claim.path, []).append(claim)
        for path, owners in known.items():
            hashes = {claim.sha256 for claim in owners} - {None}
            if (
                len(hashes) > 1
                and self.matters(path)
                and not file_effects.has_no_effect(Path(path))
            ):
                for claim in owners:
                    other = next(other.owner for other in owners if other.sha256 != claim.sha256)
                    where = os.path.relpath(path, self._package_folders[0])
                    reason = f"{other} has the same file {where!a} with another content"
                    if claim in claims and claim.owner not in leaving:
                        reasons.setdefault(claim.owner, reason)
        return reasons

    def overwrite_reason(
        self,
        new: Mapping[Path, NormalizedName],
        old: Collection[Path],
        others: Collection[Claim],
        stage: Path,
    ) -> str | None:
        """Return why a staged file may not replace the one at its path; None if all may.

        It may replace a file of the plan's own distributions, one with the same effect, and
        another distribution's file whose content does not matter.
        """
        prefix = self._environment.interpreter.prefix
        claimed = dict[str, list[Claim]]()
        for claim in others:
            claimed.setdefault(claim.path, []).append(claim)
        for path, name in new.items():
            owners = claimed.get(str(path), [])
            if not path.exists() or (path in old and not owners):
                continue
            if path.is_file() and (
                file_effects.have_same_effect(stage / path.relative_to(prefix), path)
                or (owners and not self.matters(str(path)))
            ):
                continue
            where = str(path.relative_to(prefix))
            owner = (
                f"which belongs to {owners[0].owner}" if owners else "which does not belong to it"
            )
            return f"{name} would overwrite {where!a}, {owner}"
        return None

    def staged_conflict_reason(self, staged: Collection[Claim], stage: Path) -> str | None:
        """Return which two staged distributions bring one file with two contents, if any do.

        Only one of the two contents was unpacked.
        """
        prefix = self._environment.interpreter.prefix
        first_claims = dict[str, Claim]()
        for claim in staged:
            first = first_claims.setdefault(claim.path, claim)
            hashes = {first.sha256, claim.sha256}
            if len(hashes) == 1 or None in hashes or not self.matters(claim.path):
                continue
            candidates = (stage / Path(claim.path).relative_to(prefix), Path(claim.path))
            if not hashes <= _effectless_hashes(candidates):
                where = os.path.relpath(claim.path, prefix)
                return f"{first.owner} and {claim.owner} would both install {where!a}"
        return None

    @property
    def _package_folders(self) -> tuple[Path, ...]:
        scheme = self._environment.interpreter.scheme
        return scheme["purelib"], scheme["platlib"]


def _relative_paths(paths: Collection[str], folders: Collection[Path]) -> Iterator[str]:
    """Yield paths relative to the first of `folders` that holds them, else `..`."""
    starts = [f"{folder}/" for folder in folders]
    for path in paths:
        yield next((path[len(start) :] for start in starts if path.startswith(start)), "..")


def _effectless_hashes(files: Collection[Path]) -> set[str | None]:
    """Return the hashes of those sources without a statement, and of the empty file."""
    sources = [file for file in files if file_effects.has_no_effect(file)]
    return {record.EMPTY_SHA256, *(filesystem.sha256(file) for file in sources)}
