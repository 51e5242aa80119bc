"""Errors that only the server raises; the others are in `core.errors`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from pkgwidgets.core.errors import PkgwidgetsError, shown
from pkgwidgets.core.hints import Hint


@dataclass(eq=False)
class KernelNotFound(PkgwidgetsError):
    """No kernel with this id runs here, or no kernel specification has this name."""

    name: str
    code: ClassVar[str] = "kernel-not-found"
    http_status: ClassVar[int] = 404
    default_advice: ClassVar[Hint | None] = Hint.LIST_KERNELS

    def sentence(self) -> str:
        """Quote the kernel's id or name."""
        return f"There is no kernel {shown(self.name)}."


@dataclass(eq=False)
class KernelElsewhere(PkgwidgetsError):
    """The kernel does not run on this machine, so its environment cannot be read from here."""

    name: str
    reason: str
    code: ClassVar[str] = "kernel-elsewhere"
    http_status: ClassVar[int] = 501
    default_advice: ClassVar[Hint | None] = Hint.USE_IN_NOTEBOOK

    def sentence(self) -> str:
        """Quote the kernel's id or name, and give the reason."""
        return f"The environment of the kernel {shown(self.name)} is out of reach: {self.reason}."


@dataclass(eq=False)
class PlanNotFound(PkgwidgetsError):
    """No such plan is stored: it never was, was used, is too old, or is another user's."""

    plan: str
    code: ClassVar[str] = "plan-not-found"
    http_status: ClassVar[int] = 404
    default_advice: ClassVar[Hint | None] = Hint.MAKE_PLAN

    def sentence(self) -> str:
        """Quote the id."""
        return f"There is no stored plan {shown(self.plan)}."


@dataclass(eq=False)
class QuestionNotFound(PkgwidgetsError):
    """No such question waits for an answer: it was answered, or its time is over."""

    question: str
    code: ClassVar[str] = "question-not-found"
    http_status: ClassVar[int] = 404

    def sentence(self) -> str:
        """Quote the id."""
        return f"There is no open question {shown(self.question)}."


@dataclass(eq=False)
class OperationNotFound(PkgwidgetsError):
    """This server has started no such copy."""

    operation: str
    code: ClassVar[str] = "operation-not-found"
    http_status: ClassVar[int] = 404

    def sentence(self) -> str:
        """Quote the id."""
        return f"There is no operation {shown(self.operation)}."


@dataclass(eq=False)
class TransactionNotFound(PkgwidgetsError):
    """The environment's history has no such transaction."""

    transaction: str
    code: ClassVar[str] = "transaction-not-found"
    http_status: ClassVar[int] = 404
    default_advice: ClassVar[Hint | None] = Hint.LIST_TRANSACTIONS

    def sentence(self) -> str:
        """Quote the id."""
        return f"There is no transaction {shown(self.transaction)}."


@dataclass(eq=False)
class RequestRefused(PkgwidgetsError):
    """The request is refused for its permissions, method, content type or size."""

    status: int
    reason: str
    scopes: tuple[str, ...] = field(default=(), metadata={"added": True})
    """The scopes of JupyterHub of which the user's token needs one; () outside of a hub."""
    code: ClassVar[str] = "request-refused"

    @property
    def advice(self) -> Hint | None:
        """The hint; None for a failure of the server, which no other request would avoid."""
        if self.status >= 500:
            return None
        if self.scopes:
            return Hint.GET_SCOPE
        return Hint.AUTHENTICATE if self.status == 403 else Hint.CHECK_REQUEST

    def sentence(self) -> str:
        """Give the reason."""
        return f"{self.reason.rstrip('.')}."
