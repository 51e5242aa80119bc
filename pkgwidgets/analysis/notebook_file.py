"""The code in a notebook's file, as JSON has it: nbformat 4."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeCell:
    """A cell with code in it: its text, and its tags."""

    source: str
    tags: tuple[str, ...] = ()


def code_cells(text: bytes) -> tuple[CodeCell, ...]:
    """Return the code cells that are not empty: run in their order, the first is `In [1]`.

    Raises `ValueError`, which says why, for what is no notebook, or none in Python.
    """
    try:
        content = json.loads(text)
        cells = tuple(
            CodeCell(source=_source_text(cell["source"]), tags=_tags(cell))
            for cell in content["cells"]
            if cell["cell_type"] == "code" and _source_text(cell["source"]).strip()
        )
        language = _language(content.get("metadata") or {})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("it is not in nbformat 4") from error
    if language not in ("", "python", "ipython"):
        raise ValueError(f"its code is {language}, not Python")
    return cells


def _language(metadata: dict[str, Any]) -> str:
    """Return in which language a notebook says that its code is; "" if it does not say."""
    language = (metadata.get("kernelspec") or {}).get("language")
    language = language or (metadata.get("language_info") or {}).get("name") or ""
    return str(language).lower()[:40]


def _tags(cell: dict[str, Any]) -> tuple[str, ...]:
    tags = (cell.get("metadata") or {}).get("tags") or []
    return tuple(tag for tag in tags if isinstance(tag, str))


def _source_text(source: object) -> str:
    if isinstance(source, str):
        return source
    if isinstance(source, list):
        return "".join(source)
    raise TypeError(source)
