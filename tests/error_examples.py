"""An example of each error with its message and its hint.

More than one of an error whose facts decide what helps. A new error is added here.
"""

from __future__ import annotations

from pathlib import Path

from pkgwidgets.core.errors import (
    DISK_INTERRUPTED,
    DISK_UNCHANGED,
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
from pkgwidgets.core.hints import Hint

EXAMPLES: list[tuple[PkgwidgetsError, str, Hint]] = [
    (
        CopyFailed("spring", ("seedshelf 1.4.1 is not installed", "no.")),
        "The copy spring was not made: seedshelf 1.4.1 is not installed; no.",
        Hint.UNCHANGED,
    ),
    (
        CopyInUse("spring", ("plot.ipynb (process 42)",)),
        "The copy spring was not removed, because plot.ipynb (process 42) runs in it.",
        Hint.END_PROGRAMS,
    ),
    (
        LockUnreadable("pylock.toml", "it has no lock-version"),
        "pylock.toml cannot be used: it has no lock-version.",
        Hint.UNCHANGED,
    ),
    (
        PolicyUnreadable(Path("/venv/pkgwidgets.toml"), 3, "Invalid value"),
        "/venv/pkgwidgets.toml, line 3 cannot be used: Invalid value.",
        Hint.FIX_AND_RETRY,
    ),
    (
        NoAdvisorySource("/home/me/env"),
        "No source of advisories is configured for /home/me/env.",
        Hint.NAME_SOURCE,
    ),
    (
        SourceNotAgreed("https://osv.example"),
        "A check sends the names and versions of the packages to https://osv.example.",
        Hint.AGREE_TO_SOURCE,
    ),
    (
        AdvisoriesUnavailable("https://osv.example", "it answered HTTP 500"),
        "The advisories of https://osv.example are not available: it answered HTTP 500.",
        Hint.CHECK_SOURCE,
    ),
    (
        InvalidRequest("name", "a b", "use letters, digits, '.', '_' and '-'"),
        "'a b' is not a valid package name: use letters, digits, '.', '_' and '-'.",
        Hint.UNCHANGED,
    ),
    (
        InvalidRequest("version", "1", "a version can be given for one package only"),
        "'1' is not a valid version: a version can be given for one package only.",
        Hint.UNCHANGED,
    ),
    (InvalidRequest("name", None, "no name was given"), "No name was given.", Hint.UNCHANGED),
    (InvalidRequest("name", 3), "3 is not a valid package name.", Hint.UNCHANGED),
    (
        InvalidRequest("transaction", "t", "the history has no transaction with this id"),
        "'t' is not a valid transaction: the history has no transaction with this id.",
        Hint.LIST_TRANSACTIONS,
    ),
    (
        InvalidRequest("transaction", "t", "it can no longer be undone", ("pea==1",)),
        "'t' is not a valid transaction: it can no longer be undone.",
        Hint.INSTALL_OLD,
    ),
    (
        InvalidRequest("transaction", "t", "it can no longer be undone", (), ("pea",)),
        "'t' is not a valid transaction: it can no longer be undone.",
        Hint.UNINSTALL_NEW,
    ),
    (
        InvalidRequest("transaction", None, "there is nothing to undo"),
        "There is nothing to undo.",
        Hint.UNCHANGED,
    ),
    (PackageNotFound("pea"), "pea is not installed.", Hint.LIST_PACKAGES),
    (
        ProjectNotFound("pea", "http://h/simple/"),
        "The index http://h/simple/ has no project pea.",
        Hint.CHECK_PROJECT,
    ),
    (
        ProjectNotFound("numpyy", "https://h/simple", ("numpy", "numba")),
        "The index https://h/simple has no project numpyy. Did you mean numpy or numba?",
        Hint.CHECK_PROJECT,
    ),
    (
        ProjectNotFound("pea 9", "http://h/simple/"),
        "The index http://h/simple/ has no release pea 9.",
        Hint.OTHER_VERSION,
    ),
    (
        IndexUnavailable("http://h/simple/", "it answered HTTP 503"),
        "The index http://h/simple/ is not available: it answered HTTP 503.",
        Hint.RETRY_LATER,
    ),
    (
        IndexUnavailable("http://h/simple/", "it answered HTTP 401 (password missing or wrong)"),
        "The index http://h/simple/ is not available: "
        "it answered HTTP 401 (password missing or wrong).",
        Hint.CHECK_LOGIN,
    ),
    (
        IndexUnavailable("file:///mnt/simple/", "the folder does not exist"),
        "The index file:///mnt/simple/ is not available: the folder does not exist.",
        Hint.CHECK_INDEX,
    ),
    (
        IndexUnavailable("http://h/simple/", "it is not JSON", "pea"),
        "The page of pea on http://h/simple/ cannot be used: it is not JSON.",
        Hint.RETRY_LATER,
    ),
    (
        IndexUnavailable("http://h/simple/", "404 Not Found", "pea", "pea-1-py3-none-any.whl"),
        "The file pea-1-py3-none-any.whl of pea on http://h/simple/ cannot be used: 404 Not Found.",
        Hint.RETRY_LATER,
    ),
    (
        EnvironmentRefused(Path("/usr/bin/python"), "/usr is read-only", is_whole=True),
        "/usr is read-only.",
        Hint.OWN_ENVIRONMENT,
    ),
    (
        EnvironmentRefused(
            Path("/usr/bin/python"),
            "/usr cannot be written to",
            is_whole=True,
            kernel="own",
            kernel_python="/home/a/own/bin/python",
        ),
        "/usr cannot be written to.",
        Hint.OTHER_KERNEL,
    ),
    (
        OtherVersion("20260101T000000000000-abcdef", "/e/.pkgwidgets/txn/1", True),
        "Another version of pkgwidgets began the change 20260101T000000000000-abcdef and did not "
        "finish it. This version leaves it alone, and changes nothing before it is finished.",
        Hint.RUN_RECOVERY,
    ),
    (
        OtherVersion("20260101T000000000000-abcdef", "/e/.pkgwidgets/txn/1"),
        "Another version of pkgwidgets began the change 20260101T000000000000-abcdef and did not "
        "finish it. This version leaves it alone, and changes nothing before it is finished.",
        Hint.INSTALL_OTHER_VERSION,
    ),
    (
        EnvironmentRefused(Path("/x/python"), "pea cannot be changed: it is editable"),
        "pea cannot be changed: it is editable.",
        Hint.UNCHANGED,
    ),
    (
        EnvironmentRefused(Path("/x/python"), "There is no Python at '/x/python'", usable=False),
        "There is no Python at '/x/python'.",
        Hint.OTHER_INTERPRETER,
    ),
    (
        EnvironmentBusy("root, in a notebook kernel (process 7)"),
        "The environment is being changed by root, in a notebook kernel (process 7).",
        Hint.WAIT,
    ),
    (
        InstallerUnavailable(("the uv package", "PATH")),
        "No usable uv was found (tried the uv package and PATH).",
        Hint.INSTALL_UV,
    ),
    (InstallerUnavailable(()), "No usable uv was found.", Hint.INSTALL_UV),
    (
        PlanImpossible(("pea", "bean"), "bean==1 depends on pea<1.", ("bean",)),
        "pea and bean cannot be installed together with what you have: bean==1 depends on pea<1.",
        Hint.ALLOW_ALL,
    ),
    (
        PlanImpossible(("pea",), "pea==2 depends on Python>=4 and bean==1 on pea<2.", ("bean",)),
        "pea cannot be installed together with what you have: "
        "pea==2 depends on Python>=4 and bean==1 on pea<2.",
        Hint.OTHER_PYTHON,
    ),
    (
        PlanImpossible(("pea",), "pea==2 depends on Python>=4."),
        "pea cannot be installed together with what you have: pea==2 depends on Python>=4.",
        Hint.OTHER_PYTHON,
    ),
    (
        PlanImpossible(("pea",), "there is no version of pea==9."),
        "pea cannot be installed together with what you have: there is no version of pea==9.",
        Hint.OTHER_VERSION,
    ),
    (
        PlanImpossible(("pea==9",), "pea==9 depends on bean<1.", ("bean",)),
        "pea 9 cannot be installed together with what you have: pea==9 depends on bean<1.",
        Hint.ALLOW_ALL,
    ),
    (
        PlanImpossible(
            ("pea==9",),
            "",
            ("bean",),
            reasons=("bean 1, which is installed, requires pea<3",),
            how_to_unblock="9, but bean → 2 changes too",
            alternative="pea 2.4",
        ),
        "pea 9 cannot be installed: bean 1, which is installed, requires pea<3.",
        Hint.UNBLOCK_OR_ALTERNATIVE,
    ),
    (
        PlanImpossible(
            ("pea==9",),
            "",
            ("bean",),
            reasons=("bean 1, which is installed, requires pea<3",),
            how_to_unblock="9, but bean → 2 changes too",
        ),
        "pea 9 cannot be installed: bean 1, which is installed, requires pea<3.",
        Hint.UNBLOCK,
    ),
    (
        PlanImpossible(
            ("pea==9",),
            "",
            ("bean",),
            reasons=("bean 1, which is installed, requires pea<3",),
            alternative="pea 2.4",
        ),
        "pea 9 cannot be installed: bean 1, which is installed, requires pea<3.",
        Hint.CHOOSE_ALTERNATIVE,
    ),
    (
        PlanImpossible(("everything",), "bean==1 depends on pea<1."),
        "The packages cannot be upgraded together: bean==1 depends on pea<1.",
        Hint.OTHER_VERSION,
    ),
    (
        PlanImpossible(("pea==9",), "pea 9 does not exist; the newest is 5.", has_no_release=True),
        "pea 9 does not exist; the newest is 5.",
        Hint.OTHER_VERSION,
    ),
    (
        PlanImpossible(
            ("pea==9",),
            "pea 9 requires Python>=4, but this environment has Python 3.11.9.",
            has_no_release=True,
        ),
        "pea 9 requires Python>=4, but this environment has Python 3.11.9.",
        Hint.OTHER_PYTHON,
    ),
    (
        ResolutionFailed("no route."),
        "uv, which chooses the versions, failed: no route.",
        Hint.FIX_AND_RETRY,
    ),
    (ResolutionFailed(""), "uv failed without an error message.", Hint.FIX_AND_RETRY),
    (
        StillNeeded(("pea",), ("bean",)),
        "Cannot uninstall pea: bean requires it.",
        Hint.UNINSTALL_TOO,
    ),
    (
        StillNeeded(("pea",), ("bean",), ("bean requires pea>=2",)),
        "Cannot change pea: bean requires pea>=2.",
        Hint.UNINSTALL_FIRST,
    ),
    (
        StillNeeded(("pea", "pod"), ("bean", "leek")),
        "Cannot uninstall pea and pod: bean and leek require them.",
        Hint.UNINSTALL_TOO,
    ),
    (
        NotebookUntried(("cell 3 of a.ipynb (NameError: x)",)),
        "No upgrade can be tried: cell 3 of a.ipynb (NameError: x) fails with the current "
        "versions.",
        Hint.FIX_CELL,
    ),
    (
        NotebookUntried(("cell 3 of a.ipynb (FileNotFoundError: x)",)),
        "No upgrade can be tried: cell 3 of a.ipynb (FileNotFoundError: x) fails with the current "
        "versions.",
        Hint.GIVE_ROOT,
    ),
    (
        NotebookUntried(("cell 3 of a.ipynb (NameError: x)", "cell 4 of a.ipynb (KeyError: y)")),
        "No upgrade can be tried: cell 3 of a.ipynb (NameError: x) and cell 4 of a.ipynb "
        "(KeyError: y) fail with the current versions.",
        Hint.FIX_CELL,
    ),
    (
        StalePlan("t", ("pea is now 2 (it was 1)", "bean 1 was added")),
        "This plan was not applied, because the environment has changed since: "
        "pea is now 2 (it was 1); bean 1 was added.",
        Hint.PLAN_AGAIN,
    ),
    (
        StageFailed("t", ("pea 2 cannot be imported (x)",)),
        "The new packages failed the check before installing: pea 2 cannot be imported (x).",
        Hint.OTHER_VERSION_OR_FIX,
    ),
    (
        StageFailed("t", ("pea 1 cannot be imported (x)",), ("pod==2 breaks pea==1: x",)),
        "The new packages failed the check before installing: pea 1 cannot be imported (x).",
        Hint.PLAN_WITHOUT,
    ),
    (
        StageFailed("t", ("pea 2 cannot be imported (x)",), ("pea==2 breaks pea==2: x",), True),
        "The new packages failed the check before installing: pea 2 cannot be imported (x).",
        Hint.OTHER_VERSION_OR_FIX,
    ),
    (
        InstallFailed("t", ("uv", "pip"), 2, " no space \n"),
        "uv failed (exit code 2): no space.",
        Hint.RETRY_OTHER_VERSION,
    ),
    (
        InstallFailed("t", ("uv",), 2, "The page of pea cannot be used: it answered HTTP 403."),
        "uv failed (exit code 2): The page of pea cannot be used: it answered HTTP 403.",
        Hint.CHECK_LOGIN,
    ),
    (
        InstallFailed("t", ("uv",), -9),
        "uv failed without an error message (exit code -9).",
        Hint.RETRY_OTHER_VERSION,
    ),
    (
        InstallFailed("t", ("uv",), -9, "no space \N{BULLET} left\n"),
        "uv failed (exit code -9): no space \N{BULLET} left.",
        Hint.RETRY_OTHER_VERSION,
    ),
    (
        InstallFailed("t", ("uv",), 1, "pea==2 is bad", ("pea==2 cannot be installed: it is bad",)),
        "uv failed (exit code 1): pea==2 is bad.",
        Hint.PLAN_WITHOUT,
    ),
    (
        VerificationFailed("t", ("pea: pea.py is missing",), ("pea==2 cannot be installed: x",)),
        "The new packages failed the check after installing: pea: pea.py is missing.",
        Hint.PLAN_WITHOUT,
    ),
    (
        VerificationFailed("t", ("pea 2 cannot be imported (x)",)),
        "The new packages failed the check after installing: pea 2 cannot be imported (x).",
        Hint.RESTORED_PLAN_AGAIN,
    ),
    (Cancelled("t"), "Cancelled.", Hint.RESTORED),
    (Cancelled(""), "Cancelled.", Hint.RESTORED),
    (
        RollbackFailed("t", ("/a: no space",), "/my env/.pkgwidgets/txn/t"),
        "The rollback is incomplete, and the environment has old and new files: /a: no space. "
        "Do not use the environment before the rollback is complete. "
        "The old files are in /my env/.pkgwidgets/txn/t (keep this folder).",
        Hint.RECOVER,
    ),
    (
        RollbackFailed("t", ("/a: no space",)),
        "The rollback is incomplete, and the environment has old and new files: /a: no space. "
        "Do not use the environment before the rollback is complete.",
        Hint.NEW_SESSION,
    ),
    (TooLate("t"), "The change was complete before it could be cancelled.", Hint.UNDO),
    (
        WorkerFailed("t", "it was interrupted"),
        "The background process that applies changes failed: it was interrupted.",
        Hint.READ_LOG,
    ),
    (
        WorkerFailed("", "it cannot be started"),
        "The background process that applies changes failed: it cannot be started.",
        Hint.TRY_AGAIN,
    ),
    (
        DiskFailed("t", "/env/.pkgwidgets/open", "no space left on device"),
        "Cannot read or write /env/.pkgwidgets/open: no space left on device.",
        Hint.FREE_DISK,
    ),
    (
        DiskFailed("t", "/env/.pkgwidgets/open", "read-only file system"),
        "Cannot read or write /env/.pkgwidgets/open: read-only file system.",
        Hint.FIX_PATH,
    ),
    *(
        (
            DiskFailed("t", "/env/.pkgwidgets/open", reason, state),
            f"Cannot read or write /env/.pkgwidgets/open: {reason}.",
            hint,
        )
        for reason, state, hint in (
            ("no space left on device", DISK_UNCHANGED, Hint.FREE_DISK_AND_RETRY),
            ("input/output error", DISK_UNCHANGED, Hint.FIX_PATH_AND_RETRY),
            ("disk quota exceeded", DISK_INTERRUPTED, Hint.FREE_DISK_AND_RECOVER),
            ("read-only file system", DISK_INTERRUPTED, Hint.FIX_PATH_AND_RECOVER),
        )
    ),
    (
        SavedFilesLost("t", "/env/.pkgwidgets/txn/t", ("pea 1 → 2",), (), "uv pip install pea==2"),
        "/env/.pkgwidgets/txn/t was deleted during the change. So it could not be rolled back. "
        "It is complete: pea 1 → 2.",
        Hint.UNDO_BY_HAND,
    ),
    (
        SavedFilesLost(
            "t", "/env/.pkgwidgets/txn/t", ("pea 1 → 2",), ("pea is 1",), "uv pip install pea==2"
        ),
        "/env/.pkgwidgets/txn/t was deleted during the change. So it could not be rolled back, "
        "and it is not complete (pea 1 → 2): pea is 1.",
        Hint.REINSTALL,
    ),
]
FAMILIES = [PkgwidgetsError, TransactionError]
"""What is caught, never raised itself."""


def error_types(root: type[PkgwidgetsError] = PkgwidgetsError) -> list[type[PkgwidgetsError]]:
    """Return the errors of the core, each after the one that it is made of."""
    own = [kind for kind in root.__subclasses__() if kind.__module__ == root.__module__]
    return [root, *(kind for branch in own for kind in error_types(branch))]
