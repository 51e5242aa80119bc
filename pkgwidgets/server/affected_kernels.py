"""A running kernel of an environment, and what a plan means for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pkgwidgets.core.interfaces import OtherKernels
from pkgwidgets.core.kernels import Kernel, Restart
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.restart import OutsideVerdict, restart_from_outside

from .kernel_interpreter import RunningKernel


@dataclass(frozen=True, kw_only=True, slots=True)
class AffectedKernel:
    """A kernel; `id` is None for one that this server did not start, such as papermill's."""

    id: str | None
    name: str
    process: int | None
    notebook: str | None
    verdict: OutsideVerdict

    @classmethod
    def own(cls, kernel: RunningKernel, others: OtherKernels, plan: Plan) -> AffectedKernel:
        """Describe a kernel of this server."""
        process = kernel.process
        loaded = () if process is None else others.loaded_by(process, kernel.connection_file)
        return cls(
            id=kernel.id,
            name=kernel.name,
            process=process,
            notebook=kernel.notebook,
            verdict=restart_from_outside(plan.changes, loaded),
        )

    @classmethod
    def foreign(cls, kernel: Kernel, plan: Plan) -> AffectedKernel:
        """Describe a kernel that another program started."""
        return cls(
            id=None,
            name=str(kernel),
            process=kernel.process,
            notebook=kernel.notebook or None,
            verdict=restart_from_outside(plan.changes, kernel.loaded),
        )

    @property
    def restart(self) -> Restart:
        """The verdict as the plan view shows it: a restart that may be needed names its condition.

        From outside it is not visible what a kernel has imported.
        """
        verdict = self.verdict
        if verdict.needed is None:
            return Restart(needed=True, reasons=(verdict.condition,))
        return Restart(needed=verdict.needed, loaded=verdict.loaded)

    @property
    def kernel(self) -> Kernel:
        """The kernel as a plan names it."""
        return Kernel(process=self.process or 0, connection_file="", notebook=self.notebook or "")

    def to_json(self) -> dict[str, Any]:
        """Return the kernel as JSON values."""
        verdict = self.verdict
        return {
            "id": self.id,
            "name": self.name,
            "process": self.process,
            "notebook": self.notebook,
            "restart": {
                "needed": verdict.needed,
                "loaded": list(verdict.loaded),
                "reason": verdict.reason,
            },
        }
