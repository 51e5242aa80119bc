"""Which new version is at fault: what it breaks, or that it cannot be installed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from .error_json import error_from_json
from .errors import ReleasesAtFault
from .transactions import UNCHANGED_OUTCOMES, Transaction

_TEXT = re.compile(r"(\S+)==(\S+) (?:breaks (\S+)==(\S+)|cannot be installed): (.*)", re.DOTALL)
_PATH = re.compile(r" \(/[^)]*\)")
"""Where Python found a module: a path in a stage, which is deleted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Breakage:
    """A new version of `culprit` with which `broken`, in a version too, cannot be imported.

    `broken` may be the culprit itself: then it may also be that it cannot be installed. As a text
    it is a fact of an error, so journals keep it.
    """

    culprit: NormalizedName
    culprit_version: Version
    broken: NormalizedName
    broken_version: Version
    error: str
    is_installed: bool = True
    """Whether it was installed, or would be, before the error was found."""

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the breakage that `str` made a text of; None for any other text."""
        match = _TEXT.fullmatch(text)
        try:
            return match and cls(
                culprit=canonicalize_name(match[1]),
                culprit_version=Version(match[2]),
                broken=canonicalize_name(match[3] or match[1]),
                broken_version=Version(match[4] or match[2]),
                error=match[5],
                is_installed=match[3] is not None,
            )
        except InvalidVersion:
            return None

    @property
    def reason(self) -> str:
        """Why the culprit is held back, as a clause."""
        release = f"{self.culprit} {self.culprit_version}"
        error = _PATH.sub("", self.error)
        if not self.is_installed:
            return f"{release} cannot be installed ({error})"
        if self.broken == self.culprit:
            return f"{release} cannot be imported ({error})"
        return f"with {release}, {self.broken} {self.broken_version} cannot be imported ({error})"

    def __str__(self) -> str:
        release = f"{self.culprit}=={self.culprit_version}"
        if not self.is_installed:
            return f"{release} cannot be installed: {self.error}"
        return f"{release} breaks {self.broken}=={self.broken_version}: {self.error}"


def reported_breakages(transaction: Transaction) -> Iterator[Breakage]:
    """Yield the breakages for which a transaction was refused; none for any other reason."""
    if transaction.outcome not in UNCHANGED_OUTCOMES or not transaction.failure:
        return
    try:
        error = error_from_json(json.loads(transaction.failure))
    except ValueError:  # of another version of pkgwidgets
        return
    for text in error.breakages if isinstance(error, ReleasesAtFault) else ():
        breakage = Breakage.parse(text)
        if breakage is not None:
            yield breakage
