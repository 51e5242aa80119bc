"""The environments of one server's kernels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

from jupyter_client.kernelspec import NoSuchKernel
from jupyter_core.utils import ensure_async

from pkgwidgets.connect import connect, keep_own_code, other_kernels
from pkgwidgets.core.errors import EnvironmentRefused, InvalidRequest
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Plan

from . import kernel_interpreter
from .affected_kernels import AffectedKernel
from .errors import KernelElsewhere, KernelNotFound
from .kernel_interpreter import LaunchCommand, RunningKernel
from .threads import run_in_thread

_KERNEL_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelSelector:
    """A kernel as a client names it, by at most one of the two; raises `InvalidRequest`."""

    kernel: str | None = None
    kernelspec: str | None = None

    def __post_init__(self) -> None:
        if self.kernel is not None and self.kernelspec is not None:
            raise InvalidRequest("kernel", None, "give either a kernel or a kernelspec, not both")
        for field, name in (("kernel", self.kernel), ("kernelspec", self.kernelspec)):
            if name is not None and not _KERNEL_NAME.fullmatch(name):
                raise InvalidRequest(field, name)


class Environments:
    """Find the backend of a kernel's environment."""

    def __init__(self, kernel_specs: Any, kernel_manager: Any, session_manager: Any) -> None:
        keep_own_code()  # a notebook may upgrade pkgwidgets while the server runs
        self._kernel_specs = kernel_specs
        self._kernel_manager = kernel_manager
        self._session_manager = session_manager
        self._backends: dict[Path, Backend] = {}
        self._lock = Lock()

    async def of(self, selector: KernelSelector) -> Backend:
        """Return the backend of a kernel's environment; without a name, of the default kernel.

        Raises `KernelNotFound`, `KernelElsewhere` if the kernel does not run on this machine, and
        `EnvironmentRefused` if it does not run Python.
        """
        if selector.kernel is not None:
            kernel = await self._get_kernel(selector.kernel)
            return await run_in_thread(
                lambda: self._connect(
                    kernel_interpreter.interpreter_of_kernel(kernel),
                    kernel_interpreter.folder_of_kernel(kernel),
                )
            )
        name = selector.kernelspec or self._kernel_manager.default_kernel_name
        launch = await self._launch_command(name)
        return await run_in_thread(
            lambda: self._connect(kernel_interpreter.interpreter_of_launch(launch))
        )

    async def affected_kernels(self, backend: Backend, plan: Plan) -> list[AffectedKernel]:
        """Return the running kernels of an environment, and what a plan means for each."""
        kernels = await self.running_kernels()
        managers = map(self._kernel_manager.get_kernel, self._kernel_manager.list_kernel_ids())
        own_files = {Path(str(manager.connection_file)).name for manager in managers}
        prefix = backend.environment.interpreter.prefix
        others = other_kernels(backend)

        def describe() -> list[AffectedKernel]:
            own = [kernel for kernel in kernels if self._find_prefix(kernel) == prefix]
            foreign = [
                kernel
                for kernel in others.running()
                if Path(kernel.connection_file).name not in own_files
            ]
            return [
                *(AffectedKernel.own(kernel, others, plan) for kernel in own),
                *(AffectedKernel.foreign(kernel, plan) for kernel in foreign),
            ]

        return await run_in_thread(describe)

    def is_shutting_down(self, connection_file: str) -> bool:
        """Tell whether this server has asked a kernel to end, by the name of its connection file.

        May be called from any thread.
        """
        for kernel_id in self._kernel_manager.list_kernel_ids():
            with suppress(KeyError):  # it has ended just now
                manager = self._kernel_manager.get_kernel(kernel_id)
                if Path(str(manager.connection_file)).name == Path(connection_file).name:
                    # Another kind of manager may not say it.
                    return bool(getattr(manager, "shutting_down", True))
        return False

    async def running_kernels(self) -> list[RunningKernel]:
        """Return the kernels that this server runs and that may be Python, with their notebooks."""
        sessions = await ensure_async(self._session_manager.list_sessions())
        paths = {session["kernel"]["id"]: session["path"] for session in sessions}
        kernels = []
        for kernel_id in self._kernel_manager.list_kernel_ids():
            with suppress(EnvironmentRefused):  # not Python
                kernels.append(self._describe_kernel(kernel_id, paths.get(kernel_id)))
        return kernels

    async def notebooks(self) -> dict[str, tuple[str, ...]]:
        """Return the paths of the notebooks of each session's kernel, by the kernel's id.

        Several notebooks can share a kernel.
        """
        paths: dict[str, tuple[str, ...]] = {}
        for session in await ensure_async(self._session_manager.list_sessions()):
            kernel = session["kernel"]["id"]
            paths[kernel] = (*paths.get(kernel, ()), session["path"])
        return paths

    async def all(self) -> Sequence[Backend]:
        """Return the backends of all kernel specifications that start Python."""
        backends: dict[Path, Backend] = {}
        if self._has_gateway():
            return ()
        for name in await ensure_async(self._kernel_specs.get_all_specs()):
            try:
                backend = await self.of(KernelSelector(kernelspec=name))
            except (KernelNotFound, KernelElsewhere, EnvironmentRefused, InvalidRequest):
                continue
            backends[backend.environment.interpreter.prefix] = backend
        return tuple(backends.values())

    def _connect(self, python: Path, folder: Path | None = None) -> Backend:
        """Connect with the current configuration, but keep what was read of the environment.

        The configuration is that of `folder`, else of the server's folder.
        """
        fresh = connect(python, detached=True, folder=folder)
        with self._lock:
            cached = self._backends.get(python)
            if cached is None or cached.environment.interpreter != fresh.environment.interpreter:
                cached = self._backends[python] = fresh
        return replace(
            cached,
            index=fresh.index,
            installer=fresh.installer,
            worker=fresh.worker,
            limits=fresh.limits,
            project=fresh.project,
        )

    def _find_prefix(self, kernel: RunningKernel) -> Path | None:
        try:
            return self._connect(
                kernel_interpreter.interpreter_of_kernel(kernel)
            ).environment.interpreter.prefix
        except (KernelElsewhere, EnvironmentRefused):
            return None

    def _has_gateway(self) -> bool:
        # Late: it loads what a server has loaded already, and takes a second where none runs.
        from jupyter_server.gateway.managers import GatewayKernelSpecManager

        return isinstance(self._kernel_specs, GatewayKernelSpecManager)

    async def _launch_command(self, name: str) -> LaunchCommand:
        if self._has_gateway():
            raise KernelElsewhere(name, "a gateway starts its kernels")
        try:
            spec = await ensure_async(self._kernel_specs.get_kernel_spec(name))
        except (NoSuchKernel, KeyError):
            raise KernelNotFound(name) from None
        kernel_interpreter.raise_if_elsewhere(name, spec)
        return LaunchCommand.of(spec)

    async def _get_kernel(self, kernel_id: str) -> RunningKernel:
        if kernel_id not in self._kernel_manager:
            raise KernelNotFound(kernel_id)
        return self._describe_kernel(kernel_id, None)

    def _describe_kernel(self, kernel_id: str, notebook: str | None) -> RunningKernel:
        manager = self._kernel_manager.get_kernel(kernel_id)
        process = getattr(getattr(manager, "provisioner", None), "pid", None)
        if process is not None:
            with suppress(NoSuchKernel):  # the specification was removed since
                kernel_interpreter.raise_if_no_python(manager.kernel_spec)
        return RunningKernel(
            id=kernel_id,
            name=str(manager.kernel_name),
            process=process,
            connection_file=str(manager.connection_file),
            notebook=notebook,
        )
