"""Find the Python of a kernel: from Jupyter and the system, never from the client."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from jupyter_client.provisioning.factory import KernelProvisionerFactory

from pkgwidgets.connect import (
    folder_of_process,
    interpreter_of_command,
    interpreter_of_process,
)
from pkgwidgets.core import kernel_commands
from pkgwidgets.core.errors import EnvironmentRefused, shown

from .errors import KernelElsewhere

_SERVER_PYTHON_NAMES = frozenset(
    {"python", f"python{sys.version_info[0]}", "python{}.{}".format(*sys.version_info)}
)
"""Commands for which Jupyter starts the server's own Python."""
_LOCAL_PROVISIONER = "local-provisioner"
"""The kernel provisioner that starts a process on the server's machine."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LaunchCommand:
    """How a kernel is started: its command, and the variables added to the server's."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: Any) -> LaunchCommand:
        """Read a kernel specification as Jupyter does.

        Raises `EnvironmentRefused` if it is for another language than Python.
        """
        raise_if_no_python(spec)
        placeholders = {"resource_dir": str(spec.resource_dir)}
        argv = tuple(_fill_placeholders(word, placeholders) for word in spec.argv)
        variables = {name: Template(str(value)) for name, value in spec.env.items()}
        return cls(
            argv=argv,
            environment={
                name: text.safe_substitute(os.environ) for name, text in variables.items()
            },
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningKernel:
    """A running kernel, and its process id if it was started on this machine."""

    id: str
    name: str
    process: int | None = None
    connection_file: str = ""
    notebook: str | None = None


def raise_if_no_python(spec: Any) -> None:
    """Raise `EnvironmentRefused` if a kernel specification is for another language."""
    if str(spec.language).lower() not in ("python", ""):
        reason = f"{spec.display_name} is not a Python kernel"
        raise EnvironmentRefused(Path(), reason, usable=False)


def raise_if_elsewhere(name: str, spec: Any) -> None:
    """Raise `KernelElsewhere` if the kernels of a specification may not run on this machine."""
    if not isinstance(getattr(spec, "argv", None), list):  # a gateway answers with other values
        raise KernelElsewhere(name, "a gateway starts its kernels")
    chosen = spec.metadata.get("kernel_provisioner", {}).get("provisioner_name")
    provisioner = chosen or _default_provisioner()
    if provisioner != _LOCAL_PROVISIONER:
        reason = f"the kernel provisioner {shown(provisioner)} starts its kernels"
        raise KernelElsewhere(name, reason)


def interpreter_of_launch(launch: LaunchCommand) -> Path:
    """Return the interpreter that a command starts, also through wrappers such as `env`.

    Raises `EnvironmentRefused` if it cannot be determined.
    """
    argv = launch.argv
    if argv[:1] and argv[0] in _SERVER_PYTHON_NAMES:
        argv = (sys.executable, *argv[1:])
        if kernel_commands.starts_kernel_directly(argv):
            return Path(sys.executable)
    return interpreter_of_command(argv, launch.environment)


def interpreter_of_kernel(kernel: RunningKernel) -> Path:
    """Return the interpreter of a running kernel, from its process.

    Raises `KernelElsewhere` if it has no process here, `EnvironmentRefused` if that does not show
    its interpreter. How the kernel was started is no evidence of where it runs.
    """
    if kernel.process is None:
        raise KernelElsewhere(kernel.id, "it has no process on this machine")
    return interpreter_of_process(kernel.process, kernel.connection_file)


def folder_of_kernel(kernel: RunningKernel) -> Path | None:
    """Return the folder of a running kernel, whose configuration counts; None if unknown."""
    return None if kernel.process is None else folder_of_process(kernel.process)


def _default_provisioner() -> str:
    # An instance that is made here would lack the configuration of the server.
    if KernelProvisionerFactory.initialized():
        return str(KernelProvisionerFactory.instance().default_provisioner_name)
    return os.getenv(KernelProvisionerFactory.default_provisioner_name_env, _LOCAL_PROVISIONER)


def _fill_placeholders(word: str, placeholders: Mapping[str, str]) -> str:
    for name, value in placeholders.items():
        word = word.replace(f"{{{name}}}", value)
    return word
