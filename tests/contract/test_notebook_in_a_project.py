"""A rehearsed notebook finds its project around it, and changes nothing of it: real kernels."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scratch_notebooks import write

from pkgwidgets.analysis.notebook_runs import CellRun, NotebookRun
from pkgwidgets.backends.environment import interpreter as interpreter_module
from pkgwidgets.backends.sandbox.folder_tree import CopyLimits
from pkgwidgets.backends.sandbox.notebook_runner import KernelNotebookRunner

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path / "field-study"
    for folder in (".git/objects", "data", "src/beds", "reports/may"):
        (project / folder).mkdir(parents=True)
    (project / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (project / "data" / "rows.csv").write_text("x\n1\n")
    (project / "src" / "beds" / "__init__.py").write_text("def count(): return 12\n")
    (project / "src" / "setup_names.py").write_text("width = 3\n")
    (project / "reports" / "may" / "beside.py").write_text("length = 4\n")
    (project / "reports" / "may" / "current").symlink_to("../../data")
    with sqlite3.connect(project / "data" / "beds.sqlite") as database:
        database.execute("create table beds (n)")
    database.close()
    return project


def run(place: Path, *cells: str, **options: Any) -> NotebookRun:
    runner = KernelNotebookRunner(interpreter_module.describe(), **options)
    (result,) = runner.run([runner.read(write(place / "story.ipynb", *cells))])
    assert result.failure == ""
    return result


def state(folder: Path) -> dict[str, object]:
    return dict(_state_of_files(folder))


def _state_of_files(folder: Path) -> Iterator[tuple[str, object]]:
    for path in folder.rglob("*"):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        yield str(path), (status.st_mode, status.st_mtime_ns, status.st_ino, content)


def errors(cells: tuple[CellRun, ...]) -> list[str]:
    return [cell.error for cell in cells]


def test_notebook_finds_the_project_around_it(project: Path) -> None:
    result = run(
        project / "reports" / "may",
        "open('../../data/rows.csv').read()",
        "import sys; sys.path.insert(0, '../../src')\nimport beds\nbeds.count()",
        "%run ../../src/setup_names.py\nwidth",
        "from beside import length\nlength",
        "open('current/rows.csv').read()",
        "from pathlib import Path\n[Path.cwd().name, Path.cwd().parents[1].name]",
        "next(str(p) for p in Path.cwd().parents if (p / '.git').exists())",
        "str(Path('../../..').resolve())",
        "%cd ..\nopen('may/beside.py').read()",
        "%cd -q ../data\nPath('rows.csv').exists()",
        "import inspect; inspect.getfile(beds)",
    )
    assert errors(result.cells) == [""] * 11
    assert [cell.text for cell in result.cells] == [
        r"'x\n1\n'", "12", "3", "4", r"'x\n1\n'", "['may', 'field-study']", repr(str(project)),
        repr(str(project.parent)), f"{project / 'reports'}\n" + r"'length = 4\n'", "True",
        repr(f"{project / 'reports' / 'may'}/../../src/beds/__init__.py"),
    ]  # fmt: skip
    assert result.note == ""


def test_writes_of_a_cell_stay_in_the_copy(project: Path) -> None:
    place = project / "reports" / "may"
    (place / "absolute").symlink_to(project / "data")
    os.link(project / "data" / "rows.csv", project / "data" / "same.csv")
    cells = (
        "open('../../data/rows.csv', 'w').write('')",
        "open('current/rows.csv', 'a').write('2')",
        "open('absolute/rows.csv', 'r+').truncate()",
        "open('../../data/same.csv', 'w').close()",
        "import os; os.truncate('beside.py', 0); os.chmod('beside.py', 0o600); os.utime('.')",
        "open('new', 'w').close(); os.replace('new', 'beside.py')",
        "import sqlite3; d = sqlite3.connect('../../data/beds.sqlite')",
        "d.execute('insert into beds values (1)'); d.commit(); d.close()",
        "import mmap; f = open('../../src/beds/__init__.py', 'r+b')\n"
        "m = mmap.mmap(f.fileno(), 0); m[:3] = b'xxx'; m.close(); f.close()",
        "!echo more >> ../../data/rows.csv; chmod 000 ../../data/rows.csv; rm current",
        "import shutil; shutil.rmtree('../../src'); os.remove('story.ipynb')",
        "os.mkdir('../../results'); os.rename('../../reports', '../../old')",
    )
    before = state(project)
    assert errors(run(place, *cells).cells) == [""] * len(cells)
    after = state(project)
    story = str(place / "story.ipynb")  # `run` writes it
    assert {**after, story: None, str(place): None} == {**before, story: None, str(place): None}


def test_python_is_refused_to_write_to_the_originals(project: Path, tmp_path: Path) -> None:
    """They are reached by absolute paths, and by links that lead out of the project."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "far.csv").write_text("far")
    (project / "data" / "linked").symlink_to(outside)
    place, root = project / "reports" / "may", repr(str(project))
    allowed = (
        f"import os, shutil, sqlite3, tempfile; from pathlib import Path; root = Path({root})",
        "(root / 'data' / 'rows.csv').read_text()",
        "Path('../../data/linked/far.csv').read_text()",
        "sqlite3.connect(f'file:{root}/data/beds.sqlite?mode=ro', uri=True)"
        ".execute('select * from beds').fetchall()",
        "sqlite3.connect(':memory:').close(); tempfile.TemporaryFile().close()",
        f"Path({str(tmp_path / 'elsewhere')!r}).write_text('mine')",
    )
    refused = (
        "(root / 'data' / 'rows.csv').write_text('')",
        "open('../../data/linked/far.csv', 'a')",
        "os.remove('../../data/linked/far.csv')",
        "os.open(root / 'data' / 'rows.csv', os.O_RDWR)",
        "os.replace('beside.py', root / 'data' / 'rows.csv')",
        "(root / 'data' / 'rows.csv').unlink()",
        "shutil.rmtree(root / 'data')",
        "os.link(root / 'data' / 'rows.csv', 'own.csv')",
        "(root / 'data' / 'rows.csv').chmod(0)",
        "sqlite3.connect(root / 'data' / 'beds.sqlite')",
        "os.remove('../../data/linked'); os.chdir(root); open('new.txt', 'w')",
    )
    before = {**state(project), **state(outside)}
    cells = run(place, *allowed, *refused).cells
    assert errors(cells[:6]) == [""] * 6
    assert [cell.text for cell in cells[1:4]] == [r"'x\n1\n'", "'far'", "[]"]
    assert [cell.error for cell in cells[6:] if "not change the original" not in cell.error] == []
    after = {**state(project), **state(outside)}
    story = str(place / "story.ipynb")
    assert {**after, story: None, str(place): None} == {**before, story: None, str(place): None}


def test_project_without_a_mark_is_given(project: Path) -> None:
    (project / ".git").rename(project / "no-git")
    place = project / "reports" / "may"
    cells = ("open('../../data/rows.csv').read()", "import os; os.path.basename(os.getcwd())")
    alone, whole = run(place, *cells), run(place, *cells, root=project)
    assert "No such file" in alone.cells[0].error
    assert (alone.cells[1].text, alone.note) == ("'may'", "")
    assert errors(whole.cells) == ["", ""]


def test_run_without_the_whole_project_says_so(project: Path) -> None:
    (project / "data" / "big.bin").write_bytes(bytes(2000))
    result = run(project / "reports" / "may", "1", limits=CopyLimits(max_bytes=1500))
    assert result.cells[0].text == "1"
    assert result.note == (
        f"Only {project / 'reports' / 'may'} was copied: {project} holds more than 1.5 kB "
        "(data/beds.sqlite: 8.2 kB). Give a smaller folder above the notebook as `root`."
    )
