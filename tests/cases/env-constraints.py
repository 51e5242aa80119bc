"""Constraints of uv (pyproject.toml, uv.toml, UV_CONSTRAINT) and pip (PIP_CONSTRAINT) hold."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pkgwidgets.backends.installer import uv
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_builder import BuiltWheel

CONSTRAINT = 'constraint-dependencies = ["sorrel<2"]\n'
PLAN = (
    "from pkgwidgets import PackageService\n"
    "print(PackageService(python={!r}).plan_upgrade('sorrel'))\n"
)
FILES: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "pyproject": (
        "pyproject.toml",
        f'[project]\nname = "p"\nversion = "1"\n[tool.uv]\n{CONSTRAINT}',
        {"UV_DEFAULT_INDEX": "{url}"},
    ),
    "toml": ("uv.toml", CONSTRAINT, {"UV_DEFAULT_INDEX": "{url}"}),
    "uv's variable": (
        "c.txt",
        "sorrel<2\n",
        {"UV_DEFAULT_INDEX": "{url}", "UV_CONSTRAINT": "c.txt"},
    ),
    "pip's variable": (
        "c.txt",
        "sorrel<2\n",
        {"PIP_INDEX_URL": "{url}", "PIP_CONSTRAINT": "c.txt", "PIP_CONFIG_FILE": os.devnull},
    ),
}


def clean_variables(home: Path) -> dict[str, str]:
    """Return this process's variables without settings of uv and pip."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("UV_", "PIP_"))}
    cache = {n: v for n, v in os.environ.items() if n == "UV_CACHE_DIR"}
    return {**kept, **cache, "HOME": str(home), "XDG_CONFIG_HOME": str(home)}


def run(*argv: str, folder: Path, variables: Mapping[str, str]) -> str:
    completed = subprocess.run(
        argv, cwd=folder, env=dict(variables), capture_output=True, text=True, timeout=120
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


def plan_in(folder: Path, index: DemoIndex, case: str) -> str:
    """Return the plan for a new environment in a folder with the constraint of a case."""
    file, text, more = FILES[case]
    folder.mkdir()
    variables = clean_variables(folder.parent)
    command = str(uv.find_uv())
    python = str(folder / "env" / "bin" / "python")
    venv = ("venv", "-q", "--no-config", "--python", sys.executable, "env")
    run(command, *venv, folder=folder, variables=variables)
    install = ("pip", "install", "-q", "--no-config", "--python", python)
    options = ("--default-index", index.url, "sorrel==1.0")
    run(command, *install, *options, folder=folder, variables=variables)
    (folder / file).write_text(text, encoding="utf-8")
    variables |= {name: value.format(url=index.url) for name, value in more.items()}
    return run(sys.executable, "-c", PLAN.format(python), folder=folder, variables=variables)


def main() -> int:
    """Print the plan of each case; return 1 if one takes what its constraint forbids."""
    faults = 0
    releases = [BuiltWheel(name="sorrel", version=v) for v in ("1.0", "1.5", "2.0")]
    with tempfile.TemporaryDirectory() as place, DemoIndex(releases) as index:
        for number, case in enumerate(FILES):
            plan = plan_in(Path(place, str(number)), index, case)
            print(f"{case}: {plan.strip()}")
            faults += "sorrel 1.0 → 1.5" not in plan or "2.0" in plan
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
