"""The kernels that Jupyter offers, and those whose environment this user may change."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.errors import EnvironmentRefused
from pkgwidgets.core.kernels import WritableKernel

from . import interpreter, launch_command
from .installed_environment import InstalledEnvironment


def find_writable_kernel(current: Interpreter) -> WritableKernel | None:
    """Return the first kernel, by name, of another environment that this user may change."""
    for name, python in _python_kernels():
        with suppress(EnvironmentRefused, OSError):
            description = interpreter.describe(python)
            is_other = description.prefix.resolve() != current.prefix.resolve()
            if is_other and InstalledEnvironment(description).read_only_reason() is None:
                return WritableKernel(name=name, python=python)
    return None


def _python_kernels() -> Iterator[tuple[str, Path]]:
    """Yield the kernels that start Python, by name, each with its interpreter."""
    try:
        from jupyter_client.kernelspec import KernelSpecManager
    except ImportError:  # only the notebook's side needs it
        return
    for name, entry in sorted(KernelSpecManager().get_all_specs().items()):
        spec = entry["spec"]
        if spec.get("language", "").lower() == "python":
            variables = {"PATH": os.environ.get("PATH", os.defpath), **spec.get("env", {})}
            with suppress(EnvironmentRefused):
                yield name, launch_command.interpreter_of_command(spec["argv"], variables)
