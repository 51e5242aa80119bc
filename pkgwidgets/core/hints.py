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
    PLAN_AGAIN = "Plan again."
    TRY_AGAIN = "Nothing was changed. Try again."
    RETRY_OTHER_VERSION = "The environment is unchanged. Choose another version, or plan again."
    RESTORED_PLAN_AGAIN = (
        "The previous packages were restored. "
        "Choose another version, or fix this problem and plan again."
    )
    READ_LOG = (
        "The environment is unchanged. Plan again. "
        '`list_events("{transaction}")` has the log of the change.'
    )
    UNDO = "To undo it, call `undo()`."

    INSTALL_OLD = (
        "Nothing was changed. To install the old versions from the index instead, "
        "call `plan_install({old_releases_list})`: the plan names what it replaces."
    )
    UNINSTALL_NEW = (
        "Nothing was changed. To uninstall what it installed, "
        "call `plan_uninstall({new_names_list})`."
    )

    LIST_PACKAGES = "`get_packages()` lists what is installed."
    LIST_TRANSACTIONS = "`history()` lists the transactions of this environment."
    CHECK_PROJECT = "Check the spelling, or configure another index. Nothing was changed."

    ALLOW_ALL = (
        "Nothing was changed. "
        'Allow changes to other packages with `allow="all"`, or choose another version.'
    )
    UNBLOCK = 'Nothing was changed. With `allow="all"`: {how_to_unblock}.'
    UNBLOCK_OR_ALTERNATIVE = (
        'Nothing was changed. With `allow="all"`: {how_to_unblock}. Or choose {alternative}.'
    )
    CHOOSE_ALTERNATIVE = "Nothing was changed. Choose {alternative}."
    FIX_CELL = "Nothing was changed. Fix this, or upgrade all the same with `allow_untried=True`."
    GIVE_ROOT = "Nothing was changed. Fix this, or give the folder of its project as `root`."
    OTHER_VERSION = "Nothing was changed. Choose another version."
    OTHER_PYTHON = (
        "Nothing was changed. Choose another version, or an environment with another Python."
    )
    PLAN_WITHOUT = (
        "Nothing was changed. "
        "Plan the upgrade of everything again: the new plan keeps the installed {kept}."
    )
    OTHER_VERSION_OR_FIX = "Nothing was changed. Choose another version, or fix this problem."
    UNINSTALL_TOO = "Nothing was changed. Uninstall {needed_by} as well, or keep {names}."
    UNINSTALL_FIRST = "Nothing was changed. Uninstall {needed_by} first, or keep {names} unchanged."
    OTHER_INTERPRETER = (
        "Nothing was changed. Choose an interpreter that starts: `PackageService(python)`."
    )

    OWN_ENVIRONMENT = (
        "Nothing was changed. Use an environment of your own: `python -m venv FOLDER` makes one."
    )

    OTHER_KERNEL = (
        "Nothing was changed. You may change the environment of the kernel {kernel}: "
        '`PackageService("{kernel_python}")`.'
    )

    RETRY_LATER = (
        "Nothing was changed. Try again later, or check the network and the address of the index."
    )
    CHECK_LOGIN = "Nothing was changed. Check the user name and the password of the index."
    CHECK_INDEX = "Nothing was changed. Check the address of the index."
    NAME_SOURCE = (
        "Call `use_advisories(SOURCE)`. A source is the address of an OSV service, "
        "or the path of a folder or zip file with OSV records."
    )
    AGREE_TO_SOURCE = 'Nothing was sent. If you agree, call `use_advisories("{source}")`.'
    CHECK_SOURCE = "Try again later, or check the source of the advisories."
    END_PROGRAMS = (
        "Nothing was changed. Choose another kernel for these notebooks, end the other programs, "
        "and try again."
    )
    WAIT = "Your change was not started. Wait until the other one has finished, then try again."
    FIX_AND_RETRY = "Nothing was changed. Fix this problem, then try again."
    INSTALL_UV = "Install uv in the environment of pkgwidgets: `pip install --upgrade uv`."
    FREE_DISK = (
        "Free some disk space, then restart the kernel: "
        "this finishes or rolls back a change that was in progress."
    )
    FIX_PATH = (
        "Fix this problem, then restart the kernel: "
        "this finishes or rolls back a change that was in progress."
    )
    FREE_DISK_AND_RETRY = "The environment is unchanged. Free some disk space, then try again."
    FIX_PATH_AND_RETRY = "The environment is unchanged. Fix this problem, then try again."
    FREE_DISK_AND_RECOVER = (
        "An interrupted change is not rolled back yet. "
        "Free some disk space, then restart the kernel to complete the rollback."
    )
    FIX_PATH_AND_RECOVER = (
        "An interrupted change is not rolled back yet. "
        "Fix this problem, then restart the kernel to complete the rollback."
    )
    REINSTALL = "Install the packages again: run `{command}` in a terminal."
    UNDO_BY_HAND = "It cannot be undone here. To go back, install the earlier versions."
    RECOVER = (
        "Fix this problem. Then complete the rollback: "
        "run `{command}` in a terminal, with any Python, or restart the kernel."
    )
    RUN_RECOVERY = "That version finishes it: run `{command}` in a terminal, with any Python."
    INSTALL_OTHER_VERSION = (
        "Install the version of pkgwidgets that began the change: it finishes it when it starts."
    )
    NEW_SESSION = "Fix this problem, then restart the kernel to complete the rollback."

    LIST_KERNELS = "Check the name of the kernel."
    USE_IN_NOTEBOOK = (
        "Nothing was changed. Use pkgwidgets in a notebook of this kernel, where it is installed."
    )
    MAKE_PLAN = (
        "Plan again. A plan can be applied once, by the user and in the environment of its request."
    )
    READ_PLAN = "Nothing was changed. Read the whole plan first."
    TELL_USER = "Nothing was changed. Tell the user what you planned; do not try again unasked."
    ENABLE_SERVER = "Run `jupyter server extension enable pkgwidgets`, and restart the server."
    CHECK_REQUEST = "Nothing was changed. Check the request."
    GET_SCOPE = (
        "Use a token that has this scope: its owner or an administrator of the hub can make one."
    )
    AUTHENTICATE = "Log in, or ask an administrator for permission to change packages."
