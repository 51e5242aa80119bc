"""Errors that only agents meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pkgwidgets.core.errors import PkgwidgetsError, shown
from pkgwidgets.core.hints import Hint
from pkgwidgets.core.text import count_noun


@dataclass(eq=False)
class PlanNotRead(PkgwidgetsError):
    """A plan may be applied only after all its pages were read."""

    plan: str
    unread: int
    next_offset: int
    code: ClassVar[str] = "plan-not-read"
    http_status: ClassVar[int] = 409
    default_advice: ClassVar[Hint | None] = Hint.READ_PLAN

    def sentence(self) -> str:
        """Tell how much was not read."""
        count = count_noun(self.unread, "row")
        return f"{count} of the plan {shown(self.plan)} must still be read."


@dataclass(eq=False)
class NotAllowed(PkgwidgetsError):
    """The user did not allow it, or could not be asked. Nothing was changed."""

    reason: str
    code: ClassVar[str] = "not-allowed"
    http_status: ClassVar[int] = 403
    default_advice: ClassVar[Hint | None] = Hint.TELL_USER

    def sentence(self) -> str:
        """Give the reason."""
        return f"{self.reason}."


@dataclass(eq=False)
class ServerMissing(PkgwidgetsError):
    """The tools work inside a Jupyter server whose pkgwidgets extension is on."""

    code: ClassVar[str] = "server-missing"
    http_status: ClassVar[int] = 503
    default_advice: ClassVar[Hint | None] = Hint.ENABLE_SERVER

    def sentence(self) -> str:
        """Return a fixed sentence."""
        return "pkgwidgets is not enabled in this Jupyter server."
