"""How long a start takes: the command line, the import with a first listing, server and magic."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import uv
from builds import BEFORE, Build, build, builds, scratch
from hot_functions import hot_functions
from index_server import fill, make_pages
from measure import Cost, paired, run, run_for_output, times
from table import Row, row

RUNS = 4
"""Runs whose average is one measurement: most take only a few hundredths of a second."""
DISTRIBUTIONS = 388
HEAVY = ("requests", "pandas", "IPython", "ipywidgets", "tornado", "rich")
LISTING = f"""
import json, sys, pkgwidgets
service = pkgwidgets.PackageService()
ask = service.values.packages if hasattr(service, "values") else service.list_packages
ask()
print(json.dumps([name for name in {HEAVY} if name in sys.modules]))
"""
SERVER = "import jupyter_server.serverapp, pkgwidgets.server.app"
"""The extension is loaded by a server, which has loaded the most that it imports."""
MAGIC = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "pkgwidgets")
"""
PACKAGES = "from pkgwidgets.__main__ import main; main()"


def rows(pairs: int) -> list[Row]:
    """Measure the rows."""
    now, before, large = filled("now"), filled("before"), filled("now", 2 * DISTRIBUTIONS)
    uv_list: list[str | Path] = [uv.find_uv_bin(), "pip", "list", "--quiet", "--python", now.python]
    argparse_alone: list[str | Path] = [builds().now.python, "-c", "import argparse"]
    helps = paired(
        pairs,
        both(_help) | {"peer": partial(times, RUNS, partial(run, argparse_alone))},
    )
    listings = paired(
        pairs,
        {
            "ours": partial(times, RUNS, partial(_packages, now)),
            "before": partial(times, RUNS, partial(_packages, before)),
            "peer": partial(times, RUNS, partial(run, uv_list)),
            "large": partial(times, RUNS, partial(_packages, large)),
        },
    )
    growth = {"ours": listings.pop("large"), "half": listings["ours"]}
    servers = paired(pairs, both(partial(_code, SERVER)))
    magics = paired(pairs, both(partial(_code, MAGIC)))
    return [
        row("`--help` over `import argparse`", helps, part="processor", against="peer", aim=2),
        row("`packages` over `uv pip list`", listings, part="processor", against="peer", aim=5),
        row("`packages`, twice the packages", growth, part="processor", against="half", aim=2),
        _heavy_row(now, before),
        row(
            "a server and the extension, imports",
            servers,
            part="processor",
            against="before",
            aim=1,
        ),
        row("`%load_ext` in a new shell", magics, part="processor", against="before", aim=1),
    ]


def profile() -> str:
    """Return the functions that take most processor seconds of `--help` and of `packages`."""
    python = filled("now").python
    return "\n".join([
        "  --help", hot_functions(python, PACKAGES, scratch(), ["--help"]),
        "  packages", hot_functions(python, PACKAGES, scratch(), ["packages"]),
    ])  # fmt: skip


@cache
def filled(name: str, distributions: int = DISTRIBUTIONS) -> Build:
    """Return a build in an environment with so many distributions, which it lists as its own."""
    commit = BEFORE if name == "before" else None
    folder = scratch() / f"start-{name}-{distributions}"
    made = build(folder, commit, extras="")
    missing = distributions - len([*made.site.glob("*.dist-info")])
    fill(made.site, make_pages(folder / "pages", missing))
    return made


def both(run_once: Callable[[Build], Cost]) -> dict[str, Callable[[], Cost]]:
    """Return how to run something with each of the builds."""
    return {
        "ours": partial(times, RUNS, partial(run_once, builds().now)),
        "before": partial(times, RUNS, partial(run_once, builds().before)),
    }


def _help(build: Build) -> Cost:
    return run([build.command, "--help"])


def _packages(build: Build) -> Cost:
    return run([build.command, "packages"])


def _code(code: str, build: Build) -> Cost:
    return run([build.python, "-c", code])


def _heavy_row(*both: Build) -> Row:
    """Return how many heavy packages a first listing as values loads."""
    ours, before = (
        len(json.loads(run_for_output([build.python, "-c", LISTING])[1])) for build in both
    )
    return Row(
        what="heavy packages that a first listing as values loads", ours=ours, before=before,
        peer=None, unit="", ratio=ours / max(before, 1), aim=0, against="before",
    )  # fmt: skip
