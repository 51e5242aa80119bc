"""The marks of copies: which folders we made, and how far each copy is.

A mark is beside the folder of its copy, so that it outlives an interrupted removal. Only a
folder with a mark is ever removed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pkgwidgets.backends.store import filesystem
from pkgwidgets.core.copies import CopyPlan, EnvironmentCopy, checked_copy_name, known_kernel_name
from pkgwidgets.core.errors import InvalidRequest

_FORMAT = 1
_SUFFIX = ".json"


class State(StrEnum):
    """How far a copy is. Only a complete one is offered."""

    BUILDING = "building"
    BUILT = "built"
    """The environment is whole and checked; its kernel may be missing."""
    COMPLETE = "complete"
    REMOVING = "removing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """The mark of one copy; `kernel_folder` is "" without a kernel."""

    state: State
    name: str
    source: str
    python_version: str
    packages: int
    kernel: str
    kernel_folder: str
    created: str
    notes: tuple[str, ...] = ()
    kept: bool = False
    return_to: str = ""

    def to_copy(self, root: Path) -> EnvironmentCopy:
        """Return what a user sees of a complete copy."""
        return EnvironmentCopy(
            name=self.name,
            folder=root / self.name,
            python=root / self.name / "bin" / "python",
            python_version=self.python_version,
            source=Path(self.source),
            packages=self.packages,
            kernel=self.kernel,
            created=datetime.fromisoformat(self.created),
            notes=self.notes,
            kept=self.kept,
            return_to=self.return_to,
        )


def mark_of(plan: CopyPlan, kernel_folder: Path | None, created: datetime) -> Mark:
    """Return the mark of a copy that is about to be made."""
    return Mark(
        state=State.BUILDING,
        name=plan.name,
        source=str(plan.source),
        python_version=plan.python_version,
        packages=len(plan.packages),
        kernel=plan.kernel,
        kernel_folder=str(kernel_folder) if plan.kernel and kernel_folder is not None else "",
        created=created.isoformat(),
        return_to=plan.return_to,
    )


def write_mark(folder: Path, mark: Mark) -> None:
    """Write a mark, durably and in one step."""
    fields = {name: getattr(mark, name) for name in Mark.__slots__}
    text = json.dumps({"format": _FORMAT, **fields}, indent=1)
    filesystem.write_whole(folder / f"{mark.name}{_SUFFIX}", text.encode())


def remove_mark(folder: Path, name: str) -> None:
    """Remove a mark; its copy no longer exists then."""
    filesystem.remove(folder / f"{name}{_SUFFIX}")
    filesystem.sync_path(folder)


def read_marks(folder: Path) -> dict[str, Mark]:
    """Return the marks by name; what cannot be read is no mark."""
    marks = (_read_mark(file) for file in sorted(folder.glob(f"*{_SUFFIX}")))
    return {mark.name: mark for mark in marks if mark is not None}


def _read_mark(file: Path) -> Mark | None:
    try:
        fields: dict[str, Any] = json.loads(file.read_bytes())
        if fields.pop("format") != _FORMAT or fields["name"] != file.name.removesuffix(_SUFFIX):
            return None
        checked_copy_name(fields["name"])
        datetime.fromisoformat(fields["created"])
        fields |= {
            "state": State(fields["state"]),
            "notes": tuple(fields["notes"]),
            "kept": fields.get("kept") is True,
            "return_to": known_kernel_name(fields.get("return_to")),
        }
        return Mark(**fields)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, InvalidRequest):
        return None
