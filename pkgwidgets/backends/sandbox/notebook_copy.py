"""Copy the project of a notebook, for a run that may write into it."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.text import format_size

from .folder_tree import CopyLimits, FolderTree, Tick, TooLarge, copy_tree, list_tree
from .project_root import Root, candidate_roots, given_root


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectCopy:
    """The copy of a notebook's project, or of less: then `note` says why.

    `folder` is the notebook's own folder in the copy. `protected` are the originals of the copy.
    """

    original: Path
    copy: Path
    folder: Path
    protected: frozenset[str]
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a folder is not copied, such as `holds more than 100000 files`, and the next step."""

    root: Root
    fact: str
    step: str


def copy_project(
    notebook: Path,
    place: Path,
    *,
    root: Path | None = None,
    excluded: Collection[Path] = (),
    limits: CopyLimits = CopyLimits(),
    tick: Tick = lambda: None,
) -> ProjectCopy:
    """Copy the notebook's project into `place`, under its own name.

    Without `root`, the project is found by its marks, such as `.git`. If it is too large, only the
    notebook's folder is copied. The `excluded` paths are left out. Raises `InvalidRequest` if the
    folder is too large or the disk too full, before the copy, and if it cannot be read.
    """
    refusals: list[_Refusal] = []
    try:
        for candidate in _candidates(notebook, root):
            result = _list_or_refuse(candidate, notebook, place, excluded, limits, tick)
            if isinstance(result, FolderTree):
                target = place / (candidate.folder.name or "root")
                copy_tree(result, target, tick)
                return ProjectCopy(
                    original=candidate.folder,
                    copy=target,
                    folder=target / notebook.parent.relative_to(candidate.folder),
                    protected=frozenset(result.protected()),
                    note=_note(candidate, refusals),
                )
            refusals.append(result)
    except OSError as error:
        reason = f"its folder cannot be copied ({str(error)[:200]})"
        raise InvalidRequest("notebook to rehearse", str(notebook), reason) from error
    refusal = refusals[-1]
    subject = "its folder" if root is None else f"{root}"
    reason = f"{subject} {refusal.fact}; {refusal.step}"
    raise InvalidRequest("notebook to rehearse", str(notebook), reason)


def _candidates(notebook: Path, root: Path | None) -> Iterator[Root]:
    if root is None:
        yield from candidate_roots(notebook)
    else:
        yield given_root(root, notebook)


def _list_or_refuse(
    root: Root,
    notebook: Path,
    place: Path,
    excluded: Collection[Path],
    limits: CopyLimits,
    tick: Tick,
) -> FolderTree | _Refusal:
    is_own = root.folder == notebook.parent
    smaller = "move the notebook to its own folder" if is_own else "give a smaller folder as `root`"
    try:
        tree = list_tree(root, excluded, limits, tick)
    except TooLarge as error:
        return _Refusal(root, str(error), smaller)
    if str(notebook.parent.relative_to(root.folder)) not in (".", *tree.folders):
        return _Refusal(root, f"has {notebook.parent} in what is not copied", smaller)
    existing_parent = next(folder for folder in (place, *place.parents) if folder.exists())
    free_bytes = shutil.disk_usage(existing_parent).free
    if tree.total_bytes > free_bytes:
        free_space = f"but only {format_size(free_bytes)} are free in {existing_parent}"
        fact = f"holds {format_size(tree.total_bytes)}, {free_space}"
        return _Refusal(root, fact, "set TMPDIR to another folder")
    return tree


def _note(copied: Root, refusals: list[_Refusal]) -> str:
    """Return what the copy lacks, with a next step; "" for a whole project."""
    if refusals:
        project, fact = refusals[0].root.folder, refusals[0].fact
        name = "a smaller folder above the notebook"
        return f"Only {copied.folder} was copied: {project} {fact}. Give {name} as `root`."
    if copied.skip_folders:
        step = "Move the notebook to a folder of its own, or give a folder as `root`."
        return f"Only the files beside the notebook were copied, no folders. {step}"
    return ""
