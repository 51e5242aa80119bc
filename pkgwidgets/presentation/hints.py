"""Word the hints of errors for each front end."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.hints import Hint

if TYPE_CHECKING:
    from pkgwidgets.core.plans import HeldBack


class Face(StrEnum):
    """A front end; what its user can do decides how a hint is worded."""

    PYTHON = "python"
    PANEL = "panel"
    CLI = "cli"
    MAGIC = "magic"
    REST = "rest"
    AGENT = "agent"


_OTHER_INTERPRETER = "Nothing was changed. Choose an interpreter that starts: `--python PATH`."

_OTHER_KERNEL = "Nothing was changed. You may change the environment of the kernel {kernel}:"

_ALLOW_ALL = (
    "Nothing was changed. "
    "Allow changes to other packages with `--allow all`, or choose another version."
)

_KEEPS = (
    "Nothing was changed. "
    "Plan the upgrade of everything again: the new plan keeps the installed {kept}."
)

_UNBLOCK = {
    Face.PANEL: "Nothing was changed. With changes to other packages: {how_to_unblock}.",
    Face.CLI: "Nothing was changed. With `--allow all`: {how_to_unblock}.",
    Face.MAGIC: "Nothing was changed. With `--allow all`: {how_to_unblock}.",
    Face.REST: 'Nothing was changed. With `"allow": "all"`: {how_to_unblock}.',
    Face.AGENT: 'Nothing was changed. With `"allow": "all"`: {how_to_unblock}.',
}

_READ_LOG = (
    "The environment is unchanged. Plan again. The folder "
    "`.pkgwidgets/txn/{transaction}` of the environment has the log of the change."
)
_NOT_YET = "An interrupted change is not rolled back yet."
_INSTALL_OLD = "Nothing was changed. To install the old versions from the index instead, "
_OLD = "{old_releases_words}"
_NAMES_REPLACED = ": the plan names what it replaces."
_UNINSTALL_NEW = "Nothing was changed. To uninstall what it installed, "
_SOURCES = (
    "It is the address of an OSV service, or the path of a folder or zip file with OSV records."
)
_FINISHES = "this finishes or rolls back a change that was in progress."

_TEXTS: Mapping[Hint, Mapping[Face, str]] = {
    Hint.UNDO: {
        Face.PANEL: "Choose Undo to undo it.",
        Face.CLI: "To undo it, run `pkgwidgets undo`.",
        Face.MAGIC: "To undo it, run `%packages undo`.",
        Face.REST: "To undo it, send `POST pkgwidgets/transactions/{transaction}/undo`.",
        Face.AGENT: 'To undo it, call `packages_undo` with `"transaction": "{transaction}"`.',
    },
    Hint.INSTALL_OLD: {
        Face.PANEL: f"{_INSTALL_OLD}install `{_OLD}`{_NAMES_REPLACED}",
        Face.CLI: f"{_INSTALL_OLD}run `pkgwidgets install {_OLD}`{_NAMES_REPLACED}",
        Face.MAGIC: f"{_INSTALL_OLD}run `%packages install {_OLD}`{_NAMES_REPLACED}",
        Face.REST: (
            f"{_INSTALL_OLD}send `POST pkgwidgets/plans` "
            f'with `"install": {{old_releases_list}}`{_NAMES_REPLACED}'
        ),
        Face.AGENT: (
            f"{_INSTALL_OLD}call `packages_plan` "
            f'with `"install": {{old_releases_list}}`{_NAMES_REPLACED}'
        ),
    },
    Hint.PLAN_WITHOUT: {
        Face.CLI: f"{_KEEPS} Or add `--skip-failing`.",
        Face.MAGIC: f"{_KEEPS} Or add `--skip-failing`.",
        Face.REST: f'{_KEEPS} Or send `"skip_failing": true`.',
        Face.AGENT: _KEEPS,
    },
    Hint.UNINSTALL_NEW: {
        Face.PANEL: f"{_UNINSTALL_NEW}uninstall {{new_names}} in the table.",
        Face.CLI: f"{_UNINSTALL_NEW}run `pkgwidgets uninstall {{new_names_words}}`.",
        Face.MAGIC: f"{_UNINSTALL_NEW}run `%packages uninstall {{new_names_words}}`.",
        Face.REST: (
            f'{_UNINSTALL_NEW}send `POST pkgwidgets/plans` with `"uninstall": {{new_names_list}}`.'
        ),
        Face.AGENT: (
            f'{_UNINSTALL_NEW}call `packages_plan` with `"uninstall": {{new_names_list}}`.'
        ),
    },
    Hint.NAME_SOURCE: {
        Face.PANEL: f"Name a source. {_SOURCES}",
        Face.CLI: f"Run `pkgwidgets audit --source SOURCE`. {_SOURCES}",
        Face.MAGIC: f"Run `%packages audit --source SOURCE`. {_SOURCES}",
        Face.REST: f"Send `PUT pkgwidgets/advisories/sources`. {_SOURCES}",
        Face.AGENT: f"Ask the user to name a source in a notebook. {_SOURCES}",
    },
    Hint.AGREE_TO_SOURCE: {
        Face.PANEL: "Nothing was sent. Choose Agree to send them.",
        Face.CLI: "Nothing was sent. If you agree, run `pkgwidgets audit --source {source}`.",
        Face.MAGIC: "Nothing was sent. If you agree, run `%packages audit --source {source}`.",
        Face.REST: (
            "Nothing was sent. If the user agrees, "
            'send `PUT pkgwidgets/advisories/sources` with `"sources": ["{source}"]`.'
        ),
        Face.AGENT: "Nothing was sent. Ask the user to agree to this source in a notebook.",
    },
    Hint.LIST_PACKAGES: {
        Face.PANEL: "The table lists what is installed.",
        Face.CLI: "`pkgwidgets packages` lists what is installed.",
        Face.MAGIC: "`%packages list` lists what is installed.",
        Face.REST: "`GET pkgwidgets/packages` lists what is installed.",
        Face.AGENT: "`packages_list` lists what is installed.",
    },
    Hint.LIST_TRANSACTIONS: {
        Face.PANEL: "The history lists the transactions of this environment.",
        Face.CLI: "`pkgwidgets history` lists the transactions of this environment.",
        Face.MAGIC: "`%packages history` lists the transactions of this environment.",
        Face.REST: "`GET pkgwidgets/transactions` lists the transactions of this environment.",
        Face.AGENT: "`packages_history` lists the transactions of this environment.",
    },
    Hint.ALLOW_ALL: {
        Face.PANEL: (
            "Nothing was changed. Allow changes to other packages, or choose another version."
        ),
        Face.CLI: _ALLOW_ALL,
        Face.MAGIC: _ALLOW_ALL,
        Face.REST: (
            "Nothing was changed. "
            'Allow changes to other packages with `"allow": "all"`, or choose another version.'
        ),
        Face.AGENT: (
            "Nothing was changed. "
            'Allow changes to other packages with `"allow": "all"`, or choose another version.'
        ),
    },
    Hint.UNBLOCK: _UNBLOCK,
    Hint.UNBLOCK_OR_ALTERNATIVE: {
        face: f"{text} Or choose {{alternative}}." for face, text in _UNBLOCK.items()
    },
    Hint.PLAN_AGAIN: {
        Face.AGENT: "Nothing was changed. Call `packages_plan` again.",
    },
    Hint.MAKE_PLAN: {
        Face.AGENT: "Call `packages_plan` again. A plan can be applied once, within an hour.",
    },
    Hint.READ_PLAN: {
        Face.AGENT: (
            "Nothing was changed. "
            'Call `packages_read_plan` with `"plan": "{plan}"` and `"offset": {next_offset}`.'
        ),
    },
    **dict.fromkeys(
        (Hint.FIX_CELL, Hint.GIVE_ROOT),
        dict.fromkeys(
            (Face.PANEL, Face.CLI, Face.MAGIC, Face.REST, Face.AGENT),
            "Nothing was changed. Fix this, then try again.",
        ),
    ),
    Hint.OTHER_INTERPRETER: {
        Face.PANEL: "Nothing was changed. Choose a kernel whose Python starts.",
        Face.CLI: _OTHER_INTERPRETER,
        Face.MAGIC: _OTHER_INTERPRETER,
        Face.REST: (
            "Name another kernel with `?kernelspec=NAME` or `?kernel=ID`: "
            "`GET api/kernelspecs` lists them."
        ),
        Face.AGENT: "Name another kernel: `packages_kernels` lists those that run.",
    },
    Hint.OWN_ENVIRONMENT: {
        Face.PANEL: "Nothing was changed. Choose a kernel of an environment that you may change.",
        Face.REST: (
            "Nothing was changed. Name the kernel of another environment with `?kernelspec=NAME`."
        ),
        Face.AGENT: (
            "Nothing was changed. Name the kernel of another environment: "
            "`packages_kernels` lists those that run."
        ),
    },
    Hint.OTHER_KERNEL: {
        Face.PANEL: (
            "Nothing was changed. Choose the kernel {kernel}: you may change its environment."
        ),
        Face.CLI: f"{_OTHER_KERNEL} `--python {{kernel_python}}`.",
        Face.MAGIC: f"{_OTHER_KERNEL} choose this kernel.",
        Face.REST: f"{_OTHER_KERNEL} `?kernelspec={{kernel}}`.",
        Face.AGENT: f'{_OTHER_KERNEL} `"kernel": "{{kernel}}"`.',
    },
    Hint.READ_LOG: {
        Face.PANEL: _READ_LOG,
        Face.CLI: _READ_LOG,
        Face.MAGIC: _READ_LOG,
        Face.REST: (
            "The environment is unchanged. Plan again. "
            "`GET pkgwidgets/transactions/{transaction}` has the log of the change."
        ),
        Face.AGENT: ("The environment is unchanged. Plan again. `packages_history` has the error."),
    },
    Hint.FREE_DISK: {
        Face.CLI: f"Free some disk space, then run `pkgwidgets recover`: {_FINISHES}",
        Face.MAGIC: f"Free some disk space, then run `%packages recover`: {_FINISHES}",
    },
    Hint.FIX_PATH: {
        Face.CLI: f"Fix this problem, then run `pkgwidgets recover`: {_FINISHES}",
        Face.MAGIC: f"Fix this problem, then run `%packages recover`: {_FINISHES}",
    },
    Hint.FREE_DISK_AND_RECOVER: {
        Face.CLI: f"{_NOT_YET} Free some disk space, then run `pkgwidgets recover`.",
        Face.MAGIC: f"{_NOT_YET} Free some disk space, then run `%packages recover`.",
    },
    Hint.FIX_PATH_AND_RECOVER: {
        Face.CLI: f"{_NOT_YET} Fix this problem, then run `pkgwidgets recover`.",
        Face.MAGIC: f"{_NOT_YET} Fix this problem, then run `%packages recover`.",
    },
    Hint.NEW_SESSION: {
        Face.CLI: "Fix this problem, then run `pkgwidgets recover` to complete the rollback.",
        Face.MAGIC: "Fix this problem, then run `%packages recover` to complete the rollback.",
    },
    Hint.LIST_KERNELS: {
        Face.REST: (
            "`GET api/kernels` lists the running kernels, `GET api/kernelspecs` the available ones."
        ),
        Face.AGENT: "`packages_kernels` lists the running kernels.",
    },
    Hint.CHECK_REQUEST: {
        Face.REST: "Nothing was changed. `GET pkgwidgets/openapi.json` lists the valid requests.",
        Face.AGENT: "Nothing was changed. The description of the tool lists its arguments.",
    },
    Hint.AUTHENTICATE: {
        Face.REST: (
            "Send the server's token as `Authorization: token …`, or a login cookie with its "
            "XSRF token. Changes need the permission `execute` on `pkgwidgets`."
        ),
    },
}
"""The text of a hint for a front end; a hint without an entry shows its value."""


_ALLOWING = {
    Face.PYTHON: 'with allow="all"',
    Face.PANEL: "with changes to other packages",
    Face.CLI: "with --allow all",
    Face.MAGIC: "with --allow all",
    Face.REST: "with changes to other packages",
    Face.AGENT: "with changes to other packages",
}


def held_back_text(held_back: HeldBack, face: Face) -> str:
    """Return what a plan holds back, why, and what would unblock it, for a front end."""
    return held_back.explain(_ALLOWING[face])


def template(hint: Hint, face: Face) -> str:
    """Return the text of a hint for a front end, with `{name}` for a fact of the error."""
    return _TEXTS.get(hint, {}).get(face, hint.value)


def hint_text(error: PkgwidgetsError, face: Face) -> str:
    """Return the hint of an error for a front end; "" if the error has no hint."""
    return "" if error.advice is None else error.fill(template(error.advice, face))


def render(error: PkgwidgetsError, face: Face) -> str:
    """Return the sentence and the hint of an error for a front end; the error is unchanged."""
    return f"{error.sentence()} {hint_text(error, face)}".strip()
