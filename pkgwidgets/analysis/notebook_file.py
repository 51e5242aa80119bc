"""Read the code cells of a notebook file: JSON in nbformat 4.

Only what a run needs is read, so a notebook with errors in other fields can be run. Source of the
format: https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

_FORMAT = 4
_PYTHON = ("", "python", "ipython")
_KERNEL_LANGUAGES = {"ir": "r", "julia": "julia", "bash": "bash"}
"""Languages by how the name of a kernel begins, for notebooks that declare no language."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeCell:
    """A code cell: its source and its tags."""

    source: str
    tags: tuple[str, ...] = ()


def code_cells(text: bytes) -> tuple[CodeCell, ...]:
    """Return the code cells that are not empty; if they run in order, the first is `In [1]`.

    Raises `ValueError`, with the reason, if `text` is not a notebook or not one in Python.

    >>> code_cells(b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "1"}]}')
    (CodeCell(source='1', tags=()),)
    """
    content = _parse(text)
    if not isinstance(content, dict):
        raise ValueError("it is not in nbformat 4: it has no cells")
    version, cells = content.get("nbformat", _FORMAT), content.get("cells")
    if version != _FORMAT:
        number = version if isinstance(version, int) else "another version"
        raise ValueError(f"it is not in nbformat 4 but in {number}; open it in Jupyter and save it")
    if not isinstance(cells, list):
        raise ValueError("it is not in nbformat 4: it has no cells")
    language = _language(_mapping(content.get("metadata")))
    if language not in _PYTHON:
        raise ValueError(f"its code is {language}, not Python")
    code = (_code_cell(cell, number) for number, cell in enumerate(cells, 1))
    return tuple(cell for cell in code if cell is not None and cell.source.strip())


def _parse(text: bytes) -> object:
    """Parse the JSON, in UTF-8 with or without a byte order mark."""
    if not text.strip():
        raise ValueError("the file is empty")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(_json_reason(error)) from error
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not in UTF-8 (byte {error.start + 1})") from error
    except RecursionError as error:
        raise ValueError("its JSON is nested too deeply") from error
    except ValueError as error:  # such as a number of many thousand digits
        raise ValueError("it is not valid JSON") from error


def _json_reason(error: json.JSONDecodeError) -> str:
    conflict = re.search(r"^<<<<<<< ", error.doc, re.MULTILINE)
    if conflict:
        line = error.doc.count("\n", 0, conflict.start()) + 1
        return f"it has a merge conflict in line {line}"
    if error.msg.startswith("Unterminated string") or not error.doc[error.pos :].strip():
        return f"it is incomplete: its JSON ends in line {error.doc.rstrip().count(chr(10)) + 1}"
    return f"it is not valid JSON (line {error.lineno}, column {error.colno})"


def _code_cell(cell: object, number: int) -> CodeCell | None:
    """Return a code cell; None for a cell of another type."""
    fields = _mapping(cell)
    if not isinstance(fields.get("cell_type"), str):
        raise ValueError(f"its cell {number} has no type")
    if fields["cell_type"] != "code":
        return None
    source = fields.get("source")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise ValueError(f"its cell {number} has no source")
    if re.search("[\ud800-\udfff]", source):  # a kernel cannot be sent it
        raise ValueError(f"its cell {number} has half a character (a lone surrogate)")
    return CodeCell(source=source, tags=_tags(fields))


def _language(metadata: dict[str, Any]) -> str:
    """Return the language that a notebook declares, in lower case; "" if it declares none."""
    kernel = _mapping(metadata.get("kernelspec"))
    language = kernel.get("language") or _mapping(metadata.get("language_info")).get("name")
    if not language:
        prefix = re.match("[a-z]*", str(kernel.get("name", "")))
        language = _KERNEL_LANGUAGES.get(prefix[0] if prefix else "", "")
    return str(language).lower()[:40]


def _tags(fields: dict[str, Any]) -> tuple[str, ...]:
    tags = _mapping(fields.get("metadata")).get("tags")
    return tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()


def _mapping(value: object) -> dict[str, Any]:
    """Return a JSON object; an empty one in place of another value."""
    return value if isinstance(value, dict) else {}
