"""A kernel behind a runner, a launcher script, taskset or a shell has its own Python."""

from __future__ import annotations

import sys
import tempfile
import venv
from pathlib import Path

from pkgwidgets.core.errors import EnvironmentRefused
from pkgwidgets.server import kernel_interpreter
from pkgwidgets.server.kernel_interpreter import LaunchCommand

RUNNER = "import os, sys\nos.execv(sys.argv[2], sys.argv[2:])\n"


def found_python(argv: tuple[str, ...], folder: Path) -> str:
    launch = LaunchCommand(argv=argv, environment={"PYTHONPATH": str(folder)})
    try:
        return str(kernel_interpreter.interpreter_of_launch(launch))
    except EnvironmentRefused as error:
        return f"refused: {error}"


def main() -> int:
    """Print the Python that is found behind each wrapper; return 1 if one is another."""
    faults = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "other", symlinks=True)
        (folder / "runner.py").write_text(RUNNER, encoding="utf-8")
        other = str(folder / "other" / "bin" / "python")
        kernel = (other, "-m", "ipykernel_launcher", "-f", "{connection_file}")
        right: list[tuple[str, ...]] = [
            ("python", "-m", "runner", "/env", *kernel),
            (sys.executable, "-m", "runner", "/env", *kernel),
            ("python", str(folder / "runner.py"), "/env", *kernel),
            ("taskset", "-c", "0", *kernel),
            ("bash", "-lc", f"exec {' '.join(kernel)}"),
        ]
        for argv in right:
            found = found_python(argv, folder)
            print(f"{' '.join(argv)}\n  {found}")
            faults += found != other
        unsure: list[tuple[str, ...]] = [
            ("python", str(folder / "runner.py"), "{connection_file}"),
            ("python", "-m", "runner", "-f", "{connection_file}"),
            ("ssh", "far", *kernel),
        ]
        for argv in unsure:
            found = found_python(argv, folder)
            print(f"{' '.join(argv)}\n  {found}")
            faults += not found.startswith("refused: ")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
