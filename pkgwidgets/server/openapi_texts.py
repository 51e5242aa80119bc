"""The texts of the OpenAPI document: what each route does, needs and answers, and its errors."""

from __future__ import annotations

from dataclasses import dataclass

from pkgwidgets.core import errors as core_errors
from pkgwidgets.core.errors import PkgwidgetsError, TransactionError

from . import errors as server_errors
from .errors import RequestRefused

DESCRIPTION = """\
List, plan, change and restore the packages under the notebook kernels of a Jupyter server.

Every route works on the environment of one kernel. `kernel` selects a running kernel by its id, and
`kernelspec` a kernel specification by its name. Without both, it is the default kernel. Paths of
interpreters are not accepted.

A user needs the permission `read` on the resource `pkgwidgets` to list and plan. To change
packages, a user needs the permission `execute`.

A change is one transaction. The answer follows when the transaction has ended. With
`Prefer: respond-async`, the answer follows at once, and `GET transactions/{id}` shows the progress.
If a change fails, it is rolled back and the environment is unchanged.

An error is answered as `{"success": false, "error": {"code", "message", "hint"}}`. The code is
stable. The other fields of `error` are the facts of the message.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class RouteText:
    """The texts of one operation; `permission` is the one that it requires."""

    summary: str
    details: str = ""
    answer: str
    permission: str = "read"

    @property
    def description(self) -> str:
        """What the operation does and needs, as sentences."""
        needs = f"Requires the permission `{self.permission}`."
        return " ".join(filter(None, (f"{self.summary}.", self.details, needs)))


_STORED_PLAN = (
    "To apply a plan from `POST plans`, send only its id as `plan`. It is applied exactly as shown."
)
_BODY_IS_OPTIONAL = "Without a body, a plan is made and applied."

ROUTES = {
    "getContract": RouteText(
        summary="Get this document",
        answer="The OpenAPI document.",
    ),
    "getPackages": RouteText(
        summary="List installed packages",
        details="The index is asked only with `check_updates=true`.",
        answer="All installed packages.",
    ),
    "getPackage": RouteText(
        summary="Get one installed package by name",
        details="Any spelling of the name is accepted.",
        answer="The package.",
    ),
    "getPackageById": RouteText(
        summary="Get one installed package by its normalized name",
        details="Other spellings of the name are normalized.",
        answer="The package.",
    ),
    "comparePublishers": RouteText(
        summary="Compare the publishers of the installed and the compatible release",
        details=(
            "The new release is the newest compatible one. The publishers are those that the "
            "index names (PEP 740). No signature is verified."
        ),
        answer="The comparison; `reason` says why the verdict is `unknown`.",
    ),
    "checkForUpdates": RouteText(
        summary="Check for updates",
        details=(
            "Packages without an update are omitted, unless `name` is given. A package that could "
            "not be checked has an `error`."
        ),
        answer="Packages that have an update or could not be checked.",
    ),
    "upgradePackage": RouteText(
        summary="Upgrade one package",
        details=(
            "Without `version`, the package gets the compatible version. That is the newest "
            f"version that no installed package forbids. {_STORED_PLAN}"
        ),
        answer="The package after the upgrade, and the transaction.",
        permission="execute",
    ),
    "upgradeAllPackages": RouteText(
        summary="Upgrade all packages in one transaction",
        details=(
            f"{_BODY_IS_OPTIONAL} {_STORED_PLAN} With `skip_failing`, releases that cannot be "
            "fetched or fail a check are left out. The others follow in one more transaction. "
            "Do not send it with `Prefer: respond-async`."
        ),
        answer="One result per package, with the reason if it was held back.",
        permission="execute",
    ),
    "dismissNote": RouteText(
        summary="Dismiss the note that a package's last change failed",
        details="The history keeps the change.",
        answer="The package, with an empty `failed_change`.",
        permission="execute",
    ),
    "fixPackages": RouteText(
        summary="Upgrade vulnerable packages, each to its smallest safe version",
        details=f"{_BODY_IS_OPTIONAL} {_STORED_PLAN}",
        answer="One result per package, with the reason if it was held back.",
        permission="execute",
    ),
    "audit": RouteText(
        summary="List known vulnerabilities",
        details=(
            "The configured sources are queried. A service gets names and versions only after the "
            "user has agreed."
        ),
        answer="The vulnerabilities, the worst first, and the packages that are unknown.",
    ),
    "useAdvisories": RouteText(
        summary="Remember the sources of advisories",
        details=(
            "Send this only if the user agrees: the sources may then get the names and versions of "
            "the packages."
        ),
        answer="The sources.",
        permission="execute",
    ),
    "getHolds": RouteText(
        summary="List what limits versions",
        details=(
            "Holds, the minimum age of releases, and the settings of uv and pip. `source` names "
            "the file or setting that has a limit."
        ),
        answer="The limits, and the minimum age.",
    ),
    "hold": RouteText(
        summary="Hold a package at some versions",
        details=(
            "No plan gives it another version. Without `versions`, these are the installed one. A "
            "hold of the same versions gets the new reason and day. An undo takes the change back."
        ),
        answer="The transaction; its id is null if the package is held like this already.",
        permission="execute",
    ),
    "unhold": RouteText(
        summary="Remove the holds of a package",
        details="With `versions`, only the hold of these versions is removed.",
        answer="The transaction.",
        permission="execute",
    ),
    "installPackage": RouteText(
        summary="Install packages",
        details=f"Send either `requirement` or `plan`. {_STORED_PLAN}",
        answer="The first requested package after the installation, and the transaction.",
        permission="execute",
    ),
    "uninstallPackage": RouteText(
        summary="Uninstall a package",
        details=(
            "A package that another installed package requires is not uninstalled. "
            f"{_BODY_IS_OPTIONAL} {_STORED_PLAN}"
        ),
        answer="The transaction.",
        permission="execute",
    ),
    "export": RouteText(
        summary="Export the installed packages as a lock",
        details=(
            "The lock has exact versions and the hashes of the index, for uv and pip. `notes` "
            "names what the format cannot hold."
        ),
        answer="The name and the text of the lock, and what it lacks.",
    ),
    "drift": RouteText(
        summary="Compare the installed packages with a lock",
        details="The lock is sent as text. Addresses in it are not used.",
        answer="The packages that differ, and how many the lock has.",
    ),
    "getEnvironments": RouteText(
        summary="List the copies of environments",
        details="They belong to the user that runs the server.",
        answer="The copies, by name.",
    ),
    "getEnvironment": RouteText(
        summary="Get a copy of an environment, and what runs in it",
        details=(
            "`running` has the programs that run in it, with their process ids. For a kernel of "
            "this server, `kernel` is its id and `notebooks` are the paths of its notebooks."
        ),
        answer="The copy and the programs.",
    ),
    "copyEnvironment": RouteText(
        summary="Copy the environment for this user",
        details=(
            "The copy is a virtual environment with the same versions, and has a kernel. With "
            "`plan_only`, nothing is made. `left_out` of the plan names what cannot be copied."
            " With `Prefer: respond-async`, `GET operations/{id}` shows the progress."
        ),
        answer="The plan, and the copy that was made; null with `plan_only`.",
        permission="execute",
    ),
    "getOperation": RouteText(
        summary="Get a copy that is being made, and its events",
        details=(
            "With `Accept: text/event-stream`, the events are streamed until it has ended. A "
            "restarted server does not know earlier operations."
        ),
        answer="The operation and its events so far.",
    ),
    "cancelOperation": RouteText(
        summary="Cancel a copy that is being made",
        details="The answer follows before it has ended. Nothing is left of the copy then.",
        answer="The operation is being cancelled, unless it has ended already.",
        permission="execute",
    ),
    "removeEnvironment": RouteText(
        summary="Remove a copy of an environment, and its kernel",
        answer="The copy that was removed.",
        permission="execute",
    ),
    "restore": RouteText(
        summary="Return to the packages of a lock or of a day",
        details=f"{_STORED_PLAN} Make it with the field `restore`.",
        answer="One result per package, with the reason if it was held back.",
        permission="execute",
    ),
    "plan": RouteText(
        summary="Plan a change, without applying it",
        details=(
            "Send exactly one of `upgrade`, `install`, `uninstall`, `undo`, `fix` and `restore`. "
            "The same user can apply the plan once, within an hour, by its `id`."
        ),
        answer=(
            "The plan: its changes, what it holds back, and which kernels must restart. Kernels "
            "that execute a notebook without this server are included."
        ),
    ),
    "getTransactions": RouteText(
        summary="List past changes, newest first",
        answer="The transactions of the environment.",
    ),
    "getTransaction": RouteText(
        summary="Get one transaction and its events",
        details=(
            "With `Accept: text/event-stream`, the events are streamed until the transaction has "
            "ended. `Last-Event-ID` continues an interrupted stream."
        ),
        answer="The transaction and its events so far.",
    ),
    "cancelTransaction": RouteText(
        summary="Cancel a running transaction",
        details=(
            "The answer follows before the rollback has ended. `GET transactions/{id}` shows the "
            "outcome."
        ),
        answer="The transaction is being rolled back.",
        permission="execute",
    ),
    "undo": RouteText(
        summary="Undo a committed transaction",
        details=f"{_BODY_IS_OPTIONAL} {_STORED_PLAN}",
        answer="The transaction that restored the old versions.",
        permission="execute",
    ),
}
"""The texts of each operation, by its `operationId`."""

ACCEPTED = "The transaction has started."
COPY_ACCEPTED = "The copy has started."

_FAILURES = {
    "400": "The URL cannot be parsed.",
    "403": "The user lacks the permission, or the environment must not be changed.",
    "404": "The route, package, project, kernel, plan, operation or transaction does not exist.",
    "409": (
        "The change conflicts with installed packages or with another change, or it was rolled "
        "back. The message says what the state is now."
    ),
    "413": "The body is too large.",
    "415": "The content type of the body is not `application/json`.",
    "422": ("A name, version, requirement, field or argument is invalid. Nothing was changed."),
    "500": "The server failed, or a rollback is incomplete. The message says what to do.",
    "501": (
        "The kernel runs on another machine: it is behind a gateway, or its provisioner starts no "
        "process here."
    ),
    "502": "The index did not answer, or uv could not resolve the request.",
    "503": "uv was not found.",
    "507": "A file could not be written, for example because the disk is full.",
}


_BASES = (PkgwidgetsError, TransactionError, RequestRefused)
"""Classes without a status of their own, or with one for each request."""
_REFUSED = ("400", "403", "404", "413", "415", "500")
"""The statuses of `RequestRefused`."""


def failures() -> dict[str, str]:
    """Return the description of each status of a failed request, with its error codes."""
    codes: dict[str, list[str]] = {}
    for error in (*vars(core_errors).values(), *vars(server_errors).values()):
        if isinstance(error, type) and issubclass(error, PkgwidgetsError) and error not in _BASES:
            codes.setdefault(str(error.http_status), []).append(f"`{error.code}`")
    for status in _REFUSED:
        codes.setdefault(status, []).append(f"`{RequestRefused.code}`")
    return {
        status: f"{text} Codes: {', '.join(sorted({*codes[status]}))}."
        for status, text in _FAILURES.items()
    }


PARAMETERS = {
    "kernel": "The id of a kernel that runs on the server's machine.",
    "kernelspec": "The name of a kernel specification.",
    "name": "Check only this package, and answer it even if it has no update.",
    "refresh": "Ignore cached answers of the index.",
    "cached": "Do not ask the index: answer the updates that are known from fresh answers.",
    "check_updates": "Ask the index for updates.",
    "format": "The format: PEP 751, or a requirements file with hashes.",
    "Prefer": "`respond-async` answers 202 with a `Location` at once (RFC 7240).",
    "copy": "The name of a copy.",
    "operation": "The id of an operation.",
    "package": "The name of an installed package, in any spelling.",
    "normalized": "The normalized name of an installed package (PEP 503).",
    "transaction": "The id of a transaction.",
}
"""The descriptions of parameters; those of paths have keys of their own."""
