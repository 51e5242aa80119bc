"""What kinds of clusters run on: packages that no change of a live cluster may touch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterKind:
    """A kind of cluster.

    `packages` are the normalized names of what its processes have loaded to speak with each other.
    `live` says why these are not changed. `needs_nannies` tells whether workers without a nanny are
    refused.
    """

    packages: frozenset[str]
    live: str
    needs_nannies: bool


DASK = ClusterKind(
    packages=frozenset({
        "cloudpickle", "dask", "distributed", "locket", "msgpack", "psutil", "pyyaml",
        "sortedcontainers", "tblib", "toolz", "tornado", "zict",
    }),
    live="it is part of the running cluster: change it while scheduler and nannies are stopped",
    needs_nannies=True,
)  # fmt: skip

IPYPARALLEL = ClusterKind(
    packages=frozenset({
        "decorator", "ipykernel", "ipyparallel", "ipython", "jupyter-client", "jupyter-core",
        "psutil", "python-dateutil", "pyzmq", "tornado", "traitlets",
    }),
    live="it is part of the running cluster: change it while controller and engines are stopped",
    needs_nannies=False,
)  # fmt: skip
