"""The kernels of the demo: each runs in an environment of its own, which is deleted with it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from jupyter_server.services.kernels.kernelmanager import (
    AsyncMappingKernelManager,
    ServerKernelManager,
)
from traitlets import Dict, Unicode, default

from .kernel_environment import STORY, KernelEnvironment

_PYTHON = "python3"
"""The kernel specification of the server's own Python."""


class DemoKernel(ServerKernelManager):
    """A kernel that runs in the demo's environment in place of the server's."""

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        """Return the command for a start or a restart."""
        command: list[str] = super().format_kernel_cmd(extra_arguments)
        manager = self.parent
        if isinstance(manager, DemoKernelManager) and self.kernel_id in manager.environments:
            command[0] = str(manager.environments[self.kernel_id].prepare())
        return command


class DemoKernelManager(AsyncMappingKernelManager):
    """Give each Python kernel an environment and a temporary folder, and delete them at its end.

    A kernel that is killed deletes nothing itself. A restarted kernel counts as the same one.
    """

    temporary_folder = Unicode(help="The folder for the files of kernels.").tag(config=True)
    environments = Dict(help="The environment of each kernel, by the kernel's id.")

    @default("kernel_manager_class")
    def _default_kernel_manager_class(self) -> str:
        return f"{__name__}.{DemoKernel.__name__}"

    async def start_kernel(self, **kwargs: Any) -> str:  # type: ignore[override]
        """Start a kernel in an environment of its own; return its id."""
        kernel_id: str = kwargs.pop("kernel_id", None) or self.new_kernel_id()
        if kernel_id not in self and (kwargs.get("kernel_name") or _PYTHON) == _PYTHON:
            variables = kwargs.pop("env", None) or os.environ
            notebook = Path(variables.get("JPY_SESSION_NAME", "")).name
            environment = KernelEnvironment(
                # A part of the id: Linux reads a limited length of a script's first line.
                place=Path(self.temporary_folder, kernel_id[:8]),
                with_stand_ins=notebook == STORY,
            )
            await asyncio.to_thread(environment.prepare)
            self.environments[kernel_id] = environment
            kwargs["env"] = {**variables, **environment.variables()}
        started: str = await super().start_kernel(kernel_id=kernel_id, **kwargs)
        return started

    def remove_kernel(self, kernel_id: str) -> Any:
        """Forget a kernel that has ended, and delete its files."""
        kernel = super().remove_kernel(kernel_id)
        environment = self.environments.pop(kernel_id, None)
        if environment is not None:
            environment.remove()
        return kernel
