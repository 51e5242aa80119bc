"""Compare what the impact says of real upgrades with what both versions really have.

    python tests/impact_truth.py [--folder envs] [--names 300] [--show 10] [pair …]

A pair is a package with two versions: `numpy==1.26.4==2.1.3`. Each version gets an environment of
its own from the configured index. `getattr` and `inspect.signature` there are the truth; the impact
reads only the sources. For each pair a row shows how many uses were judged, then precision and
recall of *breaks* and of *changes*, and the share of *unknown*.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uv
from impact_uses import Judged, judge, table

PAIRS = (
    "numpy==1.26.4==2.1.3",
    "pandas==2.2.3==3.0.0",
    "scikit-learn==1.2.2==1.5.2",
    "matplotlib==3.7.5==3.10.0",
    "SQLAlchemy==1.4.54==2.0.36",
    "pydantic==1.10.19==2.10.0",
    "altair==4.2.2==5.5.0",
    "networkx==2.8.8==3.4.2",
    "click==7.1.2==8.1.7",
    "requests==2.25.1==2.32.3",
    "attrs==20.3.0==24.2.0",
    "jinja2==2.11.3==3.1.4",
    "werkzeug==2.0.3==3.1.3",
    "flask==1.1.4==3.1.0",
    "httpx==0.18.2==0.28.0",
    "rich==10.16.2==13.9.4",
    "tqdm==4.30.0==4.67.1",
    "plotly==5.24.1==6.0.0",
    "seaborn==0.11.2==0.13.2",
    "scipy==1.9.3==1.14.1",
    "polars==0.20.31==1.17.0",
    "pillow==9.5.0==11.0.0",
)
EXTRA = {
    "scikit-learn==1.2.2": ("numpy<2",),
    "matplotlib==3.7.5": ("numpy<2",),
    "altair==4.2.2": ("pandas<3", "numpy<2", "setuptools<81", "jsonschema<4.18"),
    "altair==5.5.0": ("pandas<3",),
    "jinja2==2.11.3": ("markupsafe<2.1",),
    "flask==1.1.4": ("markupsafe<2.1", "setuptools<81"),
    "seaborn==0.11.2": ("numpy<2", "pandas<2", "matplotlib<3.8", "scipy<1.12"),
    "seaborn==0.13.2": ("pandas<3",),
    "plotly==5.24.1": ("pandas<3",),
    "plotly==6.0.0": ("pandas<3", "numpy"),
    "scipy==1.9.3": ("numpy<2",),
    "numpy==1.26.4": ("setuptools<81",),
}
"""What else an old version needs to be imported on Python 3.11."""
MODULES = {
    "numpy": ("numpy", "numpy.linalg", "numpy.random", "numpy.fft"),
    "pandas": ("pandas", "pandas.api.types", "pandas.testing"),
    "scikit-learn": (
        *("sklearn", "sklearn.linear_model", "sklearn.ensemble", "sklearn.metrics"),
        *("sklearn.model_selection", "sklearn.preprocessing", "sklearn.cluster"),
        *("sklearn.decomposition", "sklearn.datasets", "sklearn.utils"),
    ),
    "matplotlib": ("matplotlib", "matplotlib.pyplot", "matplotlib.cm", "matplotlib.colors"),
    "SQLAlchemy": ("sqlalchemy", "sqlalchemy.orm", "sqlalchemy.sql", "sqlalchemy.engine"),
    "pydantic": ("pydantic", "pydantic.types", "pydantic.fields"),
    "attrs": ("attr", "attr.validators"),
    "werkzeug": ("werkzeug", "werkzeug.utils", "werkzeug.routing", "werkzeug.urls"),
    "requests": ("requests", "requests.sessions", "requests.utils", "requests.adapters"),
    "rich": ("rich", "rich.console", "rich.table", "rich.progress", "rich.text"),
    "plotly": ("plotly", "plotly.express", "plotly.graph_objects", "plotly.io"),
    "scipy": (
        *("scipy", "scipy.stats", "scipy.signal", "scipy.linalg", "scipy.optimize"),
        *("scipy.interpolate", "scipy.sparse", "scipy.integrate", "scipy.ndimage"),
    ),
    "pillow": ("PIL.Image", "PIL.ImageDraw", "PIL.ImageFont", "PIL.ImageOps", "PIL.ImageFilter"),
}
"""The modules whose public names are used; by default the one named like the package."""


@dataclass(frozen=True)
class Pair:
    """A package, its old and its new version."""

    package: str
    old: str
    new: str

    @property
    def modules(self) -> tuple[str, ...]:
        return MODULES.get(self.package, (self.package,))


def main() -> int:
    """Print the table; return 1 if a pair could not be judged."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pairs", nargs="*", default=PAIRS)
    parser.add_argument("--folder", type=Path, help="keeps the environments for the next run")
    parser.add_argument("--names", type=int, default=300, help="public names of a pair, at most")
    parser.add_argument("--show", type=int, default=0, help="wrong answers of a pair to print")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        pairs = [Pair(*text.split("==")) for text in arguments.pairs]
        judged = [*_judged(pairs, folder, arguments.names)]
    for pair, result in judged:
        for line in result.wrong[: arguments.show] if result is not None else ():
            print(f"{pair.package}: {line}")
    print(table([(f"{p.package} {p.old} → {p.new}", result) for p, result in judged]))
    return int(any(result is None for _, result in judged))


def _judged(
    pairs: Sequence[Pair], folder: Path, names: int
) -> Iterator[tuple[Pair, Judged | None]]:
    for pair in pairs:
        try:
            old_site, old = _facts(pair, pair.old, folder, names, None)
            new_site, new = _facts(pair, pair.new, folder, names, old)
        except subprocess.CalledProcessError as error:
            print(f"{pair.package}: {error.stderr[-600:]}", file=sys.stderr)
            yield pair, None
            continue
        yield pair, judge(pair.package, pair.new, old_site, new_site, old, new)


def _facts(
    pair: Pair, version: str, folder: Path, names: int, asked: dict[str, Any] | None
) -> tuple[Path, dict[str, Any]]:
    """Return the site-packages of a version, and the facts of its public names."""
    environment = folder / f"{pair.package}-{version}"
    python = environment / "bin" / "python"
    if not (environment / "complete").exists():
        release = f"{pair.package}=={version}"
        _run(uv.find_uv_bin(), "venv", "-q", "--clear", "-p", sys.executable, str(environment))
        install = ("pip", "install", "-q", "-p", str(python), release, *EXTRA.get(release, ()))
        _run(uv.find_uv_bin(), *install)
        (environment / "complete").touch()
    request = json.dumps({"modules": pair.modules, "names": names, "asked": asked and [*asked]})
    script = Path(__file__).with_name("impact_facts.py")
    facts = json.loads(
        _run(str(python), "-W", "ignore", str(script), text=request).splitlines()[-1]
    )
    return Path(facts["site"]), facts["names"]


def _run(*argv: str, text: str = "") -> str:
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
