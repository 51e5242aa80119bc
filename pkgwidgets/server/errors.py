"""What only a server can be asked in vain for; the other errors are those of the core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pkgwidgets.core.errors import PkgwidgetsError, shown

WORDS = {
    "`get_packages()`": "`GET pkgwidgets/packages`",
    "`history()`": "`GET pkgwidgets/transactions`",
    "`undo()`": "`POST pkgwidgets/transactions/{id}/undo`",
    '`allow="all"`': '`"allow": "all"`',
}
"""What the errors of the core call the service's methods, and how the same is said here."""

_WHO = (
    "Send the server's token, as in `Authorization: token …`, or a login's cookie and its XSRF "
    "token; to change anything a user needs `execute` on `pkgwidgets`."
)


@dataclass(eq=False)
class KernelNotFound(PkgwidgetsError):
    """No kernel of this id runs here, or no kernel specification has this name."""

    name: str
    code: ClassVar[str] = "kernel-not-found"
    hint: ClassVar[str] = "`GET api/kernels` lists what runs, `GET api/kernelspecs` what can run."

    def sentence(self) -> str:
        """Quote what was asked for."""
        return f"There is no kernel {shown(self.name)}."


@dataclass(eq=False)
class PlanNotFound(PkgwidgetsError):
    """No such plan is waiting: it never was, was used, is too old, or is somebody else's."""

    plan: str
    code: ClassVar[str] = "plan-not-found"
    hint: ClassVar[str] = "A plan is carried out once, where and by whom it was made: plan again."

    def sentence(self) -> str:
        """Quote its id."""
        return f"There is no plan {shown(self.plan)} to be carried out."


@dataclass(eq=False)
class TransactionNotFound(PkgwidgetsError):
    """The environment's history has no such transaction."""

    transaction: str
    code: ClassVar[str] = "transaction-not-found"
    hint: ClassVar[str] = "`GET pkgwidgets/transactions` lists those of this environment."

    def sentence(self) -> str:
        """Quote its id."""
        return f"There is no transaction {shown(self.transaction)}."


@dataclass(eq=False)
class RequestRefused(PkgwidgetsError):
    """The request is not one that is answered: its rights, its method, its type or its size."""

    status: int
    reason: str
    code: ClassVar[str] = "request-refused"
    hint: ClassVar[str] = "Nothing was done. `GET pkgwidgets/openapi.json` says what is answered."

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.status == 403:
            vars(self)["hint"] = _WHO

    def sentence(self) -> str:
        """Give the reason."""
        return f"{self.reason.rstrip('.')}."
