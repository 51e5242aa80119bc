"""One plan for the environments of a cluster: each gets every change, or none does."""

from __future__ import annotations

TYPE_CHECKING = False  # as `typing` has it, which takes a while to load
if TYPE_CHECKING:
    from typing import Any

    from .errors import ClusterFailed, ClusterRefused, ClusterUnfinished, EnvironmentUnreachable
    from .ray_environment import ray_runtime_env
    from .service import ClusterService
    from .values import ClusterPlan, ClusterTransaction

__all__ = [
    "ClusterFailed",
    "ClusterPlan",
    "ClusterRefused",
    "ClusterService",
    "ClusterTransaction",
    "ClusterUnfinished",
    "EnvironmentUnreachable",
    "ray_runtime_env",
]

_MODULES = {
    "ClusterPlan": "values",
    "ClusterService": "service",
    "ClusterTransaction": "values",
    "ray_runtime_env": "ray_environment",
}
"""The modules of the names that are no errors."""


def __getattr__(name: str) -> Any:
    # Loaded on first use: leaders import this package, and need neither Dask nor pandas.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)
