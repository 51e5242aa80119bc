"""The kernels of the demo: what they leave in the temporary folder is deleted with the last one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from traitlets import Unicode


class DemoKernelManager(AsyncMappingKernelManager):
    """Give each kernel a temporary folder of the demo, and empty it when no kernel is left.

    A kernel that is killed deletes nothing itself. A restarted kernel counts as the same one.
    """

    temporary_folder = Unicode(help="The folder for temporary files of kernels.").tag(config=True)

    async def start_kernel(self, **kwargs: Any) -> str:  # type: ignore[override]
        """Start a kernel whose temporary files are in the folder; return its id."""
        environment = kwargs.pop("env", None) or os.environ
        env = {**environment, "TMPDIR": self.temporary_folder}
        kernel_id: str = await super().start_kernel(env=env, **kwargs)
        return kernel_id

    def remove_kernel(self, kernel_id: str) -> Any:
        """Forget a kernel that has ended; with the last one, delete what is left."""
        kernel = super().remove_kernel(kernel_id)
        if not self.list_kernel_ids():
            for path in Path(self.temporary_folder).iterdir():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
        return kernel
