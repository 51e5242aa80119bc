"""The environments of the kernels that one server knows."""

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

from pkgwidgets.connect import connect, other_kernels
from pkgwidgets.core.errors import EnvironmentRefused, InvalidRequest
from pkgwidgets.core.interfaces import Backend, OtherKernels
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.restart import restart_from_outside

from . import kernel_interpreter
from .errors import KernelNotFound
from .kernel_interpreter import LaunchCommand, RunningKernel
from .threads import run_in_thread

_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelSelector:
    """A kernel as a client names it; at most one of the two is given."""

    kernel: str | None = None
    kernelspec: str | None = None

    def __post_init__(self) -> None:
        if self.kernel is not None and self.kernelspec is not None:
            raise InvalidRequest("kernel", None, "give a kernel or a kernelspec, not both")
        for field, name in (("kernel", self.kernel), ("kernelspec", self.kernelspec)):
            if name is not None and not _NAME.fullmatch(name):
                raise InvalidRequest(field, name)


class Environments:
    """Joins kernels to the backends of their environments."""

    def __init__(self, specs: Any, running: Any, sessions: Any) -> None:
        self._specs = specs
        self._running = running
        self._sessions = sessions
        self._known: dict[Path, Backend] = {}
        self._guard = Lock()

    async def of(self, asked: KernelSelector) -> Backend:
        """Return the backend of the environment of a kernel, of the default one if none is asked.

        Raises `KernelNotFound`, and `EnvironmentRefused` for a kernel of no Python.
        """
        if asked.kernel is not None:
            kernel = await self._kernel(asked.kernel)
            return await run_in_thread(
                lambda: self._connected(kernel_interpreter.interpreter_of_kernel(kernel))
            )
        name = asked.kernelspec or self._running.default_kernel_name
        launch = await self._launch(name)
        return await run_in_thread(
            lambda: self._connected(kernel_interpreter.interpreter_of_launch(launch))
        )

    async def sharing(self, backend: Backend, plan: Plan) -> list[dict[str, Any]]:
        """Return the running kernels of an environment, and whether a plan makes them restart."""
        running = await self._kernels()
        prefix = backend.environment.interpreter.prefix
        seen = other_kernels(backend)
        return await run_in_thread(
            lambda: [
                {
                    "id": kernel.id,
                    "name": kernel.name,
                    "notebook": kernel.notebook,
                    "restart": _restart_json(kernel, seen, plan),
                }
                for kernel in running
                if self._prefix(kernel) == prefix
            ]
        )

    async def all(self) -> Sequence[Backend]:
        """Return the backends of all kernel specifications that start a Python."""
        found: dict[Path, Backend] = {}
        for name in await ensure_async(self._specs.get_all_specs()):
            try:
                backend = await self.of(KernelSelector(kernelspec=name))
            except (KernelNotFound, EnvironmentRefused, InvalidRequest):
                continue
            found[backend.environment.interpreter.prefix] = backend
        return tuple(found.values())

    def _connected(self, python: Path) -> Backend:
        """Connect anew, so that what is configured now counts; what was read before is kept."""
        fresh = connect(python, detached=True)
        with self._guard:
            known = self._known.get(python)
            if known is None or known.environment.interpreter != fresh.environment.interpreter:
                known = self._known[python] = fresh
        return replace(known, index=fresh.index, installer=fresh.installer, worker=fresh.worker)

    def _prefix(self, kernel: RunningKernel) -> Path | None:
        try:
            return self._connected(
                kernel_interpreter.interpreter_of_kernel(kernel)
            ).environment.interpreter.prefix
        except EnvironmentRefused:
            return None

    async def _launch(self, name: str) -> LaunchCommand:
        try:
            return LaunchCommand.of(await ensure_async(self._specs.get_kernel_spec(name)))
        except NoSuchKernel:
            raise KernelNotFound(name) from None

    async def _kernel(self, id: str) -> RunningKernel:
        if id not in self._running:
            raise KernelNotFound(id)
        return self._described(id, None)

    async def _kernels(self) -> list[RunningKernel]:
        sessions = await ensure_async(self._sessions.list_sessions())
        paths = {session["kernel"]["id"]: session["path"] for session in sessions}
        found = []
        for id in self._running.list_kernel_ids():
            with suppress(EnvironmentRefused, NoSuchKernel):  # of no Python, or of no specification
                found.append(self._described(id, paths.get(id)))
        return found

    def _described(self, id: str, notebook: str | None) -> RunningKernel:
        manager = self._running.get_kernel(id)
        spec = manager.kernel_spec
        return RunningKernel(
            id=id,
            name=str(manager.kernel_name),
            launch=None if spec is None else LaunchCommand.of(spec),
            process=getattr(manager.provisioner, "pid", None),
            connection_file=str(manager.connection_file),
            notebook=notebook,
        )


def _restart_json(kernel: RunningKernel, seen: OtherKernels, plan: Plan) -> dict[str, Any]:
    """Tell whether a kernel must restart to use what a plan installs."""
    mapped = (
        seen.loaded_by(kernel.process, kernel.connection_file) if kernel.process is not None else ()
    )
    verdict = restart_from_outside(plan.changes, mapped)
    return {
        "needed": verdict.needed,
        "loaded": list(verdict.loaded),
        "reason": verdict.reason,
    }
