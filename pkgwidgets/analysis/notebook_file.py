"""Read the code cells of a notebook file: JSON in nbformat 4."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeCell:
    """A code cell: its source and its tags."""

    source: str
    tags: tuple[str, ...] = ()


def code_cells(text: bytes) -> tuple[CodeCell, ...]:
    """Return the code cells that are not empty; if they run in order, the first is `In [1]`.

    Raises `ValueError`, with the reason, if `text` is not a notebook or not one in Python.
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
    """Return the language that a notebook declares; "" if it declares none."""
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
