"""The panel's JavaScript: its unit tests, the joined views, its linter and its types.

The tests need Node.js and nothing else. The two checkers are fetched from npm, in the versions that
`package-lock.json` pins.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from pkgwidgets.widgets.assets import STATIC, bundle

HERE = Path(__file__).parent
LABEXTENSION = STATIC.parent.parent / "labextension" / "static"
FILES = sorted([*STATIC.rglob("*.js"), *LABEXTENSION.glob("*.js")])
VIEWS = sorted(
    file.relative_to(STATIC).with_suffix("").as_posix()
    for file in STATIC.rglob("*.js")
    if "export default" in file.read_text("utf-8")
)

TOP_LEVEL = re.compile(
    r"^(?:export )?(?:async )?(?:function|const|let) (?P<name>\w+)", re.MULTILINE
)


def run(*argv: str | Path, cwd: Path = HERE) -> None:
    """Run a program; if it fails, its output is the reason."""
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the checkers from npm, and return the folder of their commands."""
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)
    return folder / "node_modules" / ".bin"


def test_javascript_unit_tests_pass() -> None:
    run("node", "--test", *sorted(HERE.glob("*.test.js")))


def test_static_views_are_found() -> None:
    assert {"table/table", "plan_view", "progress_view"} <= {*VIEWS}


@pytest.mark.parametrize("view", VIEWS)
def test_bundled_view_is_valid_javascript(view: str, tmp_path: Path) -> None:
    """A name that two files define would be a syntax error."""
    joined = tmp_path / "view.mjs"
    joined.write_text(bundle(view), "utf-8")
    run("node", "--check", joined)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_file_enables_type_checking(file: Path) -> None:
    assert file.read_text("utf-8").startswith("// @ts-check\n")


def test_function_names_are_unique_across_files() -> None:
    """Except `render`, which every view has."""
    texts = [file.read_text("utf-8") for file in STATIC.rglob("*.js")]
    names = Counter(name for text in texts for name in {*TOP_LEVEL.findall(text)})
    assert names["h"] == 1
    assert [name for name, count in names.items() if count > 1] == ["render"]


@pytest.mark.slow
def test_linter_reports_no_errors(tools: Path) -> None:
    run(tools / "oxlint", "--config", "oxlint.json", "--deny-warnings", STATIC, LABEXTENSION, HERE)


@pytest.mark.slow
def test_type_checker_reports_no_errors(tools: Path) -> None:
    run(tools / "tsc", "--project", "tsconfig.json")
