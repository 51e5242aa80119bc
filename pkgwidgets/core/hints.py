"""What a user can do about an error.

Standard library only: recovery needs it when nothing else works.
"""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class Hint(StrEnum):
    """One piece of advice; an error chooses it from its facts.

    The value is the text for users of Python. `presentation/hints.py` has the texts of the other
    front ends, where they differ. `{name}` stands for a fact of the error.
    """

    UNCHANGED = "Nothing was changed."
    RESTORED = "The environment is unchanged."
    PLAN_AGAIN = "Nothing was changed. Plan again."
    RETRY_OTHER_VERSION = "The environment is unchanged. Plan again, or choose another version."
    READ_LOG = "The environment is unchanged. Plan again, or read the log of the transaction."
    UNDO = "To undo it, call `undo()`."

    LIST_PACKAGES = "`get_packages()` lists what is installed."
    LIST_TRANSACTIONS = "`history()` lists the transactions of this environment."
    CHECK_PROJECT = (
        "Nothing was changed. Check the spelling of the name, and which index is configured."
    )

    ALLOW_ALL = (
        "Nothing was changed. "
        'Allow changes to other packages with `allow="all"`, or choose another version.'
    )
    OTHER_VERSION = "Nothing was changed. Choose another version."
    OTHER_PYTHON = (
        "Nothing was changed. Choose another version, or an environment with another Python."
    )
    OTHER_VERSION_OR_FIX = "Nothing was changed. Choose another version, or fix the problem above."
    UNINSTALL_TOO = "Uninstall {needed_by} as well, or keep {names}."
    UNINSTALL_FIRST = "Nothing was changed. Uninstall {needed_by} first, or keep {names} unchanged."
    OTHER_INTERPRETER = (
        "Nothing was changed. Choose an interpreter that starts: `PackageService(python)`."
    )

    RETRY_LATER = (
        "Nothing was changed. Try again later, or check the network and the address of the index."
    )
    CHECK_INDEX = "Nothing was changed. Check the address of the index."
    WAIT = "Wait until it has finished, then plan again."
    FIX_AND_RETRY = "Nothing was changed. Fix the problem above and try again."
    INSTALL_UV = "Install uv in the environment of pkgwidgets: `pip install --upgrade uv`."
    FREE_DISK = "Free some disk space and try again. An interrupted change is recovered first."
    FIX_PATH = "Fix the path above, then try again."
    RECOVER = (
        "Fix these files. Then run `{command}` or start a new session to complete the rollback."
    )
    NEW_SESSION = "Fix these files, then start a new session to complete the rollback."

    LIST_KERNELS = "Check the name of the kernel."
    MAKE_PLAN = (
        "Plan again. A plan can be applied once, by the user and in the environment of its request."
    )
    CHECK_REQUEST = "Nothing was changed. Check the request."
    AUTHENTICATE = "Log in, or ask an administrator for permission to change packages."
