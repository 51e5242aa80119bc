"""What a start loads, counted in fresh processes: time is measured in benchmarks/start.py."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pkgwidgets.demo import Demo

HEAVY = (
    *("IPython", "anywidget", "ipywidgets", "jupyter_server", "msgspec", "numpy", "packaging"),
    *("pandas", "psutil", "requests", "rich", "tornado", "tqdm", "urllib3"),
)
HEAVY_BUT_PACKAGING = {*HEAVY} - {"packaging"}
HELP_NEEDS = {
    "pkgwidgets",
    "pkgwidgets.__main__",
    "pkgwidgets.cli",
    "pkgwidgets.cli.help",
    "pkgwidgets.cli.streams",
    "pkgwidgets.commands",
    "pkgwidgets.commands.argument_parser",
    "pkgwidgets.commands.help_texts",
    "pkgwidgets.core",
    "pkgwidgets.core.plan_choices",
}


def loaded_by(code: str, *arguments: str) -> set[str]:
    """Return the modules that code loads in a process of its own."""
    whole = f"import sys\ntry:\n    {code}\nfinally:\n    print('\\n', *sys.modules)"
    argv = [sys.executable, "-c", whole, *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return {*done.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize("words", [("--help",), ("upgrade", "--help")])
def test_help_loads_neither_values_nor_backends(words: tuple[str, ...]) -> None:
    loaded = loaded_by("from pkgwidgets.__main__ import main; main()", *words)
    assert {name for name in loaded if name.partition(".")[0] == "pkgwidgets"} == HELP_NEEDS
    assert not loaded & {*HEAVY, "dataclasses", "typing"}


def test_first_listing_as_values_loads_nothing_heavy(garden: Demo) -> None:
    code = "import pkgwidgets; pkgwidgets.PackageService(sys.argv[1]).values.packages()"
    assert not loaded_by(code, str(garden.python)) & HEAVY_BUT_PACKAGING


def test_listing_that_is_kept_loads_neither_plans_nor_requirements(garden: Demo) -> None:
    code = (
        "import time; from pkgwidgets.__main__ import main; "
        "from pkgwidgets.backends.environment import environment_stat_key as keys; "
        "keys.time_ns = lambda: time.time_ns() + 5 * 10**9; main()"
    )
    words = ("packages", "--python", str(garden.python))
    first, second = loaded_by(code, *words), loaded_by(code, *words)
    late = {"pkgwidgets.core.plans", "pkgwidgets.operations.package_rows", "packaging.requirements"}
    assert late <= first
    assert not late & second


def test_listing_on_the_command_line_loads_nothing_heavy(garden: Demo) -> None:
    words = ("packages", "--python", str(garden.python))
    loaded = loaded_by("from pkgwidgets.__main__ import main; main()", *words)
    assert not loaded & {*HEAVY_BUT_PACKAGING, "pkgwidgets.notebook"}


def test_fresh_answers_load_no_http_client(garden: Demo) -> None:
    code = (
        "from pkgwidgets.backends.index import simple; simple._freshness = lambda _: 600.0; "
        "from pkgwidgets.connect import connect; from pkgwidgets.operations import inventory; "
        "inventory.list_releases(connect(sys.argv[1], sys.argv[2]), 'seedshelf')"
    )
    words = (str(garden.python), garden.index_url)
    first, second = loaded_by(code, *words), loaded_by(code, *words)
    assert {"requests", "urllib3"} <= first
    assert not {"requests", "urllib3"} & second


def test_import_and_its_public_names_load_nothing_heavy() -> None:
    code = "import pkgwidgets; dir(pkgwidgets); pkgwidgets.PackageService; pkgwidgets.Plan"
    assert not loaded_by(code) & HEAVY_BUT_PACKAGING


def test_magic_loads_without_pandas() -> None:
    shell = "from IPython.core.interactiveshell import InteractiveShell as S; s = S.instance()"
    loaded = loaded_by(f"{shell}; s.run_line_magic('load_ext', 'pkgwidgets')")
    assert "pkgwidgets.notebook.magic" in loaded
    assert not loaded & {"ipywidgets", "numpy", "pandas", "requests", "tqdm"}
