"""Odd notebook files: their code is read, or one sentence says what is wrong with the file."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from pkgwidgets.analysis.notebook_file import CodeCell, code_cells
from pkgwidgets.backends.sandbox import notebook_reader
from pkgwidgets.core.errors import InvalidRequest


def code(source: object = "1", **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, **more}


def notebook(*cells: object, **more: Any) -> dict[str, Any]:
    return {"nbformat": 4, "nbformat_minor": 0, "cells": list(cells), **more}


READABLE = {
    "no metadata, no outputs, no id": notebook(code()),
    "null everywhere": notebook(
        code(metadata=None, outputs=None, execution_count=None), metadata=None
    ),
    "null tags": notebook(code(metadata={"tags": None})),
    "tags of another type": notebook(code(metadata={"tags": 5}), code("", metadata=["tags"])),
    "null kernelspec": notebook(code(), metadata={"kernelspec": None, "language_info": None}),
    "kernelspec of another type": notebook(code(), metadata={"kernelspec": "python3"}),
    "same id twice": notebook(code(id="a"), code("\n", id="a"), nbformat_minor=5),
    "lines, and prose without a source": notebook(code(["", "1"]), {"cell_type": "markdown"}),
    "no version": {"cells": [code()]},
}


@pytest.mark.parametrize("content", READABLE.values(), ids=READABLE)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_code_is_read_whatever_other_fields_hold(content: object, encoding: str) -> None:
    text = json.dumps(content).encode(encoding)
    assert code_cells(text) == (CodeCell(source="1"),)


def test_only_texts_are_tags() -> None:
    content = notebook(code(metadata={"tags": ["a", None, 3, "b"]}))
    assert code_cells(json.dumps(content).encode()) == (CodeCell(source="1", tags=("a", "b")),)


GOOD = json.dumps(notebook(code(), code("x = 'ü'")), indent=1, ensure_ascii=False)
UNREADABLE = {
    "": "the file is empty",
    " \n": "the file is empty",
    "Dear diary": "it is not valid JSON (line 1, column 1)",
    GOOD[:60]: "it is incomplete: its JSON ends in line 6",
    GOOD[: GOOD.index("'ü")]: "it is incomplete: its JSON ends in line 11",
    f"{GOOD[:2]}<<<<<<< HEAD\n{GOOD[2:]}": "it has a merge conflict in line 2",
    '{"cells": [' + "1" * 9000 + "]}": "it is not valid JSON",
    "[" * 100_000: "its JSON is nested too deeply",
    "[]": "it is not in nbformat 4: it has no cells",
    "null": "it is not in nbformat 4: it has no cells",
    "{}": "it is not in nbformat 4: it has no cells",
    '{"nbformat": 4, "cells": {}}': "it is not in nbformat 4: it has no cells",
    '{"nbformat": 3, "worksheets": [{"cells": []}]}': (
        "it is not in nbformat 4 but in 3; open it in Jupyter and save it"
    ),
    '{"nbformat": "new", "cells": []}': (
        "it is not in nbformat 4 but in another version; open it in Jupyter and save it"
    ),
    json.dumps(notebook(code(), 3)): "its cell 2 has no type",
    json.dumps(notebook({"cell_type": "code"})): "its cell 1 has no source",
    json.dumps(notebook(code(["1", None]))): "its cell 1 has no source",
    json.dumps(notebook(code(), code("'\ud83d'"))): (
        "its cell 2 has half a character (a lone surrogate)"
    ),
    json.dumps(notebook(metadata={"kernelspec": {"name": "ir"}})): "its code is r, not Python",
    json.dumps(notebook(metadata={"kernelspec": {"name": "julia-1.9"}})): (
        "its code is julia, not Python"
    ),
}


@pytest.mark.parametrize(("text", "reason"), UNREADABLE.items(), ids=UNREADABLE.values())
def test_reason_is_about_the_notebook(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        code_cells(text.encode())


def test_text_in_another_encoding_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^it is not in UTF-8 \(byte \d+\)$"):
        code_cells(GOOD.encode("latin-1"))


def test_what_is_no_regular_file_is_refused_without_opening_it(tmp_path: Path) -> None:
    """A pipe would block the reader for ever, and a huge file fill the memory."""
    pipe, huge, folder = tmp_path / "pipe.ipynb", tmp_path / "huge.ipynb", tmp_path / "a.ipynb"
    os.mkfifo(pipe)
    folder.mkdir()
    with huge.open("wb") as file:
        file.truncate(notebook_reader.MAX_BYTES + 1)
    for path, reason in (
        (pipe, "it is not a file"),
        (folder, "it is not a file"),
        (huge, "it holds more than 500.0 MB; clear its outputs"),
        (tmp_path / "gone.ipynb", "No such file or directory"),
        (tmp_path / "a\0b.ipynb", "embedded null byte"),
    ):
        with pytest.raises(InvalidRequest) as raised:
            notebook_reader.read_notebook(path)
        assert raised.value.reason == reason
