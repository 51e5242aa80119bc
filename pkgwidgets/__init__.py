"""Upgrade the packages under a running notebook kernel: see, plan, apply, undo."""

from __future__ import annotations

TYPE_CHECKING = False  # as `typing` has it, which takes a while to load
if TYPE_CHECKING:
    from typing import Any

    from IPython.core.interactiveshell import InteractiveShell

    from pkgwidgets.analysis.api_changes import Impact, Severity
    from pkgwidgets.analysis.run_comparison import ComparedCell, Rehearsal, Verdict
    from pkgwidgets.cluster.service import ClusterService
    from pkgwidgets.core.copies import CopyPlan, EnvironmentCopy
    from pkgwidgets.core.errors import (
        AdvisoriesUnavailable,
        Cancelled,
        CopyFailed,
        CopyInUse,
        DiskFailed,
        EnvironmentBusy,
        EnvironmentRefused,
        IndexUnavailable,
        InstallerUnavailable,
        InstallFailed,
        InvalidRequest,
        LockUnreadable,
        NoAdvisorySource,
        NotebookUntried,
        OtherVersion,
        PackageNotFound,
        PkgwidgetsError,
        PlanImpossible,
        PolicyUnreadable,
        ProjectNotFound,
        ResolutionFailed,
        RollbackFailed,
        SavedFilesLost,
        SourceNotAgreed,
        StageFailed,
        StalePlan,
        StillNeeded,
        TooLate,
        TransactionError,
        VerificationFailed,
        WorkerFailed,
    )
    from pkgwidgets.core.events import Event, Stage
    from pkgwidgets.core.hold_changes import HoldChange
    from pkgwidgets.core.kernels import Kernel, Restart, Variable
    from pkgwidgets.core.lock import Export
    from pkgwidgets.core.packages import PackageDependencies, PackageInfo, PackageStatus
    from pkgwidgets.core.plans import Change, HeldBack, Plan
    from pkgwidgets.core.policy import ListedHold
    from pkgwidgets.core.projects import OwningProject
    from pkgwidgets.core.releases import Release
    from pkgwidgets.core.transactions import Outcome, Transaction
    from pkgwidgets.core.unlocking import Unlock
    from pkgwidgets.core.versions import compare_versions
    from pkgwidgets.notebook.service import PackageService
    from pkgwidgets.widgets.cluster_panel import ClusterPanel
    from pkgwidgets.widgets.panel import PackagePanel

__version__ = "0.2.0"

__all__ = [
    "AdvisoriesUnavailable",
    "Cancelled",
    "Change",
    "ClusterPanel",
    "ClusterService",
    "ComparedCell",
    "CopyFailed",
    "CopyInUse",
    "CopyPlan",
    "DiskFailed",
    "EnvironmentBusy",
    "EnvironmentCopy",
    "EnvironmentRefused",
    "Event",
    "Export",
    "HeldBack",
    "HoldChange",
    "Impact",
    "IndexUnavailable",
    "InstallFailed",
    "InstallerUnavailable",
    "InvalidRequest",
    "Kernel",
    "ListedHold",
    "LockUnreadable",
    "NoAdvisorySource",
    "NotebookUntried",
    "OtherVersion",
    "Outcome",
    "OwningProject",
    "PackageDependencies",
    "PackageInfo",
    "PackageNotFound",
    "PackagePanel",
    "PackageService",
    "PackageStatus",
    "PkgwidgetsError",
    "Plan",
    "PlanImpossible",
    "PolicyUnreadable",
    "ProjectNotFound",
    "Rehearsal",
    "Release",
    "ResolutionFailed",
    "Restart",
    "RollbackFailed",
    "SavedFilesLost",
    "Severity",
    "SourceNotAgreed",
    "Stage",
    "StageFailed",
    "StalePlan",
    "StillNeeded",
    "TooLate",
    "Transaction",
    "TransactionError",
    "Unlock",
    "Variable",
    "Verdict",
    "VerificationFailed",
    "WorkerFailed",
    "__version__",
    "compare_versions",
]

_MODULES = {
    "analysis.api_changes": ("Impact", "Severity"),
    "analysis.run_comparison": ("ComparedCell", "Rehearsal", "Verdict"),
    "cluster.service": ("ClusterService",),
    "core.copies": ("CopyPlan", "EnvironmentCopy"),
    "core.events": ("Event", "Stage"),
    "core.hold_changes": ("HoldChange",),
    "core.kernels": ("Kernel", "Restart", "Variable"),
    "core.lock": ("Export",),
    "core.packages": ("PackageDependencies", "PackageInfo", "PackageStatus"),
    "core.plans": ("Change", "HeldBack", "Plan"),
    "core.policy": ("ListedHold",),
    "core.projects": ("OwningProject",),
    "core.releases": ("Release",),
    "core.transactions": ("Outcome", "Transaction"),
    "core.unlocking": ("Unlock",),
    "core.versions": ("compare_versions",),
    "notebook.service": ("PackageService",),
    "widgets.cluster_panel": ("ClusterPanel",),
    "widgets.panel": ("PackagePanel",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    # Each name is loaded on first use: the server imports this package at every start, and the
    # command line before it can hear an interrupt.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = import_module(f"{__name__}.{_HOMES.get(name, 'core.errors')}")
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return [*__all__, "core", "demo"]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Give a shell the line magic `%packages`: what `%load_ext pkgwidgets` does."""
    from pkgwidgets.notebook.magic import load

    load(shell, _open_panel)


def _open_panel(service: PackageService) -> PackagePanel:
    from pkgwidgets.widgets.panel import PackagePanel

    return PackagePanel(service)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "pkgwidgets.server.app"}]
