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
    PLAN_AGAIN = "Nothing was changed; plan again."
    RETRY_OTHER_VERSION = "The environment is unchanged. Plan again, or choose another version."
    READ_LOG = "The environment is unchanged. Plan again; the transaction's log may say more."
    UNDO = "`undo()` takes it back."

    LIST_PACKAGES = "`get_packages()` lists what is installed."
    LIST_TRANSACTIONS = "`history()` lists the transactions of this environment."
    CHECK_PROJECT = "Check the spelling and which index is configured."

    ALLOW_ALL = 'Let other packages change too: `allow="all"`. Or choose another version.'
    OTHER_VERSION = "Choose another version."
    OTHER_PYTHON = "Choose another version, or an environment with another Python."
    OTHER_VERSION_OR_FIX = (
        "Nothing was changed. Choose another version, or fix the problem named above."
    )
    UNINSTALL_TOO = "Nothing was changed. Uninstall {needed_by} as well, or keep {names}."
    OTHER_INTERPRETER = (
        "Nothing was changed. Choose an interpreter that starts: `PackageService(python)`."
    )

    RETRY_LATER = "Try again later, or check the network and the address of the index."
    CHECK_INDEX = "Check the address of the index."
    WAIT = "Wait until it has finished, then plan again."
    FIX_AND_RETRY = "Nothing was changed. Fix the problem above and try again."
    INSTALL_UV = "Install uv in the environment of pkgwidgets: `pip install --upgrade uv`."
    FREE_DISK = "Free some disk space and try again; what was begun is rolled back."
    FIX_PATH = "Fix the path above and try again; what was begun is rolled back."
    RECOVER = "Fix these files, then run `{command}` or start a new session: it tries again."
    NEW_SESSION = "Fix these files, then start a new session: it tries again."

    LIST_KERNELS = "Check the name of the kernel."
    MAKE_PLAN = (
        "A plan can be applied once, in the environment and by the user it was made for: "
        "plan again."
    )
    CHECK_REQUEST = "Nothing was changed. Check the request."
    AUTHENTICATE = "Log in, or ask for the permission to change packages."
